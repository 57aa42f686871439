"""How are the numbers of transfer read? Claims and tables as Markdown, each after what it is."""

from collections.abc import Iterable, Mapping
from typing import Any

from tabulate import tabulate

from synthgym.analysis.core.tables import REAL
from synthgym.analysis.steps import TUNED

Numbers = Mapping[str, Any]
PUBLISHED_RATIOS = {"hopper": "100 to 330"}  # read off the figure of Liesen et al. 2024
_PIPE: dict[str, Any] = {"headers": "keys", "tablefmt": "pipe", "disable_numparse": True}


def markdown(summary: Numbers) -> str:
    """All tables, readable on their own."""
    about = summary["about"]
    parts = [
        "# Transfer",
        f"Scale `{about['scale']}`: agents trained in synthetic environments, with a draw of "
        "settings each, and tested on the real task, as in Liesen et al. 2024. Values are "
        f"interquartile means [{about['level']:.0%} interval] over agents. Unlike those of "
        f"summary.md, these intervals ({about['resamples']:,} resamples) resample environment "
        "seeds, alike for all algorithms, and agents within each: they say what other "
        "environments, made in the same way, would give. With one seed they cannot (*), and with "
        "two they are too narrow. Agents "
        "with the same settings are not paired, so that intervals of differences are rather too "
        "wide than too narrow. † unseen: this agent took no part in that environment's "
        "meta-training.",
        "## Claims",
        "Unseen agents are compared with seen ones in the same environments; that algorithms "
        "differ wherever they are trained is part of the difference.",
        tabulate(summary["claims"], **_PIPE),
        "## Short of what is published",
        *_published(summary),
        "## Performance profiles",
        *_profiles(summary),
        "## Probability of improvement",
        "That an agent trained in the first place earns more on the task than one of the same "
        "algorithm trained in the second (ties count half): mean over algorithms, and over the "
        "tasks that have both. In the task agents train for as many steps.",
        tabulate([_improvement(e) for e in summary["improvement"]], **_PIPE),
        "## Steps for the same return",
        STEPS,
    ]
    for task, section in about["tasks"].items():
        parts += [
            f"## {section['id']}, return",
            returns_table(summary, task),
            f"## {section['id']}, steps for the same return",
            steps_table(summary, task),
        ]
    return "\n\n".join(parts) + "\n"


def _published(summary: Numbers) -> Iterable[str]:
    cells = summary["published"]
    if not cells:
        yield "Nothing was published of agents that this scale trains in such environments."
        return
    short = [cell for cell in cells if not cell["met"]]
    met = [cell for cell in cells if cell["met"]]
    yield (
        "Published: interquartile mean of 20 agents with sampled settings in an evolved bandit "
        "(Liesen et al. 2024; of CartPole-v0 mean in synthetic MDPs, Ferreira et al. 2022). Beside "
        "it stands the best of so many bandits here, of all environments where a task has no "
        "bandit: chosen by the value that is shown, which flatters it. Reached: its interval "
        "reaches what is published."
    )
    yield tabulate([_beside(summary, cell) for cell in short], **_PIPE) if short else "Nothing is."
    if met:
        yield "As good or better:"
        yield tabulate([_beside(summary, cell) for cell in met], **_PIPE)


def _beside(summary: Numbers, cell: Numbers) -> dict[str, str]:
    row = {
        "task": summary["about"]["tasks"][cell["task"]]["id"],
        "agent": cell["agent"],
        "best environment": f"`{cell['environment']}`",
        "best of": str(cell["of"]),
        "here": _cell(cell),
        "published": f"{cell['published']:,g}",
    }
    return row if cell["met"] else row | {"reached": "yes" if cell["within"] else "no"}


def _profiles(summary: Numbers) -> Iterable[str]:
    tasks = summary["about"]["tasks"]
    without = [section["id"] for section in tasks.values() if section["reference"] is None]
    yield (
        "Share of agents with at least so much of the way from the return of random actions (0) "
        "to that of an expert (1): `reference:` in conf/task/, or where that has no expert, the "
        "best that is published of the task. Experts of Brax have short trainings, so there scores "
        "are far above 1, too. Several tasks count alike. In the task agents train for as many "
        "steps." + (f" Left out, as they have no expert: {', '.join(without)}." if without else "")
    )
    rows = [
        {
            "tasks": ", ".join(tasks[task]["id"] for task in profile["tasks"]),
            "trained in": _place(name),
            "agents": f"{sum(profile['agents'][name]):,}",
            **{
                f"at {tau:.2g}": f"{share:.0%} [{low:.0%}, {high:.0%}]"
                for tau, share, low, high in zip(
                    profile["tau"], line["share"], line["low"], line["high"], strict=True
                )
            },
        }
        for profile in summary["profiles"]
        for name, line in profile["lines"].items()
    ]
    if rows:
        yield tabulate(rows, **_PIPE)


def _improvement(e: Numbers) -> dict[str, str]:
    word = "better" if e["low"] > 0.5 else "worse" if e["high"] < 0.5 else "within chance"
    return {
        "trained in": _place(e["better"]),
        "or in": _place(e["than"]),
        "tasks": str(len(e["tasks"])),
        "P(first > second)": f"{e['value']:.2f} [{e['low']:.2f}, {e['high']:.2f}]",
        "verdict": word + " *" * e["one_seed"],
    }


def returns_table(summary: Numbers, task: str) -> str:
    """A row for each environment and agent."""
    table = summary["transfer"][task]
    said = summary["about"]["tasks"][task]["published"]
    rows = []
    for name, agents in table.items():
        if name in (REAL, TUNED):
            continue
        for agent, cell in agents.items():
            tuned = table.get(TUNED, {}).get(agent)
            published = said.get(agent, {"synthetic": None, "real": None})
            rows.append(
                {
                    "environment": f"`{name}`",
                    "agent": agent,
                    "return": _cell(cell),
                    "seeds": str(cell["seeds"]),
                    "agents": str(cell["agents"]),
                    "published": _given(published["synthetic"]),
                    "in the task, equal steps": _cell(table[REAL][agent]),
                    "in the task, tuned": f"{_cell(tuned)} ({tuned['steps']:,} steps)"
                    if tuned
                    else "",
                    "published of the task": _given(published["real"]),
                }
            )
    return tabulate(rows, **_PIPE)


STEPS = (
    "How many times more steps agents need in the real task, with settings tuned for it or sampled "
    "as in the environment, until their interquartile mean is what it is in the end after training "
    "in the environment; over those until it first is so there. ≥: in the task they do not get "
    "there, as long as they are trained, which with sampled settings may be as long as in the "
    "environment only; never: the interval has no end. ≤: they are there when they are first "
    "tested. Steps are known as exactly as agents are tested often. Empty: agents in the "
    "environment earn no more than random actions, or no expert is planned. Pays after: so many "
    "agents save what the making took in steps in the task, against tuned ones (≤: they save more; "
    "against sampled ones: summary.md)."
)


def steps_table(summary: Numbers, task: str) -> str:
    """A row for each environment and agent; before it what was published, if it was."""
    said = PUBLISHED_RATIOS.get(task)
    rows = [
        {
            "environment": f"`{name}`",
            "agent": agent,
            "steps": _synthetic_steps(cell),
            "times more, tuned": times(cell.get(TUNED)),
            "times more, sampled": times(cell.get(REAL)),
            "pays after agents": _pays(summary["break_even"][task].get(name, {}).get(agent))
            if cell.get(TUNED)
            else "",
        }
        for name, agents in summary["efficiency"][task].items()
        for agent, cell in agents.items()
    ]
    note = f"Published: about {said} times more (read off a figure).\n\n" if said else ""
    return note + tabulate(rows, **_PIPE)


def _synthetic_steps(cell: Numbers) -> str:
    known = next((e for e in cell.values() if e), None)
    return f"{known['steps']:,.0f}" if known else ""


def times(e: Numbers | None) -> str:
    """A ratio with its interval, and whether it is a bound; empty where there is none."""
    if e is None:
        return ""
    high = "never" if e["high"] is None else _few(e["high"])
    bound = f"{e['bound']} " if e["bound"] else ""
    return f"{bound}{_few(e['value'])} [{_few(e['low'])}, {high}]"


def _pays(e: Numbers | None) -> str:
    return "" if e is None else f"{'≤ ' * e['at_most']}{_few(e['agents'])}"


def _few(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def _cell(e: Numbers) -> str:
    marks = " *" * (e["seeds"] == 1) + " †" * e.get("unseen", False)
    return f"{e['value']:,.1f} [{e['low']:,.1f}, {e['high']:,.1f}]{marks}"


def _given(value: float | None) -> str:
    return "" if value is None else f"{value:,g}"


def _place(name: str) -> str:
    return "the task" if name == REAL else f"`{name}`"
