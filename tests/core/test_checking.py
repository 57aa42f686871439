"""Every setting has a range: what is outside is refused, what conf/ says is within."""

import dataclasses
import importlib
import math
from typing import Any

import pytest

from synthgym.agents import base, dqn, drift, networks, tabular, td3
from synthgym.core.checking import LARGEST, check, check_agent
from synthgym.core.definitions import CONF, definition, groups, providers, read_yaml
from synthgym.core.settings import (
    ACTIVATIONS,
    HIGHEST_SEED,
    Config,
    ConfigError,
    Static,
    Synth,
    Traced,
    fields,
)
from synthgym.synth.networks import ACTIVATIONS as OF_SYNTH

PPO, DQN, TD3 = "agents.ppo", "agents.dqn", "agents.td3"


def sections(path: str, value: Any) -> Any:
    """Return {a: {b: value}} of a path such as a.b."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


@pytest.mark.parametrize(
    ("path", "values"),
    [
        (f"{PPO}.static.num_envs", [0, 2**31, 2.5, True]),
        (f"{PPO}.static.num_steps", [0, -1, 1e30]),
        (f"{PPO}.static.num_epochs", [0, -3]),
        (f"{PPO}.static.num_minibatches", [0]),
        (f"{DQN}.static.batch_size", [0, -1, 1e30]),
        (f"{DQN}.static.buffer_size", [-1, 10**12]),
        (f"{DQN}.static.hidden", [[-4], [0], [64, 10**9], [1] * 65, "64"]),
        (f"{PPO}.static.activation", ["sigmoid", "", "prelu"]),
        (f"{PPO}.static.optimiser", ["adamw"]),
        (f"{PPO}.static.test_policy", ["noisy"]),
        (f"{TD3}.static.test_policy", ["sample"]),
        (f"{DQN}.static.target", ["greedy"]),
        ("agents.ppo_icm.static.learner", ["os", "synthgym.agents.base"]),
        (f"{PPO}.hyperparameters.gamma", [5, -1, math.inf, math.nan, "0.9", None]),
        (f"{PPO}.hyperparameters.learning_rate", [0, -1, 1e9, math.inf, 1e-60]),
        (f"{PPO}.hyperparameters.clip", [-1, 0]),
        (f"{PPO}.hyperparameters.max_grad_norm", [1e39, 10**400]),
        (f"{DQN}.hyperparameters.epsilon_end", [7, -0.1]),
        (f"{PPO}.search.gamma", [{"uniform": [0.5, 1.5]}, {"choice": [0.9, -1.0]}]),
        (f"{PPO}.search.clip", [{"log_uniform": [0.1, math.inf]}, {"int": [0, 2]}]),
        (f"{PPO}.shapes", [[{"num_epochs": 0}], [{"hidden": [0]}], [3], {"num_epochs": 1}]),
        (f"{PPO}.name", ["../../x", "dqn"]),
        ("distil.exploration", [1.1]),
        ("distil.indifferent", [1, 2]),
        ("choices.teacher", [[0.5, 2.0], [0.0]]),
        *((f"meta.{name}", [math.inf, 0]) for name in ("sigma", "step_size", "learning_rate")),
        ("meta.curriculum.growth", [math.inf, 1, 1 + 1e-12]),
        ("meta.curriculum.end", [1.5]),
        ("noise.intensities", [[math.inf], [-1]]),
        ("transfer.solved", [math.inf, 10**400]),
        ("transfer.draws", [1e30, 2**31, 0]),
        ("seed", [2**63, 2**32, -1]),
        ("synth.initial_states", [10**12]),
        ("synth.activation", ["os.system"]),
        ("synth.module", ["os", "synthgym.synth.networks", "synthgym.tasks.classic"]),
        ("task.module", ["this"]),
        ("task.options", [{"repeat": 0}, {"backend": "positionl"}, {"of": "os"}, {"other": 1}]),
    ],
)
def test_what_is_out_of_its_range_is_refused_in_a_sentence(path: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(ConfigError, match=r"^here\.") as error:
            check(sections(path, value), Config, "here")
        sentence = str(error.value)
        assert path.split(".")[-1] in sentence
        assert sentence.isprintable()
        assert sentence.endswith((".", "?"))


@pytest.mark.parametrize("value", [1000, 1e3])
def test_a_whole_number_may_be_written_with_an_exponent(value: float) -> None:
    check({"meta": {"population": value}}, Config, "here")


@pytest.mark.parametrize("name", groups("agent"))
def test_each_setting_of_an_agent_is_described_and_in_its_range(name: str) -> None:
    agent = definition("agent", name)
    assert agent["static"].keys() <= fields(Static).keys()
    assert agent["hyperparameters"].keys() <= fields(Traced).keys()
    check_agent(agent, name, name)


def test_each_description_is_of_a_setting_that_agents_have() -> None:
    every = [definition("agent", name) for name in groups("agent")]
    assert fields(Static).keys() == {name for agent in every for name in agent["static"]}
    assert fields(Traced).keys() == {name for agent in every for name in agent["hyperparameters"]}


@pytest.mark.parametrize("task", groups("task"))
def test_agents_are_tuned_within_these_ranges(task: str) -> None:
    for name, tuned in definition("task", task)["tuned"].items():
        check(tuned["steps"], int, task, {"low": 1})
        check_agent({k: v for k, v in tuned.items() if k != "steps"}, name, f"{task}.{name}")


def test_words_are_those_that_the_code_knows() -> None:
    def words(name: str) -> Any:
        return fields(Static)[name].metadata["among"]

    assert set(ACTIVATIONS) == set(networks.ACTIVATIONS)
    assert set(fields(Synth)["activation"].metadata["among"]) == set(OF_SYNTH)
    assert set(words("optimiser")) == set(base.OPTIMISERS)
    assert set(words("drift")) == {"clip", *drift.DRIFTS}
    assert words("target") == {"dqn": dqn.WORDS["target"], "tabular": tabular.TARGETS}
    assert words("test_policy")["td3"] == td3.WORDS["test_policy"]
    assert set(words("noise_unit")) == set(td3.WORDS["noise_unit"])
    for name in ("exploration", "centred_over"):
        assert set(words(name)) == set(dqn.WORDS[name])


@pytest.mark.parametrize("package", ["agents", "synth", "tasks"])
def test_modules_that_a_setting_may_name_provide_something(package: str) -> None:
    assert all(callable(importlib.import_module(name).make) for name in providers(package))
    named = {
        definition(kind, name).get("module")
        for kind in ("agent", "synth", "task")
        for name in groups(kind)
    }
    assert {name for name in named if f".{package}." in str(name)} <= set(providers(package))


def test_ranges_are_within_what_computes_and_have_a_beginning() -> None:
    def numbers(kind: Any) -> Any:
        for field in fields(kind).values():
            if dataclasses.is_dataclass(field.type):
                yield from numbers(field.type)
            elif field.type is int:
                yield field

    for field in (*numbers(Config), *numbers(Static)):
        limits = field.metadata
        assert limits["low"] is not None or limits["above"] is not None, field.name
        most = HIGHEST_SEED if field.name == "seed" else LARGEST[int]
        assert (limits["high"] or 0) <= most, field.name


def test_hydra_reads_the_same_from_conf_as_we_do() -> None:
    from omegaconf import OmegaConf

    for path in sorted(CONF.rglob("*.yaml")):
        theirs = OmegaConf.to_container(OmegaConf.load(path))
        assert theirs == read_yaml(path), path
