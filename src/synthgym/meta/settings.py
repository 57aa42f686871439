"""Settings that a search found, in a file, for whoever meta-trains."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from synthgym.core.io import read_json
from synthgym.core.settings import typed
from synthgym.plan.layers import merged
from synthgym.plan.schema import Config, ConfigError, check, listed


def with_settings(config: Any, paths: Iterable[Path]) -> Any:
    """A job's configuration with the settings of these files (best.json) over its own.

    Raises ConfigError, in a sentence, where a file has something that is no setting, out of range,
    or of an agent that the job does not have.
    """
    for path in paths:
        sections = read_json(path)
        if not isinstance(sections, Mapping):
            raise ConfigError(f"{path} is not there, or no sections of a configuration.")
        config = with_sections(config, dict(sections), str(path))
    return config


def with_sections(config: Any, sections: dict[str, Any], place: str) -> Any:
    """The same for sections such as {"meta": {"sigma": 0.1}}; `place` is where they come from."""
    check(sections, Config, place)
    if lacking := sections.keys() - config.keys():
        raise ConfigError(f"{place}: this job has no section {listed(sorted(lacking))}.")
    if unknown := sections.get("agents", {}).keys() - config["agents"].keys():
        raise ConfigError(f"{place}: this job has no agent {listed(sorted(unknown))}.")
    return typed(merged(config, sections))
