"""What do environments come to beside those that were published: returns, and real steps?"""

from collections.abc import Collection, Iterable, Mapping
from statistics import median
from typing import Any

from synthgym.analysis import published
from synthgym.analysis.core.estimate import COUNT, Numbers, given, less, number, times, written
from synthgym.analysis.core.tables import REAL, table
from synthgym.analysis.core.verdict import Evidence
from synthgym.analysis.steps import TUNED

REACHED = {"expect": "no_worse", "margin": 0}
ENOUGH = 3  # environments, for an interval that says what others would give
RETURNS = (
    "Published: interquartile mean of 20 agents with sampled settings in an evolved bandit "
    "(Liesen et al. 2024; of CartPole-v0 mean in synthetic MDPs, Ferreira et al. 2022). Beside "
    "it stand the median and the best of so many bandits here, of all environments where a task "
    "has no bandit; the best is chosen by the value that is shown, which flatters it. Reached: "
    "whether it holds that the best is at least what is published."
)
COSTS = (
    "What making one of these bandits took, teachers included, mean over seeds. Published: by the "
    "settings of its evolution at most so much, as episodes may end early."
)
TRIED = (
    "Ways of making bandits that were tried with other seeds before those of the plan were taken, "
    "at least: {}."
)


def cells(summary: Mapping[str, Any], ways: Collection[str] = ()) -> list[Numbers]:
    """Best and median environment for each task and agent of which a value was published.

    The best of the bandits, as that is what was published; where a task has none, of all. Of those
    that were made in these ways, if any are named.
    """
    found = []
    for task, about in summary["about"]["tasks"].items():
        returns = summary["transfer"][task]
        names = about["bandits"] or [name for name in returns if name not in (REAL, TUNED)]
        names = [name for name in names if not ways or about["ways"].get(name) in ways]
        if not names:
            continue
        for agent, values in about["published"].items():
            value = values["synthetic"]
            if value is None or agent not in returns[names[0]]:
                continue
            of_agent = {name: returns[name][agent]["value"] for name in names}
            best = max(names, key=of_agent.__getitem__)
            found.append(
                {"task": task, "agent": agent, "bandit": bool(about["bandits"])}
                | {"environment": best, "of": len(names), "published": value}
                | {"median": float(median(of_agent.values()))}
                | returns[best][agent]
            )
    return found


def less_published(cell: Mapping[str, Any]) -> dict[str, float]:
    """A return less that which was published, as precisely as both are shown."""
    return {name: round(x, 1) for name, x in less(cell, cell["published"]).items()}


def marked(cell: Mapping[str, Any]) -> str:
    """A return; * of one environment, † of an agent that took no part in its making."""
    return written(cell) + " *" * (cell["seeds"] == 1) + " †" * cell.get("unseen", False)


def counted(summary: Mapping[str, Any]) -> Iterable[str]:
    """How many of the cells of bandits come up to what is published, in a sentence."""
    bandits = [cell for cell in summary["published"] if cell["bandit"]]
    at, near = (
        [cell["seeds"] for cell in bandits if less_published(cell)[bound] >= 0]
        for bound in ("value", "high")
    )
    if bandits:
        yield (
            f"Of {len(bandits)} returns of agents in bandits that are published, the best bandits "
            f"here reach {len(at)}, their intervals {len(near)}; with at least {ENOUGH} "
            f"environments made alike, {sum(n >= ENOUGH for n in at)} and "
            f"{sum(n >= ENOUGH for n in near)}."
        )


def shown(summary: Mapping[str, Any]) -> str:
    """Returns and costs beside what is published, as Markdown."""
    if not summary["published"]:
        return "Nothing was published of agents that this scale trains in such environments."
    rows = [
        {
            "task": summary["about"]["tasks"][cell["task"]]["id"],
            "agent": cell["agent"],
            "bandits": str(cell["of"]),
            "median of these": number(cell["median"]),
            "best of these": marked(cell),
            "that is": f"`{cell['environment']}`",
            "published": given(cell["published"]),
            "reached": Evidence(less_published(cell)).judge(REACHED),
        }
        for cell in summary["published"]
    ]
    return "\n\n".join([*counted(summary), RETURNS, table(rows), *_costs(summary)])


def _costs(summary: Mapping[str, Any]) -> Iterable[str]:
    at_most = published.values("bandits")["evolved_with"]
    tasks, rows = summary["about"]["tasks"], {}
    for cell in summary["published"]:
        task, name = cell["task"], cell["environment"]
        if cell["bandit"] and task in at_most:
            cost = summary["making"][task][name]
            rows[task, name] = {
                "task": tasks[task]["id"],
                "bandit": f"`{name}`",
                "seconds": number(cost["seconds"], COUNT),
                "real steps": number(cost["real_steps"], COUNT),
                "published, at most": number(at_most[task], COUNT),
                "times as many": times(at_most[task] / cost["real_steps"]),
            }
    if rows:
        yield from (COSTS, table(list(rows.values())))
    tried = published.values("tried")
    if counts := [f"{about['id']} {tried[task]}" for task, about in tasks.items() if task in tried]:
        yield TRIED.format(", ".join(counts))
