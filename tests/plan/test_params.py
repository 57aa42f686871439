"""params.yaml and conf/experiment/: what the repository plans is in order, and whole."""

import copy
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from plans import ROOT
from synthgym.analysis.runs import VARIANTS
from synthgym.core.settings import REAL
from synthgym.jobs.planned import experiments
from synthgym.plan.claims import check_claim
from synthgym.plan.experiments import Experiment
from synthgym.plan.plan import Plan
from synthgym.plan.scale import KINDS
from synthgym.plan.schema import ConfigError, definition, groups
from synthgym.plan.sweeps import Search
from synthgym.stages import STAGES, labels

SCALES = ("smoke", "quick", "standard", "paper")
TEXT = (ROOT / "params.yaml").read_text()
EVERY = {
    name: file
    for name in groups("experiment")
    if (file := definition("experiment", name))["place"].split("/")[0] in KINDS
}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan.load(ROOT / "params.yaml")


@pytest.mark.parametrize("scale", SCALES)
def test_a_scale_is_in_order_and_each_of_its_jobs_has_a_configuration(
    plan: Plan, scale: str
) -> None:
    plan.check(scale)
    for job in plan.jobs(scale).values():
        config = job.config([])
        for name in STAGES[job.stage].uses:
            section: Any = config
            for part in name.split("."):
                section = section[part]


@pytest.mark.parametrize("scale", SCALES)
def test_no_two_jobs_have_the_same_place(plan: Plan, scale: str) -> None:
    planned = plan[scale]
    parts = (*planned.tasks.values(), *planned.experts.values(), *planned.experiments.values())
    counts = Counter(job.out for part in parts for job in part.jobs())
    assert [out for out, count in counts.items() if count > 1] == []
    assert counts.keys() <= planned.jobs.keys()


@pytest.mark.parametrize("scale", SCALES)
def test_a_place_says_which_job_it_is_of(plan: Plan, scale: str) -> None:
    for out, job in plan.jobs(scale).items():
        seen, known = labels(out), {"stage": job.stage, **job.labels}
        assert seen.get("stage") == job.stage, out
        named = {name: str(known[name]) for name in seen if name in known}
        assert named.items() <= seen.items(), out
        assert job.out == out


@pytest.mark.parametrize("scale", SCALES)
def test_whatever_a_job_reads_another_one_leaves_or_the_repository_has(
    plan: Plan, scale: str
) -> None:
    jobs = plan.jobs(scale)
    left = {
        f"{out}/{file}"
        for out, job in jobs.items()
        for file in (
            "manifest.json",
            *STAGES[job.stage].outputs,
            *(file for file, _ in STAGES[job.stage].drawn(experiments(jobs))),
        )
    }
    needed = {
        (out, file) for out, job in jobs.items() for files in job.needs.values() for file in files
    }
    assert {(out, file) for out, file in needed if file not in left} == {
        (out, file) for out, file in needed if (ROOT / file).is_file() and "results" not in file
    }
    assert all(str(Path(file).parent) != out for out, file in needed)
    assert {job for group in plan.groups(scale).values() for job in group} <= jobs.keys()


def test_no_anchor_crosses_scales() -> None:
    starts = [
        (number, found[1])
        for number, line in enumerate(TEXT.splitlines())
        if (found := re.fullmatch(r"  (\w+):.*", line))
    ]
    assert [scale for _, scale in starts] == list(SCALES)

    def scale_at(line: int) -> str:
        return [scale for start, scale in starts if start <= line][-1]

    defined: dict[str, str] = {}
    for event in yaml.parse(TEXT):
        if anchor := getattr(event, "anchor", None):
            assert event.start_mark
            scale = scale_at(event.start_mark.line)
            if isinstance(event, yaml.AliasEvent):
                assert defined[anchor] == scale, anchor
            else:
                assert anchor not in defined, anchor
                defined[anchor] = scale
    assert defined


def test_the_plan_can_be_read_at_a_sitting() -> None:
    lines = TEXT.splitlines()
    assert len(lines) <= 300
    files = [ROOT / "params.yaml", *(ROOT / "src/synthgym/conf/experiment").glob("*.yaml")]
    long = [
        f"{path.name}: {line}"
        for path in files
        for line in path.read_text().splitlines()
        if len(line) > 120
    ]
    assert long == []


def change(values: Any) -> None:
    """Add 1 to every number, in place, as another text would."""
    for key, value in values.items() if isinstance(values, dict) else enumerate(values):
        if isinstance(value, dict | list):
            change(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            values[key] = value + 1


def test_what_a_scale_says_changes_no_other_scale(plan: Plan) -> None:
    params = yaml.safe_load(TEXT)
    change(params["scales"]["quick"])
    other = Plan(params)
    other.composer = plan.composer
    assert other["quick"].values != plan["quick"].values
    for scale in ("smoke", "standard", "paper"):
        before, after = plan.jobs(scale), other.jobs(scale)
        assert list(before) == list(after)
        for out, job in before.items():
            assert json.dumps(job.config([])) == json.dumps(after[out].config([])), out


NOWHERE = {  # what a scale lacks for an experiment
    ("unseen_continuous", "quick"): "no task is named",
    ("ranking_pendulum", "quick"): "no task is named",
    ("family_pendulum", "quick"): "no task is named",
}


@pytest.mark.parametrize("scale", SCALES)
def test_every_experiment_is_in_order_with_every_budget(plan: Plan, scale: str) -> None:
    """In the scale that is called as the budget; without budgets, in that which names it."""
    named = plan.params["scales"][scale]["experiments"]
    budgets = [name for name, file in EVERY.items() if scale in file.get("budgets", [])]
    params = copy.deepcopy(plan.params)
    given = {name: {"seeds": [0]} for name in budgets}
    params["scales"][scale]["experiments"] = {**given, **named}
    all_of_them = Plan(params)
    all_of_them.composer = plan.composer
    for name, experiment in all_of_them[scale].experiments.items():
        if (name, scale) in NOWHERE:
            with pytest.raises(ConfigError, match=NOWHERE[name, scale]):
                experiment.check()
        else:
            experiment.check()
            assert all(job.config([]) for job in experiment.jobs())


def test_every_experiment_is_of_a_scale(plan: Plan) -> None:
    used = {name for scale in SCALES for name in plan.params["scales"][scale]["experiments"]}
    assert used == EVERY.keys()


@pytest.mark.parametrize("scale", SCALES)
def test_claims_are_about_what_a_scale_has(plan: Plan, scale: str) -> None:
    for one in plan[scale].experiments.values():
        for claim in one.claims:
            arms = one.arms if isinstance(one, Experiment) else one.values.get("transforms", [])
            others = ("ppo", "dpo", REAL, *one.values.get("without", {}))
            parts = [{**claim, **part} for part in claim.get("parts", [{}])]
            for part in parts:
                for side in ("of", "over"):
                    assert set(part.get(side, [])) <= {*arms, *others}, claim["says"]
                for kind in ("trials", "over_trials"):
                    trials = set(one.values.get("trials", []))
                    assert set(part.get(kind, [])) <= trials, claim["says"]


@pytest.mark.parametrize("name", sorted({*groups("experiment")} - EVERY.keys()))
def test_claims_of_reports_are_claims(name: str) -> None:
    for key, claim in definition("experiment", name)["claims"].items():
        check_claim(claim, f"experiment {name}.claims.{key}", VARIANTS, [])


def test_searches_have_the_whole_budget(plan: Plan) -> None:
    found = [search for scale in SCALES for search in plan[scale].of_kind(Search)]
    assert {search.scale.name for search in found} == set(SCALES)
    for search in found:
        config = search.config()
        assert config["meta"]["generations"] == config["search"]["budget"]["max"]


# Liesen et al. 2024: generations, population, rollouts, test episodes; horizons from, to, and
# the generations between which they change.
PUBLISHED_BANDITS: dict[str, tuple[Any, ...]] = {
    "acrobot": (100, 128, 1, 50, None),
    "cartpole": (300, 128, 1, 50, None),
    "mountain_car": (1000, 128, 1, 50, (1000, 200, 200, 800)),
    "mountain_car_continuous": (300, 128, 1, 50, None),
    "pendulum": (1000, 64, 8, 50, None),
    "halfcheetah": (2000, 128, 1, 50, (100, 1000, 200, 1800)),
    "hopper": (2000, 256, 1, 16, (100, 1000, 200, 1800)),
    "humanoidstandup": (1000, 128, 1, 50, (100, 1000, 200, 800)),
    "swimmer": (2000, 128, 1, 50, (100, 1000, 200, 1800)),
    "walker2d": (1000, 128, 1, 50, (100, 1000, 150, 850)),
}


@pytest.mark.parametrize("task", PUBLISHED_BANDITS)
def test_paper_has_the_published_budgets(plan: Plan, task: str) -> None:
    config = plan["paper"].tasks[task].config("bandit")
    meta, kind = config["meta"], config["task"]["action"]["kind"]
    generations, population, rollouts, episodes, horizons = PUBLISHED_BANDITS[task]
    assert (meta["generations"], meta["population"]) == (generations, population)
    assert (meta["rollouts"], meta["episodes"], meta["sigma"]) == (rollouts, episodes, 0.05)
    others = {"discrete": ["sac", "dqn"], "continuous": ["sac", "ddpg", "td3"]}[kind]
    assert meta["steps"] == dict.fromkeys(["ppo", *others], 10_000)
    curriculum = meta["curriculum"]
    shares = [curriculum[name] * generations for name in ("begin", "end")]
    planned = (curriculum["start"], config["task"]["horizon"], *map(round, shares))
    assert (None if curriculum["kind"] == "constant" else planned) == horizons
    rates = config["agents"]["ppo"]["search"]["learning_rate"]["choice"]
    assert max(rates) == {"discrete": 0.01, "continuous": 0.005}[kind]


def test_the_long_evolution_of_standard_is_what_paper_plans(plan: Plan) -> None:
    """But for how often, and by how many agents, the search is looked at."""
    tasks = plan["standard"].tasks.values()
    long = [task.name for task in tasks if "evolved_long" in task.environments]
    assert long
    for task in long:
        ours = plan["standard"].tasks[task].config("evolved_long")
        published = plan["paper"].tasks[task].config("bandit")
        assert ours["meta"] | {"evaluate_draws": 64} == published["meta"]
        assert (ours["synth"], ours["agents"]) == (published["synth"], published["agents"])
