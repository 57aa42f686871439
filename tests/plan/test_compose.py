"""Composing: as Hydra would do all at once; what it composed is remembered while it holds."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore

from plans import ROOT
from synthgym.core.settings import Config, merged
from synthgym.jobs.kept import remembered
from synthgym.plan import compose
from synthgym.plan.compose import Composer, command_line, conform
from synthgym.plan.layers import Layers, plain, tidy_agents
from synthgym.plan.plan import Plan
from synthgym.plan.schema import CONF, definition

LAYERS: Layers = [
    ("here", {"synth": {"name": "bandit"}, "meta": {"sigma": 0.5, "agents": ["ppo"]}})
]
ABSENT = {"distil", "grade"}


def composed(composer: Composer, *overrides: str) -> Any:
    return composer.compose("here", "cartpole", LAYERS, ["dqn"], overrides, ABSENT)


def at_once(
    task: str, layers: Layers, agents: Sequence[str], overrides: Sequence[str], absent: Any
) -> dict[str, Any]:
    """Let Hydra compose a whole job: the values of a plan are a group, over all choices."""
    values: dict[str, Any] = {}
    for _, layer in (*layers, ("command line", command_line(overrides))):
        values = merged(values, layer)
    choices, every = [f"task={task}"], [*agents, *values.get("agents", {})]
    if "meta" not in absent:
        strategy = values.get("meta", {}).get("name", "snes")
        every += values.get("meta", {}).get("agents", definition("meta", strategy)["agents"])
        choices.append(f"meta={strategy}")
    if "synth" not in absent:
        choices.append(f"synth={values['synth']['name']}")
    choices += [f"+agent@agents.{name}={name}" for name in dict.fromkeys(every)]
    store = ConfigStore.instance()
    store.store(name="schema", node=Config)
    store.store(group="plan", name="chosen", node=values, package="_global_")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        whole = hydra_compose("config", overrides=[*choices, "+plan=chosen"])
    config = conform(plain(whole, {*absent, *({"objective"} - values.keys())}), Config)
    tidy_agents(config["agents"])
    return config


class Recorder(Composer):
    """Remembers what it was asked for, and what it gave."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"))
        self.asked: list[tuple[Any, dict[str, Any]]] = []

    def compose(
        self,
        place: str,
        task: str,
        layers: Layers,
        agents: Sequence[str] = (),
        overrides: Sequence[str] = (),
        absent: Collection[str] = (),
    ) -> dict[str, Any]:
        given = super().compose(place, task, layers, agents, overrides, absent)
        self.asked.append(((task, layers, agents, overrides, absent), given))
        return given


@pytest.fixture(scope="module")
def recorded() -> Plan:
    """The plan of the repository, composed by a Recorder."""
    plan = Plan.load(ROOT / "params.yaml")
    plan.composer = Recorder()
    return plan


@pytest.mark.parametrize(
    ("scale", "out", "overrides"),
    [
        ("standard", "tasks/hopper/distilled/seed1/distil", []),
        ("standard", "tasks/pendulum/evolved/seed0/metatrain", ["meta.sigma=1", "synth=mdp"]),
        ("paper", "tasks/halfcheetah/real/td3", ["agents.td3.hyperparameters.gamma=1"]),
        ("standard", "experts/cliff/q_learning", []),
        ("standard", "comparisons/inner_loop/fixed/transfer/dqn_outside", []),
        ("standard", "comparisons/curriculum_hopper/adaptive/seed1/metatrain", []),
        ("paper", "mdps/cartpole_v0/tuned/seed3/metatrain", []),
        ("standard", "rewards/mountain_car_continuous/real/icm/unseen", []),
        ("paper", "rewards/halfcheetah/additive_weighted_info/seed0/metatrain", []),
        ("paper", "search/cartpole_v0/se", []),
        ("standard", "transforms/empty_room", []),
        ("standard", "objectives/lpo_bandit/seed2", []),
    ],
)
def test_values_merged_over_choices_are_what_hydra_composes_at_once(
    recorded: Plan, scale: str, out: str, overrides: list[str]
) -> None:
    job = recorded.jobs(scale)[f"results/{scale}/{out}"]
    recorder: Any = recorded.composer
    recorded[scale].composed, recorder.asked = {}, []
    job.config(overrides)
    assert recorder.asked
    for question, given in recorder.asked:
        whole = at_once(*question)
        # As text, where 1 is not 1.0. The order of agents means something, that of sections not.
        assert json.dumps(given, sort_keys=True) == json.dumps(whole, sort_keys=True)
        assert list(given["agents"]) == list(whole["agents"])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"meta": {"sigma": 1, "population": 4}}, {"meta": {"sigma": 1.0, "population": 4}}),
        ({"meta": {"population": 1e3}}, {"meta": {"population": 1000}}),
        ({"meta": {"sigma": 10**400}},) * 2,
        ({"x": {"seeds": [1e1]}}, {"x": {"seeds": [10]}}),
        ({"meta": {"steps": {"ppo": 2e3}}}, {"meta": {"steps": {"ppo": 2000}}}),
        (
            {"agents": {"ppo": {"static": {"hidden": [1e1]}, "shapes": [{"num_epochs": 3.0}]}}},
            {"agents": {"ppo": {"static": {"hidden": [10]}, "shapes": [{"num_epochs": 3}]}}},
        ),
        ({"meta": {"learning_rate": None}}, {"meta": {"learning_rate": None}}),
        ({"noise": {"intensities": [0, 1]}}, {"noise": {"intensities": [0.0, 1.0]}}),
        ({"meta": {"curriculum": {"begin": 0}}}, {"meta": {"curriculum": {"begin": 0.0}}}),
        ({"meta": {"mirrored": True, "steps": {"ppo": 3}}},) * 2,
    ],
)
def test_numbers_have_the_type_of_their_setting(values: Any, expected: Any) -> None:
    assert json.dumps(conform(values, Config)) == json.dumps(expected)


def test_hyperparameters_have_the_type_of_their_default() -> None:
    config = composed(Composer(Path("nowhere")), "agents.ppo.hyperparameters.gamma=1")
    assert isinstance(config["agents"]["ppo"]["hyperparameters"]["gamma"], float)


# what is remembered


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A file with the choices of one composition."""
    path = tmp_path / "compositions.json"
    composer = Composer(path)
    composed(composer)
    composer.save()
    return path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The choices that Hydra composes anew."""
    calls: list[Any] = []
    original = compose._composed

    def counted(overrides: Sequence[str]) -> Any:
        calls.append(overrides)
        return original(overrides)

    monkeypatch.setattr(compose, "_composed", counted)
    return calls


def test_the_same_comes_from_the_file_in_the_same_order(kept: Path, asked: list[Any]) -> None:
    fresh = composed(Composer(Path("nowhere")))
    assert len(asked) == 5  # task, strategy, synthetic environment, two agents
    again = composed(Composer(kept))
    assert len(asked) == 5
    assert json.dumps(again) == json.dumps(fresh)
    assert list(again["agents"]) == ["dqn", "ppo"]
    assert again["meta"]["sigma"] == 0.5
    assert not {"distil", "objective"} & again.keys()


def test_other_values_take_no_time_and_other_choices_some(kept: Path, asked: list[Any]) -> None:
    composer = Composer(kept)
    assert composed(composer, "meta.sigma=0.25")["meta"]["sigma"] == 0.25
    assert asked == []
    assert composed(composer, "synth=mdp")["synth"]["name"] == "mdp"
    assert len(asked) == 1


def test_nothing_is_remembered_of_other_files_in_conf(
    kept: Path, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compose, "_ground", lambda: "an edited conf/")
    composed(Composer(kept))
    assert len(asked) == 5


@pytest.mark.parametrize("name", ["settings.py", "snes.yaml"])
def test_the_ground_is_all_of_conf_and_the_schema(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = compose._ground()
    original = Path.read_text

    def edited(path: Path, *arguments: Any, **others: Any) -> str:
        return original(path, *arguments, **others) + ("#" if path.name == name else "")

    compose._ground.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_text", edited)
        assert compose._ground() != before
    compose._ground.cache_clear()


def test_what_a_reader_does_to_it_is_not_remembered(kept: Path) -> None:
    composer = Composer(kept)
    composed(composer)["synth"]["hidden"].append(7)
    assert 7 not in composed(composer)["synth"]["hidden"]


@pytest.mark.parametrize("content", ["", '{"ground": {"meta"', "[1, 2]", "of another value"])
def test_a_file_that_is_broken_is_as_none(kept: Path, asked: list[Any], content: str) -> None:
    other = kept.read_text().replace('"horizon": 500', '"horizon": 501')
    kept.write_text(other if content == "of another value" else content)
    composer = Composer(kept)
    assert composed(composer)["meta"]["sigma"] == 0.5
    assert len(asked) == 5
    composer.save()
    assert len(remembered(kept)["choices"]) == 5


def test_without_the_directory_of_the_workflow_nothing_is_left(tmp_path: Path) -> None:
    composer = Composer(tmp_path / "work/compositions.json")
    composed(composer)
    composer.save()
    assert list(tmp_path.iterdir()) == []
