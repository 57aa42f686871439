"""Do reward networks make agents faster, robustly, and others too? Numbers, verdicts, figures.

As in Ferreira et al. 2022: agents in the real task with a learned reward, beside the same agents
without one. Means over agents, as published; intervals resample networks, and agents within them.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from tabulate import tabulate

from synthgym.analysis import learning, published
from synthgym.analysis.core import report
from synthgym.analysis.core.estimate import Numbers, rounded
from synthgym.analysis.core.statistics import LEVEL
from synthgym.analysis.figures import rewards as figures
from synthgym.analysis.figures.common import draw
from synthgym.analysis.learning import PLAIN
from synthgym.core.io import read_json, read_table

Tasks = Mapping[str, Mapping[str, Any]]


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write summary.json, table.md, reward_curves.png and reward_map.png into `out`.

    config: `scale` and `reward_tasks` ({task config name: its section, and what is planned}).
    inputs: `progress` of the networks, curves with `networks` and `without`, `maps`; of the
    searches for settings of agents without a network, `best` and what was `tried`.
    """
    scale, tasks = config["scale"], config["reward_tasks"]
    curves = in_steps(read(inputs["networks"], inputs["without"]), tasks)
    progress = pd.concat([_of_network(path) for path in sorted(inputs["progress"])])
    each = progress["task"].map(
        {task: section["repeat_evolved"] for task, section in tasks.items()}
    )
    progress = progress.assign(real_steps=progress["real_steps"] * each)
    numbers = summarise(scale, tasks, curves, progress)
    numbers["tuned"] = tuned(tasks, inputs.get("best", ()), inputs.get("tried", ()))
    drawn = draw(
        "reward_report",
        vars(figures),
        curves=curves,
        levels={name: published.level(name, section["solved"]) for name, section in tasks.items()},
        maps=[read_table(path) for path in sorted(inputs["maps"])],
        tasks=tasks,
        scale=scale,
    )
    return report.write(out, numbers, markdown(numbers, tasks), drawn)


def read(networks: Iterable[Path], without: Iterable[Path]) -> pd.DataFrame:
    """All learning curves: columns experiment and line (kind of network, or baseline), too."""
    tables = [
        read_table(path).assign(experiment=path.parts[-2], line=path.parts[-4])
        for path in sorted(networks)
    ]
    tables += [
        read_table(path).assign(experiment=path.parts[-2], line=path.parts[-3])
        for path in sorted(without)
    ]
    return pd.concat(tables, ignore_index=True)


def in_steps(curves: pd.DataFrame, tasks: Tasks) -> pd.DataFrame:
    """The same with steps of the task itself, where an action is several of them."""
    repeat = [
        tasks[task]["repeat"][experiment]
        for task, experiment in zip(curves["task"], curves["experiment"], strict=True)
    ]
    return curves.assign(step=curves["step"] * repeat)


def _of_network(path: Path) -> pd.DataFrame:
    task, network, seed = path.parts[-5:-2]
    return read_table(path).assign(task=task, network=network, seed=seed)


def summarise(scale: str, tasks: Tasks, curves: pd.DataFrame, progress: pd.DataFrame) -> Numbers:
    """{task: {experiment: {line: numbers}}}, what the networks cost, and a verdict per claim."""
    summary: Numbers = {"about": {"scale": scale, "level": LEVEL}, "tasks": {}, "cost": {}}
    for task, section in tasks.items():
        mine, level = curves[curves["task"] == task], published.level(task, section["solved"])
        summary["tasks"][task] = {}
        for experiment in section["agents"]:
            rows, steps = mine[mine["experiment"] == experiment], published.steps(task, experiment)
            lines = learning.compared(rows, level, steps)
            planned = [*section["networks"], *section["baselines"]]
            ordered = {line: lines[line] for line in planned if line in lines}
            summary["tasks"][task][experiment] = ordered
        costs = progress[progress["task"] == task].groupby(["network", "seed"])
        sums = costs[["seconds", "real_steps"]].sum().groupby("network").mean()
        summary["cost"][task] = sums.to_dict("index")
    summary["claims"] = published.verdicts(summary["tasks"])
    return rounded(summary)


def tuned(tasks: Tasks, best: Iterable[Path], tried: Iterable[Path]) -> Numbers:
    """{task: {baseline/experiment: what a search for settings found, and what that took}}.

    `value`: mean return over a training with the best setting.
    """
    found: Numbers = {}
    for where, of in zip(sorted(best), sorted(tried), strict=True):
        task, baseline, experiment = (where.parts[i] for i in (-5, -3, -2))
        name, trials = f"{baseline}/{experiment}", read_table(of)
        planned = tasks[task]["tuned"][name]
        whole = trials[trials["budget"] == planned["steps"]].set_index("configuration")["value"]
        settings = read_json(where)["agents"][planned["agent"]]["hyperparameters"]
        found.setdefault(task, {})[name] = {
            "agent": planned["agent"],
            "found": settings,
            "default": planned["default"],
            "value": float(whole.max()),
            "configurations": int(trials["configuration"].nunique()),
            "steps": planned["steps"],
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
        "## Claims",
        _claims(numbers["claims"]),
    ]
    for task, experiments in numbers["tasks"].items():
        section = tasks[task]
        for experiment, lines in experiments.items():
            agent = section["agents"][experiment]
            parts.append(f"## {section['id']}, {agent}, {experiment}")
            if (repeat := section["repeat"][experiment]) > 1:
                parts.append(f"An action is {repeat} steps of the task in a row, as published.")
            parts.append(_table(task, experiment, lines, section))
            below = [line for line, n in lines.items() if n.get("below_plain")]
            if below:
                parts.append(
                    "Ends below the plain agent (the whole interval of the difference): "
                    f"{', '.join(f'`{line}`' for line in below)}."
                )
        cost = [
            {"network": name, "seconds": f"{c['seconds']:,.0f}"}
            | {"real steps": f"{c['real_steps']:,.0f}"}
            for name, c in numbers["cost"][task].items()
        ]
        parts += [
            f"## {section['id']}, cost of one network",
            f"Evolved with {section['evolved_with']}; mean over networks.",
            tabulate(cost, headers="keys", tablefmt="pipe", disable_numparse=True),
        ]
        if searches := numbers["tuned"].get(task):
            parts += [
                f"## {section['id']}, settings found for agents without a network",
                "By BOHB, for the mean return over a training of as many steps as said (those of "
                "agents), with a random seed that is not judged; at first the plan's own settings.",
                _searches(searches),
            ]
    return "\n\n".join(parts) + "\n"


def _claims(claims: list[Numbers]) -> str:
    rows = [
        {"task": c["task"], "claim": c["claim"], "verdict": c["verdict"], "here": c["here"]}
        for c in claims
    ]
    return tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True) or "None."


def _table(task: str, experiment: str, lines: Numbers, section: Mapping[str, Any]) -> str:
    level = published.level(task, section["solved"])
    rows = []
    for line, numbers in lines.items():
        row = {"reward": line if line != PLAIN else f"{PLAIN} agent"}
        for step, value in numbers["at"].items():
            theirs = published.value(task, experiment, line, int(step))
            beside = "" if theirs is None else f" ({theirs:g})"
            row[f"at {int(step):,} (published)"] = f"{_with_interval(value)}{beside}"
        row["mean over training"] = _with_interval(numbers["area"])
        row["at the end"] = _with_interval(numbers["final"])
        ends = numbers["by_network"] if numbers["networks"] else []
        row["best third of networks"] = _short(_best_third(ends)) if ends else ""
        if level is not None:
            row[f"steps until {level:g}"] = _with_interval(numbers["mean_reaches"])
            row["median agent"] = _with_interval(numbers["median_reaches"])
            there = sum(end >= level for end in ends)
            row["networks that end there"] = f"{there} of {len(ends)}" if ends else ""
        rows.append({**row, "networks": numbers["networks"] or "", "agents": numbers["agents"]})
    return tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True)


def _searches(searches: Numbers) -> str:
    rows = [
        {
            "baseline": name.partition("/")[0],
            "agent": of["agent"],
            "found (plan)": ", ".join(
                f"{key} {value:.3g} ({of['default'][key]:.3g})"
                for key, value in of["found"].items()
            ),
            "mean return": _short(of["value"]),
            "configurations": of["configurations"],
            "steps": f"{of['steps']:,}",
            "steps of all": f"{of['real_steps']:,}",
        }
        for name, of in searches.items()
    ]
    return tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True)


def _best_third(ends: list[float]) -> float:
    """Mean of the best third of networks, at least one."""
    best = ends[: max(1, len(ends) // 3)]
    return sum(best) / len(best)


def _with_interval(e: Mapping[str, float | None]) -> str:
    if e["value"] is None:
        return "never"
    low, high = (_short(e[bound]) for bound in ("low", "high"))
    return f"{_short(e['value'])} [{low}, {high}]"


def _short(value: float | None) -> str:
    if value is None:
        return "never"
    return f"{value:,.0f}" if abs(value) >= 300 else f"{value:,.1f}"
