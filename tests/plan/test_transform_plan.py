"""Plans of score transforms: what the job is given, and what is refused, in which words."""

import copy
from typing import Any

import pytest
import yaml

from synthgym.plan import transform_plan
from synthgym.plan.plan import Plan
from synthgym.plan.schema import ConfigError

PARAMS: dict[str, Any] = yaml.safe_load(
    """
scale: smoke
scales:
  smoke:
    seeds: [0]
    agents: [ppo]
    environments: {}
    tasks: {}
    transforms:
      empty_room:
        transforms: [linear, all_better_2]
        step_sizes: [0.1, 1.0]
        mirrored: [true, false]
        seeds: [0, 1, 2]
        agent: q_learning
        settings:
          synth: {horizon: 10}
          meta: {generations: 7, population: 4, steps: {q_learning: 90}}
"""
)


def plan(task: str = "empty_room", **edits: Any) -> Plan:
    """PARAMS with other values for the task; double underscores are dots."""
    params = copy.deepcopy(PARAMS)
    there = params["scales"]["smoke"]
    section = there["transforms"]["empty_room"]
    there["transforms"] = {task: section}
    for name, value in edits.items():
        *parents, last = name.split("__")
        node = section
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value
    return Plan(params)


def refusal(task: str = "empty_room", **edits: Any) -> str:
    with pytest.raises(ConfigError) as error:
        plan(task, **edits).check("smoke")
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_study_is_given_what_it_varies_beside_what_is_fixed() -> None:
    there = plan()
    there.check("smoke")
    config = there.resolve("smoke", studied="empty_room")
    section = PARAMS["scales"]["smoke"]["transforms"]["empty_room"]
    names = ("transforms", "step_sizes", "mirrored", "seeds")
    assert config["transforms"] == {name: section[name] for name in names}
    meta = config["meta"]
    assert not {"transform", "step_size", "mirrored"} & meta.keys()
    assert (meta["name"], meta["agents"], meta["solved"]) == ("ferreira", ["q_learning"], 0.8)
    assert (meta["generations"], meta["population"]) == (7, 4)
    assert meta["steps"] == {"q_learning": 90}
    assert (config["synth"]["name"], config["synth"]["observations"]) == ("mdp", ["one_hot"])
    assert list(config["agents"]) == ["q_learning"]
    assert "tuned" not in config["task"]


def test_the_report_is_told_how_long_searches_are() -> None:
    about = transform_plan.summary(plan(), "smoke")["empty_room"]
    assert (about["id"], about["agent"], about["generations"]) == ("EmptyRoom22", "q_learning", 7)


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ({"transforms": ["best"]}, "transforms.empty_room.transforms: must be one of linear, rank"),
        ({"transforms": []}, "empty_room.transforms: must have one entry or more"),
        ({"step_sizes": [0.1, 0.0]}, "step_sizes: must be above 0, not 0.0"),
        ({"step_sizes": [1.0, 1.0]}, "step_sizes: must have one entry or more, each once"),
        ({"mirrored": ["yes"]}, "mirrored: must be true or false"),
        ({"seeds": [-1]}, "seeds: must be at least 0"),
        ({"agent": "td3"}, "td3 needs continuous actions; empty_room has 4 discrete ones"),
        ({"agent": "q_lerning"}, "do you mean q_learning?"),
        ({"settings__meta__step_size": 1.0}, "meta.step_size: is what is studied; its values"),
        ({"settings__meta__stop": "never"}, "meta.stop: must be solved where transforms"),
        ({"settings__meta__evaluate_every": 2}, "meta.evaluate_every: must be 1 where"),
        ({"settings__meta__name": "snes"}, "meta.name: must be ferreira where transforms"),
        ({"settings__meta__agents": ["dqn"]}, "meta.agents: must be ['q_learning'] where"),
        ({"settings__synth__name": "bandit"}, "bandit puts out vector observations"),
        ({"setings": {}}, "unknown setting; do you mean settings?"),
        ({"task": "empty_rom"}, "no task is named empty_rom in conf/task; do you mean empty_room?"),
        ({"task": "reacher", "agent": "ppo"}, "reacher does not say when it is solved"),
    ],
)
def test_what_makes_no_sense_is_refused(edits: dict[str, Any], words: str) -> None:
    assert words in refusal(**copy.deepcopy(edits))


def test_what_is_lacking_is_said() -> None:
    params = copy.deepcopy(PARAMS)
    del params["scales"]["smoke"]["transforms"]["empty_room"]["seeds"]
    with pytest.raises(ConfigError, match="empty_room: lacks seeds"):
        Plan(params).check("smoke")


def test_a_scale_without_transforms_has_none() -> None:
    params = copy.deepcopy(PARAMS)
    del params["scales"]["smoke"]["transforms"]
    there = Plan(params)
    there.check("smoke")
    assert there.resolve("smoke")["transform_tasks"] == {}
