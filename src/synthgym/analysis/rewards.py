"""Do reward networks make agents faster, robustly, and others too?

As in Ferreira et al. 2022: agents in the real task with a learned reward, beside the same agents
without one. Means over agents, as published; intervals resample networks, and agents within them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from synthgym.analysis import learning, published
from synthgym.analysis.core import report
from synthgym.analysis.core.estimate import COUNT, GAIN, RETURN, Numbers, counted, short, written
from synthgym.analysis.core.tables import REAL, identity, read, read_all, table
from synthgym.analysis.core.verdict import Claim, Evidence, judge
from synthgym.analysis.figures import rewards as figures
from synthgym.analysis.learning import PLAIN, Line
from synthgym.core.io import read_json, read_table

Section = Mapping[str, Any]
Tasks = Mapping[str, Section]
Experiments = Mapping[str, Mapping[str, Line]]  # trial -> kind of network, or baseline


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write summary.json, table.md, reward_curves.png and reward_map.png into `out`.

    config: `scale` and `reward_tasks` ({task config name: its section, and what is planned}).
    inputs: `progress` of the networks, curves with `networks` and `without`, `maps`; of the
    searches for settings of agents without a network, `best` and what was `tried`.
    """
    scale, tasks = config["scale"], config["reward_tasks"]
    curves = read_all(inputs, ("networks", "without"), "arm", "baseline", experiment="trial")
    line = curves["arm"].where(curves["arm"] != REAL, curves["baseline"])
    curves = in_steps(curves.assign(line=line), tasks)
    progress = read(inputs["progress"], "arm", "seed", task="experiment")
    each = {task: section["repeat_evolved"] for task, section in tasks.items()}
    progress["real_steps"] *= progress["task"].map(each)
    numbers = summarise(scale, tasks, curves, progress)
    numbers["tuned"] = tuned(tasks, inputs.get("best", ()), inputs.get("tried", ()))
    text, maps = markdown(numbers, tasks), [read_table(path) for path in sorted(inputs["maps"])]
    given = {"curves": curves, "maps": maps, "tasks": tasks, "scale": scale}
    return report.publish("reward_report", out, numbers, text, figures, **given)


def in_steps(curves: pd.DataFrame, tasks: Tasks) -> pd.DataFrame:
    """The curves with steps of the task itself, where an action is several of them."""
    repeat = [
        tasks[task]["repeat"][experiment]
        for task, experiment in zip(curves["task"], curves["experiment"], strict=True)
    ]
    return curves.assign(step=curves["step"] * repeat)


def summarise(scale: str, tasks: Tasks, curves: pd.DataFrame, progress: pd.DataFrame) -> Numbers:
    """{task: {experiment: {line: numbers}}}, what the networks cost, and a verdict per claim."""
    numbers: Numbers = {"tasks": {}, "cost": {}, "claims": []}
    for task, section in tasks.items():
        rows, level = curves[curves["task"] == task], published.level(task, section["solved"])
        names = [*section["networks"], *section["baselines"]]
        found = {
            trial: learning.lines(rows[rows["experiment"] == trial], names)
            for trial in section["agents"]
        }
        numbers["tasks"][task] = {
            trial: learning.compared(lines, level, published.steps(task, trial))
            for trial, lines in found.items()
        }
        costs = progress[progress["task"] == task].groupby(["arm", "seed"])
        sums = costs[["seconds", "real_steps"]].sum().groupby("arm").mean()
        numbers["cost"][task] = sums.to_dict("index")
        measures = {
            # at the first test at or after the claim's `step`, or at the end
            "return": partial(
                _returns, found, lambda claim, line, other: line.at(claim.get("step"), other)
            ),
            "area": partial(_returns, found, lambda _, line, other: line.area(other)),
            "steps_to_level": partial(_steps, found, level),
        }
        numbers["claims"] += judge(section.get("claims", ()), measures, task=task)
    return report.summary(scale, numbers)


def _returns(
    found: Experiments, of: Callable[[Claim, Line, Line | None], Numbers], claim: Claim
) -> Iterator[Evidence]:
    for name, line, other in _claimed(found, claim):
        yield Evidence(of(claim, line, other), GAIN if other else RETURN, name)


def _steps(found: Experiments, level: float | None, claim: Claim) -> Iterator[Evidence]:
    for name, line, _ in _claimed(found, claim):
        if level is not None:
            yield Evidence(line.mean_reaches(level), COUNT, name, note="steps")


def _claimed(found: Experiments, claim: Claim) -> Iterator[tuple[str, Line, Line | None]]:
    """The lines that a claim is about, each with the one that it is compared with, if it is."""
    for trial, other, name in product(claim["trials"], claim.get("over", [None]), claim["of"]):
        lines = found.get(trial, {})
        if name in lines and (other is None or other in lines):
            yield name, lines[name], lines.get(other)


def tuned(tasks: Tasks, best: Iterable[Path], tried: Iterable[Path]) -> Numbers:
    """{task: {baseline/experiment: what a search for settings found, and what that took}}.

    `value`: mean return over a training with the best setting.
    """
    found: Numbers = {}
    for best_path, tried_path in zip(sorted(best), sorted(tried), strict=True):
        search = identity(best_path)
        task, name = search["experiment"], f"{search['baseline']}/{search['trial']}"
        trials, planned = read_table(tried_path), tasks[task]["tuned"][name]
        whole = trials[trials["budget"] == planned["steps"]].set_index("configuration")["value"]
        settings = read_json(best_path)["agents"][planned["agent"]]["hyperparameters"]
        found.setdefault(task, {})[name] = {
            **{key: planned[key] for key in ("agent", "default", "steps")},
            "found": settings,
            "value": float(whole.max()),
            "configurations": int(trials["configuration"].nunique()),
            "real_steps": int(trials["real_steps"].sum()),
        }
    return found


def markdown(numbers: Numbers, tasks: Tasks) -> str:
    """The tables, readable on their own."""
    about = numbers["about"]
    parts = [
        "# Reward networks",
        f"Scale `{about['scale']}`: agents trained in the real task, with the reward of a network "
        "or with its own (the plain agent and other baselines), tested on the real task. Means "
        f"over agents [{about['level']:.0%} interval], which resamples networks, and agents within "
        "each: it says what other networks, evolved in the same way, would give. Published: "
        "Ferreira et al. 2022, read off their figures (within 2 to 3 % of the axis). Steps until "
        "a return: at the mean over agents, and of the median agent; never: not in this training. "
        "Best third: published networks are the best 10 (HalfCheetah: 5) of a number of searches "
        "that is not known, ours are all that were begun; these were chosen by the same agents.",
        report.claims(numbers["claims"]),
    ]
    for task, experiments in numbers["tasks"].items():
        section = tasks[task]
        for experiment, lines in experiments.items():
            parts.append(f"## {section['id']}, {section['agents'][experiment]}, {experiment}")
            if (repeat := section["repeat"][experiment]) > 1:
                parts.append(f"An action is {repeat} steps of the task in a row, as published.")
            parts.append(_lines_table(task, experiment, lines, section))
            if below := [f"`{line}`" for line, n in lines.items() if n.get("below_plain")]:
                parts.append(
                    "Ends below the plain agent (the whole interval of the difference): "
                    f"{', '.join(below)}."
                )
        costs = [
            {"network": name} | counted(cost, "seconds", "real_steps")
            for name, cost in numbers["cost"][task].items()
        ]
        parts += [
            f"## {section['id']}, cost of one network",
            f"Evolved with {section['evolved_with']}; mean over networks.",
            table(costs),
        ]
        if searches := numbers["tuned"].get(task):
            parts += [
                f"## {section['id']}, settings found for agents without a network",
                "By BOHB, for the mean return over a training of as many steps as said (those of "
                "agents), with a random seed that is not judged; at first the plan's own settings.",
                _searches(searches),
            ]
    return report.document(*parts)


def _lines_table(task: str, experiment: str, lines: Numbers, section: Section) -> str:
    level = published.level(task, section["solved"])
    rows = []
    for line, numbers in lines.items():
        row = {"reward": line if line != PLAIN else f"{PLAIN} agent"}
        published_returns = published.curve(task, experiment, line)
        for step, value in numbers["at"].items():
            beside = published_returns.get(int(step))
            text = written(value, short) + ("" if beside is None else f" ({beside:g})")
            row[f"at {int(step):,} (published)"] = text
        row["mean over training"] = written(numbers["area"], short)
        row["at the end"] = written(numbers["final"], short)
        ends = numbers["by_network"] if numbers["networks"] else []
        best = ends[: max(1, len(ends) // 3)]
        row["best third of networks"] = short(sum(best) / len(best)) if best else ""
        if level is not None:
            row[f"steps until {level:g}"] = written(numbers["mean_reaches"], short)
            row["median agent"] = written(numbers["median_reaches"], short)
            reached = sum(end >= level for end in ends)
            row["networks that end there"] = f"{reached} of {len(ends)}" if ends else ""
        rows.append({**row, "networks": numbers["networks"] or "", "agents": numbers["agents"]})
    return table(rows)


def _searches(searches: Numbers) -> str:
    rows = [
        {
            "baseline": name.partition("/")[0],
            "agent": search["agent"],
            "found (plan)": ", ".join(
                f"{key} {value:.3g} ({search['default'][key]:.3g})"
                for key, value in search["found"].items()
            ),
            "mean return": short(search["value"]),
            "configurations": search["configurations"],
            "steps": f"{search['steps']:,}",
            "steps of all": f"{search['real_steps']:,}",
        }
        for name, search in searches.items()
    ]
    return table(rows)
