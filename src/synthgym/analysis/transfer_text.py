"""The numbers of transfer as Markdown: claims and tables, each after what it shows."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from synthgym.analysis import beside_published, equal_cost, published, runs
from synthgym.analysis.beside_published import marked
from synthgym.analysis.core import estimate, report
from synthgym.analysis.core.estimate import COUNT, SHARE, given, number, span, written
from synthgym.analysis.core.tables import REAL, table
from synthgym.analysis.core.verdict import FAILS, HOLDS, UNDECIDED, Evidence
from synthgym.analysis.steps import TUNED
from synthgym.analysis.summary_text import pays

Numbers = Mapping[str, Any]
LIKELIER = {"expect": "more_than", "value": 0.5}
IN_SHORT = "In short"
UNSEEN = (
    "Unseen agents are compared with seen ones in the same environments, by normalised score; "
    "that algorithms differ wherever they are trained is part of the difference. Each claim on one "
    "way of making was first made of all bandits at once; they were split after first results."
)


def markdown(summary: Numbers) -> str:
    """All tables, readable on their own."""
    about = summary["about"]
    parts = [
        "# Transfer",
        f"## {IN_SHORT}",
        *in_short(summary),
        "## What is compared",
        f"Scale `{about['scale']}`: agents trained in synthetic environments, with a draw of "
        "settings each, and tested on the real task, as in Liesen et al. 2024. Values are "
        f"interquartile means [{about['level']:.0%} interval] over agents. Unlike those of "
        f"summary.md, these intervals ({about['resamples']:,} resamples) resample environment "
        "seeds, alike for all algorithms, and agents within each: they say what other "
        "environments, made in the same way, would give. With one seed they cannot (*), and with "
        "two they are too narrow. Agents "
        "with the same settings are not paired, so that intervals of differences are rather too "
        "wide than too narrow. † unseen: this agent took no part in the making of that "
        "environment.",
        report.claims(summary["claims"]),
        UNSEEN if summary["claims"] else "",
        "## Beside what is published",
        beside_published.shown(summary),
        "## Performance profiles",
        *_profiles(summary),
        "## Probability of improvement",
        "That an agent trained in the first place earns more on the task than one of the same "
        "algorithm trained in the second (ties count half): mean over algorithms, and over the "
        "tasks that have both. In the task agents train for as many steps. Better: whether it "
        "holds that the probability is above one half.",
        table([_improvement(e) for e in summary["improvement"]]),
        equal_cost.shown(summary),
        "## Steps for the same return",
        STEPS,
        *_middle_ratios(summary, TUNED, REAL),
    ]
    for task, section in about["tasks"].items():
        parts += [
            f"## {section['id']}, return",
            returns_table(summary, task),
            f"## {section['id']}, steps for the same return",
            *steps_table(summary, task),
        ]
    return report.document(*parts)


def in_short(summary: Numbers) -> Iterable[str]:
    """How far agents come, how soon, and what came of the claims: a sentence on each."""
    by_way: dict[str, list[float]] = {}
    for one in summary["overview"].values():
        for way, e in one["ways"].items():
            by_way.setdefault(way, []).append(e["value"])
    if by_way:
        steps = span(one["steps"] for one in summary["overview"].values())
        real, *others = (f"{median(x):.0%}" for x in by_way.values())
        where = ", ".join(
            f"{share} where these were {_made(way)} ({n_tasks(by_way[way])})"
            for share, way in zip(others, list(by_way)[1:], strict=True)
        )
        yield (
            f"After {steps} steps of training in the real task, agents are {real} of the way from "
            f"random actions to the best agent known, by the median of {n_tasks(by_way[REAL])}; "
            f"after as many steps in synthetic environments, and none in the task, {where}."
        )
    yield from beside_published.counted(summary)
    yield from _middle_ratios(summary, TUNED)
    if summary["claims"]:
        count = Counter(claim["verdict"] for claim in summary["claims"])
        held = f"{count[HOLDS]} hold, {count[FAILS]} do not hold, {count[UNDECIDED]} are undecided"
        yield (
            f"Of {sum(count.values())} claims, {held}. Most are on every task and agent: one that "
            "falls short decides."
        )


def _made(way: str) -> str:
    """How environments were made, in a sentence."""
    return "fitted as models of the task" if way == runs.MODEL else way.replace("+", ", then ")


def _profiles(summary: Numbers) -> Iterable[str]:
    tasks = summary["about"]["tasks"]
    without = [section["id"] for section in tasks.values() if section["reference"] is None]
    yield (
        "Share of agents with at least so much of the way from the return of random actions (0) "
        "to that of the best agent known (1): the expert in `reference:` of conf/task/, or the "
        "best that is published of the task itself, where that is better. Several tasks count "
        "alike. In the task agents train for as many steps."
        + (f" Left out, as they have no expert: {', '.join(without)}." if without else "")
    )
    rows = [
        {
            "tasks": ", ".join(tasks[task]["id"] for task in profile["tasks"]),
            "trained in": _place(name),
            "agents": number(sum(profile["agents"][name]), COUNT),
            **{
                f"at {tau:.2g}": written({key: line[key][i] for key in line}, SHARE, "share")
                for i, tau in enumerate(profile["tau"])
            },
        }
        for profile in summary["profiles"]
        for name, line in profile["lines"].items()
    ]
    if rows:
        yield table(rows)


def _improvement(e: Numbers) -> dict[str, str]:
    return {
        "trained in": _place(e["better"]),
        "or in": _place(e["than"]),
        "tasks": str(len(e["tasks"])),
        "P(first > second)": written(e, ".2f"),
        "better": Evidence(e).judge(LIKELIER) + " *" * e["one_seed"],
    }


def returns_table(summary: Numbers, task: str) -> str:
    """Returns beside those in the task and those published: a row per environment and agent."""
    cells = summary["transfer"][task]
    published_values = summary["about"]["tasks"][task]["published"]
    tuned = {a: f"{marked(e)} ({e['steps']:,} steps)" for a, e in cells.get(TUNED, {}).items()}
    return table(
        [
            {
                "environment": _place(name),
                "agent": agent,
                "return": marked(cell),
                "seeds": cell["seeds"],
                "agents": cell["agents"],
                "published": given(published_values.get(agent, {}).get("synthetic")),
                "in the task, equal steps": marked(cells[REAL][agent]),
                "in the task, tuned": tuned.get(agent, ""),
                "published of the task": given(published_values.get(agent, {}).get("real")),
            }
            for name in sorted(cells.keys() - {REAL, TUNED})
            for agent, cell in cells[name].items()
        ]
    )


STEPS = (
    "How many times more steps agents need in the real task, with settings tuned for it or sampled "
    "as in the environment, until their interquartile mean is what it is in the end after training "
    "in the environment; over those until it first is so there. ≥: in the task they do not get "
    "there, as long as they are trained, which with sampled settings may be as long as in the "
    "environment only; never: the interval has no end. ≤: they are there when they are first "
    "tested. Steps are known as exactly as agents are tested often. Empty: agents in the "
    "environment earn no more than random actions, or no expert is planned. Pays after: so many "
    "agents save what the making took in steps in the task, against tuned ones (≤: they save more; "
    "against sampled ones: summary.md). It is undecided where they do not surely need more steps "
    "in the task."
)


def _middle_ratios(summary: Numbers, *reference: str) -> Iterable[str]:
    for settings in reference:
        word = "tuned" if settings == TUNED else "sampled"
        every = [e for *_, e in bandit_ratios(summary, settings)]
        if ratios := sorted(filter(None, every), key=lambda e: e["value"]):
            low, middle, high = (times(ratios[i]) for i in (0, len(ratios) // 2, -1))
            nothing = len(every) - len(ratios)
            yield (
                f"Agents in bandits need {middle} times fewer steps than agents in the task with "
                f"{word} settings need for the same return: the median of {len(ratios)} pairs of "
                f"bandit and algorithm, which are between {low} and {high}"
                + f"; in {nothing} more they learn nothing" * (nothing > 0)
                + "."
            )


def bandit_ratios(
    summary: Numbers, settings: str, ways: Collection[str] = ()
) -> Iterable[tuple[str, str, str, Any]]:
    """Task, bandit, agent, and ratio to the steps in the task with `settings`: tuned, real.

    The ratio is None where agents learn nothing in the bandit. Of bandits that were made in these
    ways, if any are named.
    """
    for task, section in summary["about"]["tasks"].items():
        for name in section["bandits"]:
            if ways and section["ways"].get(name) not in ways:
                continue
            for agent, cell in summary["efficiency"][task][name].items():
                if settings in cell:
                    yield task, name, agent, cell[settings]


def steps_table(summary: Numbers, task: str) -> Iterable[str]:
    """Published ratio, if there is one; then a row for each environment and agent."""
    if ratios := published.values("bandits")["step_ratios"].get(task):
        yield f"Published: about {ratios} times more (read off a figure)."
    payback = summary["break_even"][task]
    yield table(
        [
            {
                "environment": _place(name),
                "agent": agent,
                "steps": next((number(e["steps"], COUNT) for e in cell.values() if e), ""),
                "times more, tuned": times(cell.get(TUNED)),
                "times more, sampled": times(cell.get(REAL)),
                "pays after agents": pays(payback[name][agent]) if cell.get(TUNED) else "",
            }
            for name, agents in summary["efficiency"][task].items()
            for agent, cell in agents.items()
        ]
    )


def times(e: Numbers | None) -> str:
    """A ratio with its interval, and whether it is a bound; empty where there is none."""
    return f"{e['bound']} {written(e, estimate.times)}".strip() if e else ""


def tasks_of(e: Numbers) -> str:
    """Number of tasks of an estimate, with a star where there is only one seed on one of them."""
    return n_tasks(e["tasks"]) + " *" * e["one_seed"]


def n_tasks(every: Sequence[object]) -> str:
    """Number of tasks, in words."""
    return f"{len(every)} task{'s' * (len(every) > 1)}"


def _place(name: str) -> str:
    return "the task" if name == REAL else f"`{name}`"
