"""Which settings did a search find, what did that take, and are they better? Numbers and figure.

BOHB with generations as budget (search/); the best setting is compared with the plan's by
meta-trainings with seeds that were not searched with.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tabulate import tabulate

from synthgym.analysis import style
from synthgym.analysis.figures import search as drawn
from synthgym.analysis.published import SETTINGS
from synthgym.analysis.statistics import LEVEL, difference
from synthgym.analysis.summary import rounded
from synthgym.core.io import atomic, read_json, read_table, write_json
from synthgym.core.spaces import value_of

Numbers = dict[str, Any]
COSTS = ("real_steps", "synthetic_steps", "updates", "seconds")
OUTPUTS = ["summary.json", "table.md", "search.png"]


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write summary.json, table.md and search.png into `out`.

    config: `scale` and `searches` ({task: {name: what is planned}}). inputs: `trials`, `best`,
    `importance` and `comparison` of each.
    """
    plans, there = config["searches"], {kind: _placed(paths) for kind, paths in inputs.items()}
    results = {
        place: {
            "trials": read_table(there["trials"][place]),
            "best": read_json(there["best"][place]),
            "importance": read_json(there["importance"][place]),
            "comparison": read_table(there["comparison"][place]),
        }
        for place in _places(plans)
    }
    numbers: Numbers = {"about": {"scale": config["scale"], "level": LEVEL}, "searches": {}}
    for (task, name), of in results.items():
        numbers["searches"].setdefault(task, {})[name] = summarise(plans[task][name], of)
    numbers = rounded(numbers)
    write_json(out / "summary.json", numbers)
    with atomic(out / "table.md") as path:
        path.write_text(markdown(numbers, plans), encoding="utf-8")
    style.save(drawn.draw(results, numbers, plans, config["scale"]), out / "search.png")
    return OUTPUTS


def summarise(plan: Mapping[str, Any], of: Mapping[str, Any]) -> Numbers:
    """The numbers of one search."""
    trials, space = of["trials"], list(plan["search"]["space"])
    whole = trials[trials["budget"] == plan["search"]["budget"]["max"]]
    compared = {name: _by_seed(of["comparison"], name) for name in ("best", "default")}
    gain = difference(compared["best"], compared["default"])
    published = SETTINGS.get(plan["task"]["name"], {})
    same = all(_same(value_of(of["best"], name), value_of(plan, name)) for name in space)
    return {
        "configurations": int(trials["configuration"].nunique()),
        "whole_budget": len(whole),
        "value": float(whole["value"].max()),
        "rungs": [
            {
                "generations": int(budget),
                "configurations": len(rows),
                "median": float(rows["value"].median()),
                "best": float(rows["value"].max()),
            }
            for budget, rows in trials.groupby("budget")
        ],
        "cost": {kind: float(trials[kind].sum()) for kind in COSTS},
        "settings": {
            name: {
                "best": value_of(of["best"], name),
                "default": value_of(plan, name),
                "published": published.get(name),
                "importance": of["importance"]["shares"][name],
            }
            for name in space
        },
        "importance": {k: of["importance"][k] for k in ("budget", "configurations")},
        "compared": {
            **{name: _interval(groups) for name, groups in compared.items()},
            "seeds": len(compared["best"]),
            "agents": sum(map(len, compared["best"])),
            "difference": {"value": gain.difference, "low": gain.low, "high": gain.high},
            "verdict": "the same" if same else verdict(gain.low, gain.high),
        },
    }


def _same(value: Any, other: Any) -> bool:
    """Up to rounding: of gamma, 1 less it is what was searched for."""
    return math.isclose(value, other) if isinstance(value, float) else bool(value == other)


def verdict(low: float, high: float) -> str:
    """What the interval of best less default says."""
    if low > 0:
        return "better"
    return "worse" if high < 0 else "not told apart"


def markdown(numbers: Numbers, plans: Mapping[str, Any]) -> str:
    """The tables, readable on their own."""
    about = numbers["about"]
    parts = [
        "# Search for settings",
        f"Scale `{about['scale']}`: multivariate TPE with Hyperband (BOHB), in which the budget is "
        "the number of generations of meta-training; what is promoted goes on from where it is. A "
        "value is the mean return on the real task of fresh agents, all with the settings of the "
        "plan, trained in the environment of the search mean. Published: the settings that "
        "Ferreira et al. 2022 found. Importance: share in whether a configuration is among the "
        "best third (PED-ANOVA). Intervals resample seeds of meta-training, and agents within "
        "each; with few seeds they are too narrow.",
    ]
    for task, names in numbers["searches"].items():
        for name, of in names.items():
            plan = plans[task][name]
            parts += [
                f"## {plan['task']['id']}, `{name}`",
                sentence(of, plan),
                _settings(of),
                _rungs(of),
                f"It took {of['cost']['real_steps']:,.0f} real steps, "
                f"{of['cost']['synthetic_steps']:,.0f} synthetic ones, "
                f"{of['cost']['updates']:,.0f} updates and {of['cost']['seconds']:,.0f} "
                f"seconds; importance is from the {of['importance']['configurations']} values "
                f"after {of['importance']['budget']} of the generations.",
            ]
    return "\n\n".join(parts) + "\n"


def sentence(of: Numbers, plan: Mapping[str, Any]) -> str:
    """Whether the best setting is better than the plan's."""
    compared, budget = of["compared"], plan["search"]["budget"]["max"]
    if compared["verdict"] == "the same":
        return (
            f"After {budget} generations none of {of['configurations']} configurations did better "
            f"in the search than the plan's own settings, which were the first: with "
            f"{compared['seeds']} other seeds their return is {_bounded(compared['default'])}."
        )
    gain = compared["difference"]
    interval = f"{gain['value']:+,.1f} [{gain['low']:,.1f}, {gain['high']:,.1f}]"
    verdicts = {
        "better": "beats",
        "worse": "is worse than",
        "not told apart": "cannot be told apart from",
    }
    best, default = (_bounded(compared[name]) for name in ("best", "default"))
    return (
        f"After {budget} generations the best of {of['configurations']} configurations "
        f"{verdicts[compared['verdict']]} the default: return {best} beside {default}, difference "
        f"{interval} (interquartile means of {compared['agents']} agents each, "
        f"{compared['seeds']} seeds that were not searched with)."
    )


def _bounded(of: Numbers) -> str:
    return f"{of['value']:,.1f} [{of['low']:,.1f}, {of['high']:,.1f}]"


def _settings(of: Numbers) -> str:
    rows = [
        {
            "setting": f"`{name}`",
            "best": _word(values["best"]),
            "default": _word(values["default"]),
            "published": _word(values["published"]),
            "importance": "-" if values["importance"] is None else f"{values['importance']:.0%}",
        }
        for name, values in of["settings"].items()
    ]
    return tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True)


def _rungs(of: Numbers) -> str:
    rows = [
        {
            "generations": rung["generations"],
            "configurations": rung["configurations"],
            "median value": f"{rung['median']:,.1f}",
            "best value": f"{rung['best']:,.1f}",
        }
        for rung in of["rungs"]
    ]
    return tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True)


def _word(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3g}"
    return value if isinstance(value, str) else json.dumps(value)


def _by_seed(comparison: pd.DataFrame, name: str) -> list[np.ndarray]:
    rows = comparison[comparison["setting"] == name]
    return [of["return_"].to_numpy() for _, of in rows.groupby("seed")]


def _interval(groups: list[np.ndarray]) -> Numbers:
    """An interquartile mean is its difference to that of nothing but a zero."""
    of = difference(groups, [np.zeros(1)])
    return {"value": of.difference, "low": of.low, "high": of.high}


def _places(plans: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for task, names in plans.items():
        for name in names:
            yield task, name


def _placed(paths: Iterable[Path]) -> dict[tuple[str, str], Path]:
    """By task and name: what follows search/ in a path."""
    placed = {}
    for path in paths:
        start = len(path.parts) - path.parts[::-1].index("search")
        task, name = path.parts[start : start + 2]
        placed[task, name] = path
    return placed
