"""From results to a zoo: which trained environments are published, and what is said of each?

Nothing is chosen by the numbers that are published: of each environment of the plan, it is the one
of the first seed.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthgym.analysis import runs
from synthgym.analysis.core.estimate import rounded
from synthgym.analysis.core.statistics import LEVEL, estimate
from synthgym.analysis.core.tables import REAL, read_runs
from synthgym.core.io import atomic, read_json, read_table, sha256, write_json
from synthgym.jobs import kept
from synthgym.plan.plan import Plan
from synthgym.plan.scale import ScalePlan
from synthgym.zoo import guard
from synthgym.zoo.cards import about_task, name_of
from synthgym.zoo.folders import CARD, ENVIRONMENT, INDEX

LICENCE = "Apache-2.0"
# Which of a task's environments is meant where none is named: the first by these words. A bandit is
# all that an agent needs, and distilling takes the fewest steps in the real task.
ORDER = (
    *("distilled", "graded", "distilled+graded"),
    *("distilled+evolved", "evolved+graded", "evolved"),
)
STARTING = ("meta", "grade")  # sections whose `start` names an environment of the task
Card = dict[str, Any]


def collect(plan: Plan, scale: str, results: Path, folder: Path, version: str) -> list[Card]:
    """Write the zoo of a scale to `folder`; what was there of an earlier one goes.

    results: the directory with those of the scale. Returns the cards. Raises ValueError where a
    result is not there, or its file is not the environment that its manifest says.
    """
    cards = [
        _publish(plan[scale], task, environment, results, folder, version)
        for task in plan[scale].tasks
        for environment in plan[scale].environments(task)
    ]
    old = read_json(folder / INDEX) or {}
    names = index(cards)
    for name, entry in old.get("environments", {}).items():
        for variant in set(entry["variants"]) - set(names.get(name, {}).get("variants", [])):
            shutil.rmtree(folder / name / variant, ignore_errors=True)
        if name not in names:
            shutil.rmtree(folder / name, ignore_errors=True)
    write_json(folder / INDEX, {"version": version, "scale": scale, "environments": names})
    return cards


def index(cards: Sequence[Card]) -> dict[str, Any]:
    """{name: {"default": variant, "variants": [...]}}, the variants in the order of the plan."""
    by_name: dict[str, list[Card]] = {}
    for card in cards:
        by_name.setdefault(card["name"], []).append(card)

    def rank(card: Card) -> tuple[bool, int]:
        return card["config"]["synth"]["horizon"] > 1, ORDER.index(card["made"])

    return {
        name: {
            "default": min(variants, key=rank)["variant"],
            "variants": [card["variant"] for card in variants],
        }
        for name, variants in by_name.items()
    }


def _publish(
    plan: ScalePlan, task: str, environment: str, results: Path, folder: Path, version: str
) -> Card:
    scale, seed = plan.name, plan.tasks[task].seeds(environment)[0]

    def of(environment: str) -> Path:
        return results / "tasks" / task / environment / f"seed{seed}"

    run = of(environment)
    made = run / plan.tasks[task].made(environment)
    manifest = _json(made / "manifest.json")
    source, config = made / ENVIRONMENT, manifest["config"]
    env = guard.described(config, str(made / "manifest.json"))
    arrays = guard.read_arrays(source)
    guard.fit(arrays, guard.shapes(env), str(source))
    if (digest := sha256(source)) != manifest["outputs"][ENVIRONMENT]:
        raise ValueError(f"{source} is not the file that its manifest says; run `snakemake`.")
    card = {
        "name": name_of(config["task"]),
        "variant": environment,
        "version": version,
        "licence": LICENCE,
        "bytes": source.stat().st_size,
        "sha256": digest,
        "scale": scale,
        "seed": seed,
        "command": f"snakemake {source} --cores all --config scale={scale}",
        "code": manifest["code"],
        "versions": manifest["versions"],
        "config": config,
        "task": about_task(config["task"], str(made)),
        **origin(read_runs("progress", [_whole(made / "progress.parquet")])),
    }
    agents = plan.tasks[task].agents
    card |= worth(card["seen"], agents, run / "transfer", _json(results / "summary.json"))
    card["limits"] = limits(card)
    if start := next((s for way in STARTING if (s := config.get(way, {}).get("start"))), None):
        begun = guard.read_arrays(of(start) / plan.tasks[task].made(start) / ENVIRONMENT)
        same = arrays.keys() == begun.keys()
        if same and all(np.array_equal(arrays[name], begun[name]) for name in arrays):
            card["limits"].append(f"Nothing better was found than its start: it is `{start}`.")
    target = folder / card["name"] / environment
    target.mkdir(parents=True, exist_ok=True)
    with atomic(target / ENVIRONMENT) as path:
        shutil.copyfile(source, path)  # not a link, as into the cache of DVC
    write_json(target / CARD, card)
    return card


def origin(progress: pd.DataFrame) -> Card:
    """How it was made, with which agents, and what that took.

    `seconds` on the machine that did it."""
    (made,), (seen,) = runs.made(progress).values(), runs.meta_agents(progress).values()
    counts = ["real_steps", "synthetic_steps", "updates"]
    cost: Card = {name: int(progress[name].sum()) for name in counts}
    cost |= {"seconds": float(progress["seconds"].sum())}
    cost |= {"generations": int(progress["generation"].max())}
    return {"made": made, "seen": seen, "cost": rounded(cost)}


def worth(
    seen: Sequence[str], agents: Sequence[str], transfer: Path, summary: Mapping[str, Any]
) -> Card:
    """Return on the real task of agents that were trained in this environment only.

    `all_seeds`: in this and the environments of the other seeds; `real`: in the real task, for as
    many steps.
    """
    judged = {agent: _judged(transfer / agent, agent, agent not in seen) for agent in agents}
    task, environment = transfer.parts[-4:-2]
    return {
        "transfer": rounded(judged),
        "all_seeds": summary["transfer"][task][environment],
        "real": summary["real_at_equal_steps"][task].get(REAL, {}),
    }


def _judged(directory: Path, agent: str, unseen: bool) -> Card:
    ends = runs.finished(read_table(_whole(directory / "curves.parquet")))
    settings = ends.filter(regex="^hp_").rename(columns=lambda name: name.removeprefix("hp_"))
    static = _json(directory / "manifest.json")["config"]["agents"][agent]["static"]
    episodes = read_table(_whole(directory / "episodes.parquet")).groupby(runs.RUN).size()
    return {
        **asdict(estimate(ends["return_"])),
        "level": LEVEL,
        "steps": int(ends["step"].median()),
        "settings": len(settings.drop_duplicates()),
        "ranges": settings.agg(["min", "max"]).to_dict("list"),
        "static": static,
        "test_episodes": int(episodes.min()),
        "unseen": unseen,
        "returns": sorted(ends["return_"]),
    }


def limits(card: Card) -> list[str]:
    """Limits of the environment, in sentences."""
    agents, solved = sorted(card["transfer"]), card["task"]["solved"]
    sentences = [
        f"Judged with {', '.join(agents)} only, with settings in the ranges listed: of others, "
        "such as with far fewer updates, nothing is known.",
        "Intervals are over agents in this one environment; another seed gives another one.",
    ]
    short = [a for a in agents if solved is not None and card["transfer"][a]["iqm"] < solved]
    if short:
        sentences.append(
            f"By interquartile mean {', '.join(short)} do not solve {card['task']['id']}."
        )
    if card["config"]["synth"]["horizon"] == 1:
        sentences.append(
            "A contextual bandit: every episode has one step, so discounts and whatever else is "
            "about the future have no effect, and returns in it are no returns of the task."
        )
    if backend := card["task"]["options"].get("backend"):
        sentences.append(f"Made for Brax's backend {backend}; other physics are another task.")
    return sentences


def _whole(path: Path) -> Path:
    """A result that is as its job made it."""
    kept.checked(path)
    return path


def _json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] | None = read_json(_whole(path)) if path.exists() else None
    if content is None:
        raise ValueError(f"{path} is not there; `snakemake` makes it, or `dvc pull` fetches it.")
    return content
