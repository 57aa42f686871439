"""What is refused in a plan, at which place, and in which words."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from plans import KINDS, PARTS, ROOT, plan, refusal
from synthgym.plan.compose import Composer
from synthgym.plan.plan import Plan
from synthgym.plan.schema import ConfigError
from synthgym.stages import labels

ROWS: list[dict[str, Any]] = yaml.safe_load((ROOT / "tests/plan/refusals.yaml").read_text())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(map(str, next(iter(row.items())))))
def test_nonsense_is_refused_in_a_sentence_that_names_the_place(row: dict[str, Any]) -> None:
    edits = {path: value for path, value in row.items() if path not in ("at", "says")}
    first = next(iter(edits))
    where = f"scales.{first}" if first.startswith("smoke.") else f"experiment {first}"
    where, says = row.get("at", where), row["says"]
    separator = "" if says.startswith((".", "[")) else ": "
    assert refusal(edits).startswith(f"{where}{separator}{says}")


def test_the_plan_whose_parts_are_edited_is_in_order() -> None:
    plan({}, *KINDS).check()


@pytest.mark.parametrize(
    "path",
    [
        *(f"{kind}.{part}" for kind in KINDS for part in PARTS[kind]),
        *(
            "lengths.arms.mdp",
            "lengths.trials.wide",
            "lengths.claims.same",
            "rewards.without.found",
        ),
        *("lengths.only", "lengths.budgets", "smoke.environments.mdp_dqn", "smoke.tasks.cartpole"),
        *("smoke.insight", "smoke.clients", "smoke.choices", "smoke.experts", "smoke.experiments"),
    ],
)
def test_whatever_a_part_is_the_plan_is_in_order_or_refused(path: str) -> None:
    values: list[Any] = [None, 3, ["x"], {"x": 3}]
    for value in values:
        try:
            planned = plan({path: value})
            planned.check()
        except ConfigError:
            continue
        assert all(job.config([]) for job in planned.jobs.values())


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("meta.popsize=3", "command line.meta.popsize: unknown setting; do you mean step_size?"),
        ("meta.population=1", "command line.meta.population: must be at least 2 candidate "),
        ("meta.population=3,4", "command line: meta.population=3,4 is not for a single job."),
        (
            "meta=openes",
            "command line.meta.name: no strategy is named openes in conf/meta; do you ",
        ),
        ("synth=mpd", "command line.synth: no synth is named mpd in conf/synth; do you mean mdp?"),
        ("meta.population=[", "command line: "),
    ],
)
def test_nonsense_on_the_command_line_is_refused_alike(override: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        plan().tasks["cartpole"].config("bandit_ppo", overrides=[override])
    assert str(error.value).startswith(sentence)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("place", "of"),
    [("bandit_ppo/seed0/transfer/PPO2", "no stage"), ("real/transfer/ppo", "baseline")],
    ids=["an agent's file with capitals", "an arm that stands for the task"],
)
def test_names_that_would_break_a_rule_are_refused(place: str, of: str) -> None:
    planned, out = plan(), f"results/smoke/tasks/cartpole/{place}"
    job = next(job for job in planned.jobs.values() if job.stage == "transfer")
    planned.__dict__["jobs"] = {out: replace(job, out=out)}
    with pytest.raises(ConfigError) as error:
        planned.check()
    sentence = f"scales.smoke: {out} would be a directory of {of}, not of transfer: names consist"
    assert str(error.value).startswith(sentence)


def test_steps_must_be_given_for_every_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Composer.section

    def section(self: Composer, task: str, group: str = "", name: str = "") -> Any:
        values = original(self, task, group, name)
        if group == "meta":
            del values["steps"]["dqn"]
        return values

    monkeypatch.setattr(Composer, "section", section)
    assert refusal({}) == "conf.meta.steps: lacks dqn, which is among meta.agents."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "params.yaml is not here; start at the top of the repository."),
        ("scale: [", "params.yaml, line 1, column 9: is not YAML: "),
        ("{}", "params.yaml: lacks scale, scales."),
        (
            "{scale: smok, scales: {smoke: {%s}}}",
            "scale: no scale is named smok in params.yaml; do",
        ),
    ],
)
def test_a_params_yaml_that_is_none_is_refused(
    text: str | None, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        nothing = "seeds: [0], agents: [ppo], environments: {}, tasks: {}"
        Path("params.yaml").write_text(text.replace("%s", nothing))
    with pytest.raises(ConfigError) as error:
        Plan.load()
    assert str(error.value).startswith(sentence)


@pytest.mark.parametrize("name", ["../../x", "a b", "", "$(x)", "größe", "a" * 65])
def test_a_scale_has_a_name_that_can_be_a_folder_anywhere(name: Any) -> None:
    with pytest.raises(ConfigError, match=r"a name (consists of a-z, 0-9 and _|has 64)"):
        Plan({"scale": name, "scales": {name: PARTS["smoke"]}})


def test_a_scale_may_have_a_digit_in_its_name() -> None:
    planned = Plan({"scale": "tiny_2", "scales": {"tiny_2": PARTS["smoke"]}})
    for out, job in planned.jobs("tiny_2").items():
        assert (labels(out)["stage"], labels(out)["scale"]) == (job.stage, "tiny_2")
