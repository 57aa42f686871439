"""A stage by hand: which job is meant, with which settings and files; what is refused, and how."""

import shlex
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from synthgym import __main__
from synthgym.jobs.codehash import module_file
from synthgym.plan.plan import Plan
from synthgym.plan.schema import ConfigError
from synthgym.stages import CAPTIONS, PHASES, STAGES
from synthgym.verbs.by_hand import find

ROOT = Path(__file__).parents[2]


PLAN = cache(Plan.load)  # it takes seconds to compose the configurations of standard


@pytest.fixture(autouse=True)
def _at_the_top(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(Plan, "load", PLAN)


@pytest.fixture
def files_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "is_file", lambda path: True)


def spec(verb: str, *words: str) -> dict[str, Any]:
    arguments, settings = __main__._parser().parse_known_args([verb, *words])
    return __main__._by_hand(arguments, settings)


def place(stage: str, scale: str = "smoke", **given: str) -> str:
    plan = Plan.load()
    plan.check(scale)
    return find(plan.jobs(scale), stage, given, f"scale {scale}").out


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.usefixtures("files_are_there")
def test_the_example_of_every_stage_names_a_job_of_the_plan(stage: str) -> None:
    made = spec(stage, *shlex.split(STAGES[stage].example))
    assert made["stage"] == stage
    assert made["config"].keys() == {name.partition(".")[0] for name in STAGES[stage].uses}


@pytest.mark.parametrize("stage", STAGES)
def test_every_row_of_the_table_names_what_there_is(stage: str) -> None:
    row = STAGES[stage]
    assert module_file(row.module)
    assert all((ROOT / f"workflow/report/{name}.rst").exists() for name in CAPTIONS)
    assert not row.category or (ROOT / f"workflow/report/{row.caption}.rst").exists()


@pytest.mark.parametrize(
    ("stage", "given", "out"),
    [
        ("metatrain", {"task": "cartpole"}, "tasks/cartpole/bandit_ppo/seed0/metatrain"),
        ("baseline", {"task": "cartpole", "agent": "dqn"}, "tasks/cartpole/real/dqn"),
        (
            "baseline",
            {"family": "comparisons", "trial": "outside"},
            "comparisons/inner_loop/real/outside",
        ),
        ("metatrain", {"family": "rewards"}, "rewards/cliff/additive_potential/seed0/metatrain"),
        ("metatrain", {"seed": "1"}, "rewards/cliff/additive_potential/seed1/metatrain"),
        ("page", {}, "page"),
    ],
)
def test_the_main_experiment_and_the_first_seed_are_meant_unless_others_are_named(
    stage: str, given: Mapping[str, str], out: str
) -> None:
    assert place(stage, **given) == f"results/smoke/{out}"


@pytest.mark.parametrize(
    ("stage", "given", "sentence"),
    [
        ("metatrain", {"task": "cartpol"}, "no task is named cartpol .* do you mean cartpole"),
        ("transfer", {"environment": "graded"}, "--agent is missing; there is ppo, dqn"),
        ("transfer", {"task": "cartpole"}, "--environment is missing; there is bandit_ppo, graded"),
        ("study", {"environment": "varied"}, "--trial is missing; there is seen, ranking"),
        ("choices", {}, "scale smoke has no job of choices"),
    ],
)
def test_what_is_no_job_or_several_is_refused_with_those_there_are(
    stage: str, given: Mapping[str, str], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        place(stage, **given)


IN = ("--scale", "smoke", "--task", "cartpole", "--environment", "bandit_ppo", "--agent", "dqn")


@pytest.mark.usefixtures("files_are_there")
def test_settings_and_files_take_the_place_of_those_of_the_plan() -> None:
    made = spec("transfer", *IN, "--out", "outputs/try", "--input", "environment=x", "seed=3")
    assert (made["config"]["seed"], made["files"]) == (3, {"environment": ["x"]})
    assert made["out"] == "outputs/try"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "transfer needs --out"),
        (("--out", "results/smoke/tasks/x"), "results/ belongs to the workflow"),
        (("--out", "x", "--input", "env=y"), "no input is named env in transfer"),
        (("--out", "x", "--input", "environment=y"), "y is not there; name a file by --input"),
        (("--out", "x", "transfer.draw=3"), "transfer.draw: unknown setting; do you mean draws"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(
    words: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        spec("transfer", *IN, *words)


def test_help_lists_every_verb_by_what_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        __main__.main(["--help"])
    shown = capsys.readouterr().out
    for phase, stages in PHASES.items():
        assert f"stages to {phase}:" in shown
        assert all(f"    {name} " in shown for name in stages)


def test_check_looks_at_one_scale_unless_it_is_asked_for_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert __main__.main(["check", "--scale", "smoke"]) == 0
    assert "metatrain               7  cartpole 2" in capsys.readouterr().out
    assert __main__.main(["check", "--scale", "smok"]) == 2
    assert "do you mean smoke?" in capsys.readouterr().err
