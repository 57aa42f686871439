"""Settings that searches found, what that took, and whether they are better. Numbers and figure.

BOHB with generations as budget (search/); the best setting is compared with the plan's by
meta-trainings with seeds that were not searched with.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthgym.analysis import published
from synthgym.analysis.core import report
from synthgym.analysis.core.estimate import (
    COUNT,
    GAIN,
    SHARE,
    Numbers,
    exactly,
    number,
    written,
)
from synthgym.analysis.core.statistics import difference
from synthgym.analysis.core.tables import identity, table
from synthgym.analysis.core.verdict import FAILS, HOLDS, UNDECIDED, Evidence, Measure, judge
from synthgym.analysis.figures import searches as figures
from synthgym.core.io import read_json, read_table
from synthgym.core.spaces import value_of

COSTS = ("real_steps", "synthetic_steps", "updates", "seconds")
READERS: Mapping[str, Callable[[Path], Any]] = {
    "trials": read_table,
    "best": read_json,
    "importance": read_json,
    "comparison": read_table,
}
BETTER = {HOLDS: "beats", FAILS: "does not beat", UNDECIDED: "cannot be told apart from"}


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write summary.json, table.md and search.png into `out`."""
    plans, scale = config["searches"], config["scale"]
    results: dict[tuple[str, str], dict[str, Any]] = {
        (task, name): {} for task, names in plans.items() for name in names
    }
    for kind, reader in READERS.items():
        for path in inputs[kind]:
            job = identity(path)
            results[job["task"], job["search"]][kind] = reader(path)
    every: Numbers = {"searches": {}, "claims": []}
    for (task, name), found in results.items():
        search = summarise(plans[task][name], found)
        every["searches"].setdefault(task, {})[name] = search
        claims = config.get("claims", ())
        every["claims"] += judge(claims, measures(search), task=task, search=name)
    numbers = report.summary(scale, every)
    given = {"results": results, "plans": plans, "scale": scale}
    return report.publish("search_report", out, numbers, markdown(numbers, plans), figures, **given)


def summarise(plan: Mapping[str, Any], found: Mapping[str, Any]) -> Numbers:
    """The numbers of one search. `same`: the best settings are the plan's own."""
    trials, space = found["trials"], list(plan["search"]["space"])
    whole = trials[trials["budget"] == plan["search"]["budget"]["max"]]
    compared = {name: _by_seed(found["comparison"], name) for name in ("best", "default")}
    settings = published.about("searches", "settings", plan["task"]["name"])
    gain = difference(compared["best"], compared["default"]).interval
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
                "best": value_of(found["best"], name),
                "default": value_of(plan, name),
                "published": settings.get(name),
                "importance": found["importance"]["shares"][name],
            }
            for name in space
        },
        "importance": {k: found["importance"][k] for k in ("budget", "configurations")},
        "same": all(_same(value_of(found["best"], name), value_of(plan, name)) for name in space),
        "compared": {
            # an interquartile mean is its difference to that of nothing but a zero
            **{name: difference(runs, [np.zeros(1)]).interval for name, runs in compared.items()},
            "seeds": len(compared["best"]),
            "agents": sum(map(len, compared["best"])),
            "difference": gain,
            "verdict": Evidence(gain).judge({"expect": "better"}),
        },
    }


def measures(search: Numbers) -> dict[str, Measure]:
    """Numbers that claims on a search may be about."""
    gain = exactly(0.0) if search["same"] else search["compared"]["difference"]
    return {"best_less_default": lambda claim: [Evidence(gain, note="return")]}


def _same(value: object, other: object) -> bool:
    """Equality up to rounding: of gamma, 1 less it is what was searched for."""
    if isinstance(value, float) and isinstance(other, float):
        return math.isclose(value, other)
    return value == other


def _by_seed(comparison: pd.DataFrame, name: str) -> list[np.ndarray]:
    rows = comparison[comparison["setting"] == name]
    return [agents["return_"].to_numpy() for _, agents in rows.groupby("seed")]


def markdown(numbers: Numbers, plans: Mapping[str, Any]) -> str:
    """The tables, readable on their own."""
    parts = [
        "# Search for settings",
        f"Scale `{numbers['about']['scale']}`: multivariate TPE with Hyperband (BOHB), in which "
        "the budget is "
        "the number of generations of meta-training; what is promoted goes on from where it is. A "
        "value is the mean return on the real task of fresh agents, all with the settings of the "
        "plan, trained in the environment of the search mean. Published: the settings that "
        "Ferreira et al. 2022 found. Importance: share in whether a configuration is among the "
        "best third (PED-ANOVA). Intervals resample seeds of meta-training, and agents within "
        "each; with few seeds they are too narrow.",
        report.claims(numbers["claims"]),
    ]
    for task, names in numbers["searches"].items():
        for name, search in names.items():
            plan, cost = plans[task][name], search["cost"]
            parts += [
                f"## {plan['task']['id']}, `{name}`",
                sentence(search, plan),
                _settings(search),
                _rungs(search),
                f"It took {cost['real_steps']:,.0f} real steps, {cost['synthetic_steps']:,.0f} "
                f"synthetic ones, {cost['updates']:,.0f} updates and {cost['seconds']:,.0f} "
                f"seconds; importance is from the {search['importance']['configurations']} values "
                f"after {search['importance']['budget']} of the generations.",
            ]
    return report.document(*parts)


def sentence(search: Numbers, plan: Mapping[str, Any]) -> str:
    """Sentence on whether the best settings are better than the plan's."""
    compared, budget = search["compared"], plan["search"]["budget"]["max"]
    best, default = (written(compared[name]) for name in ("best", "default"))
    if search["same"]:
        return (
            f"After {budget} generations none of {search['configurations']} configurations did "
            "better in the search than the plan's own settings, which were the first: with "
            f"{compared['seeds']} other seeds their return is {default}."
        )
    gain = compared["difference"]
    interval = f"[{number(gain['low'])}, {number(gain['high'])}]"
    return (
        f"After {budget} generations the best of {search['configurations']} configurations "
        f"{BETTER[compared['verdict']]} the default: return {best} beside {default}, difference "
        f"{number(gain['value'], GAIN)} {interval} (interquartile means of {compared['agents']} "
        f"agents each, {compared['seeds']} seeds that were not searched with)."
    )


def _settings(search: Numbers) -> str:
    return table(
        [
            {
                "setting": f"`{name}`",
                **{kind: _word(values[kind]) for kind in ("best", "default", "published")},
                "importance": number(values["importance"], SHARE, empty="-"),
            }
            for name, values in search["settings"].items()
        ]
    )


def _rungs(search: Numbers) -> str:
    return table(
        [
            {
                "generations": number(rung["generations"], COUNT),
                "configurations": rung["configurations"],
                "median value": number(rung["median"]),
                "best value": number(rung["best"]),
            }
            for rung in search["rungs"]
        ]
    )


def _word(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3g}"
    return value if isinstance(value, str) else json.dumps(value)
