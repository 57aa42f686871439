"""A job's configuration as method code sees it: typed, frozen, and only what the job sees."""

import json
from typing import Any

import pytest

from synthgym.core.settings import Config, ConfigError, Meta, Study, fields, merged, plain

VALUES: dict[str, Any] = {
    "seed": 3,
    "meta": {"agents": ["ppo"], "steps": {"ppo": 10}, "sigma": 0.1, "start": None},
    "agents": {"ppo": {"name": "ppo", "static": {"hidden": [8, 8]}}},
}


def test_what_is_read_is_typed_and_comes_out_as_it_was() -> None:
    config = Config.read(VALUES)
    assert isinstance(config.meta, Meta)
    assert config.meta.agents == ("ppo",)
    assert config.agents["ppo"].static["hidden"] == (8, 8)
    assert json.dumps(plain(config)) == json.dumps(VALUES)
    assert config == Config.read(plain(config))


def test_it_is_frozen_also_within() -> None:
    config: Any = Config.read(VALUES)
    with pytest.raises(TypeError, match="frozen"):
        config.seed = 4
    with pytest.raises(TypeError, match="frozen"):
        config.meta.sigma = 0.2
    with pytest.raises(TypeError):
        config.meta.steps["ppo"] = 20
    with pytest.raises(TypeError, match="frozen"):
        del config.seed


def test_what_a_job_does_not_see_is_not_there() -> None:
    config = Config.read(VALUES)
    assert "transform" not in config.meta
    with pytest.raises(AttributeError, match="no transform in this Meta, only agents, steps"):
        _ = config.meta.transform
    with pytest.raises(AttributeError, match="no task in this Config, only seed, meta"):
        _ = config.task


def test_a_change_makes_another_one() -> None:
    config = Config.read(VALUES)
    changed = config.replace(meta=config.meta.replace(sigma=0.2))
    assert (config.meta.sigma, changed.meta.sigma) == (0.1, 0.2)
    assert plain(changed) == merged(VALUES, {"meta": {"sigma": 0.2}})


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(ConfigError, match="Meta has no setting sigmas"):
        Config.read({"meta": {"sigmas": 0.1}})
    with pytest.raises(ConfigError, match="Study has no setting drawn"):
        Study.read({"draws": 1}).replace(drawn=2)


def test_files_cannot_have_what_the_plan_tells_a_job() -> None:
    assert "solved" not in fields(Meta)
    assert Meta.read({"solved": 1.0}).solved == 1.0
