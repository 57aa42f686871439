"""The summary of a scale as Markdown tables, each after a sentence that says what it shows."""

from collections.abc import Callable, Mapping
from itertools import starmap
from typing import Any

from synthgym.analysis import sample_efficiency
from synthgym.analysis.core.estimate import COUNT, bold, number, span, times, written
from synthgym.analysis.core.report import document
from synthgym.analysis.core.tables import REAL, table
from synthgym.analysis.core.verdict import UNDECIDED, Evidence
from synthgym.analysis.runs import level

Numbers = Mapping[str, Any]
Rows = dict[str, Numbers]  # where trained -> agent -> numbers
PUBLISHED = "published: synthetic bandit (Liesen et al. 2024), 20 agents"
BETTER = {"expect": "better"}
COSTS = {
    "generations": "generations",
    "seconds": "seconds",
    "real_steps": "steps in the real task",
    "synthetic_steps": "synthetic steps",
    "updates": "updates of agents",
}
UNITS = ("steps", "episodes")
UNSEEN = " † unseen: this agent took no part in that environment's meta-training."


def markdown(summary: Numbers) -> str:
    """All tables, readable on their own."""
    parts = [f"# Results at scale `{summary['about']['scale']}`", reading(summary)]
    for task, section in summary["about"]["tasks"].items():
        parts.append(f"## {task} ({section['id']})")
        for heading, part in (
            ("Return on the real task", returns_table),
            ("Agents of another library", clients_table),
            ("What the making of an environment changes", differences_table),
            ("Training until the task is solved", effort_table),
            ("Cost of meta-training", cost_table),
            ("Beside agents that need few steps", sample_efficiency.shown),
        ):
            if text := part(summary, task):
                parts += [f"### {heading}", text]
    return document(*parts)


def reading(summary: Numbers) -> str:
    """Explanation of what all tables have in common."""
    about = summary["about"]
    seeds = span(env["n"] for task in summary["meta_training"].values() for env in task.values())
    return (
        f"Cells are interquartile means [{about['level']:.0%} interval] over agents; an agent is "
        "one training run from scratch, with its own random start. The interval is the percentile "
        f"interval of {about['resamples']:,} stratified bootstrap resamples, drawn among the "
        "agents of each meta-training seed: it says what other agents would reach in the same "
        f"environments, not what other environments would give (meta-training seeds: {seeds})."
    )


def returns_table(summary: Numbers, task: str) -> str:
    """Return by where agents were trained and by agent, after a sentence on what is compared."""
    equal = summary["real_at_equal_steps"][task][REAL]
    finished = summary["transfer"][task][REAL]
    longer = any(finished[agent]["steps"] > cell["steps"] for agent, cell in equal.items())
    rows: Rows = {"real task, equal steps (next evaluation)": equal} if longer else {}
    rows |= _by_place(summary, "transfer", task)
    cells = _cells(rows)
    tested = span(cell["test_episodes"] for cell in cells if "test_episodes" in cell)
    sentence = (
        f"{_scale(summary)}: return per episode on the real task{_threshold(summary, task)} of "
        "agents trained in the real task or in a synthetic environment, for the steps given; "
        f"n = {span(cell['n'] for cell in cells)} agents per "
        f"cell, with {span(cell['settings'] for cell in cells)} different settings of their "
        f"hyperparameters, each agent judged by {tested} test episodes."
        f"{UNSEEN if any(cell.get('unseen') for cell in cells) else ''}"
    )
    published = summary["about"]["tasks"][task]["published"]
    judged = {agent for row in rows.values() for agent in row}
    shown = {a: {"published": published[a]} for a in judged if published.get(a) is not None}
    return f"{sentence}\n\n{_returns(summary, task, rows, {PUBLISHED: shown} if shown else {})}"


def clients_table(summary: Numbers, task: str) -> str:
    """Return of agents of Stable-Baselines3; empty if there is none."""
    rows = _by_place(summary, "clients", task)
    if not (cells := _cells(rows)):
        return ""
    seeds = span({cell["environments"] for cell in cells} - {0})
    sentence = (
        f"{_scale(summary)}: return per episode{_threshold(summary, task)} in Gymnasium's own "
        f"{summary['about']['tasks'][task]['id']}, not in ours, of agents of Stable-Baselines3 "
        "with the default settings "
        "of that library, trained in Gymnasium's task or, through our adapter, in a synthetic "
        f"environment; n = {span(cell['n'] for cell in cells)} agents per cell, which differ in "
        f"their random seed only, each judged by {span(c['test_episodes'] for c in cells)} test "
        "episodes in which it takes its best action. Intervals are over agents, as above "
        f"(meta-training seeds: {seeds}).{UNSEEN}"
    )
    return f"{sentence}\n\n{_returns(summary, task, rows, {})}"


def differences_table(summary: Numbers, task: str) -> str:
    """Gain of one way of making an environment over another, per agent; empty if there is one."""
    rows = [
        {
            "agent": entry["agent"],
            "environment": _trained_in(summary, task, entry["environment"]),
            "less that of": _trained_in(summary, task, entry["other"]),
            "difference": written(entry, point="difference"),
            "better": Evidence(entry).judge(BETTER) + " *" * (min(entry["seeds"]) < 2),
            "real steps, times fewer": times(entry["fewer_real_steps"]),
        }
        for entry in summary["differences"][task]
    ]
    sentence = (
        f"{_scale(summary)}: difference of the interquartile means of the return "
        "on the real task, by how the environments were made. These intervals "
        f"({summary['about']['level']:.0%}) resample environment seeds, and agents within each: "
        "where there is only one seed they cannot say what another would give (*). Better: "
        "whether it holds that the difference is above zero. Last column: "
        "steps in the real task that the making of the other environment took, over this one's."
    )
    return f"{sentence}\n\n{table(rows)}" if rows else ""


def effort_table(summary: Numbers, task: str) -> str:
    """Steps and episodes until solved, by where agents were trained and by agent."""
    solved = summary["about"]["tasks"][task]["solved"]
    if solved is None:
        return "There is no agreed return from which this task counts as solved."
    steps, episodes = (_by_place(summary, f"{unit}_to_solve", task) for unit in UNITS)
    rows = {f"steps: {name}": row for name, row in steps.items()}
    rows |= {f"episodes: {name}": row for name, row in episodes.items() if row != steps[name]}
    sentence = (
        f"{_scale(summary)}: training in the environment named until the first "
        f"evaluation on the real task with a mean return of at least {solved:g}, over the agents "
        "that got there; k/n of them did. The others enter no mean, so compare rows only where k "
        "is close to n. Episodes are shown where they are not as many as steps."
    )
    return f"{sentence}\n\n{_table(rows, _effort_cell)}"


def cost_table(summary: Numbers, task: str) -> str:
    """Cost of each environment, one row each."""
    rows = [
        {
            "environment": f"`{name}`",
            "made": env["made"],
            "meta-trained with": ", ".join(env["agents"]),
            "seeds": env["n"],
            **{header: _spread(env[cost]) for cost, header in COSTS.items()},
            "solved in generation": "; ".join(starmap(_solved_at, env["mean_environment"].items())),
            "pays after agents": "; ".join(
                f"{agent}: {pays(numbers)}"
                for agent, numbers in summary["break_even"][task].get(name, {}).items()
            ),
        }
        for name, env in sorted(summary["meta_training"][task].items())
    ]
    sentence = (
        f"{_scale(summary)}: one meta-training of each environment, mean over "
        "its seeds (smallest to largest where they differ). This is spent once; agents trained in "
        "the environment afterwards take no step in the real task. Solved: first evaluated "
        "generation in which the interquartile mean of n fresh agents gets there, and the seconds "
        "that it took until then. Pays after: as many agents as save what the making took, in "
        "steps in the real task; an agent saves what such agents need there to become as good (≤: "
        "they did not, as long as they were trained). It is undecided where agents are not better, "
        "with intervals apart, than those trained in the real task for as many steps."
    )
    return f"{sentence}\n\n{table(rows)}"


def pays(numbers: Numbers) -> str:
    """Number of agents after which an environment has paid for itself."""
    if numbers["agents"] is None:
        return UNDECIDED
    return f"{'≤ ' * numbers['at_most']}{times(numbers['agents'])}"


def _scale(summary: Numbers) -> str:
    return f"Scale `{summary['about']['scale']}`"


def _threshold(summary: Numbers, task: str) -> str:
    solved = summary["about"]["tasks"][task]["solved"]
    return "" if solved is None else f" (solved from {solved:g}, then **bold**)"


def _by_place(summary: Numbers, part: str, task: str) -> Rows:
    """The real task first, then the environments by name."""
    rows = sorted(summary[part][task].items(), key=lambda row: (row[0] != REAL, row[0]))
    return {_trained_in(summary, task, name): row for name, row in rows}


def _cells(rows: Rows) -> list[Numbers]:
    return [cell for row in rows.values() for cell in row.values()]


def _returns(summary: Numbers, task: str, rows: Rows, published: Rows) -> str:
    with_steps = {
        f"{name}: {span(cell['steps'] for cell in row.values())} steps": row
        for name, row in rows.items()
    }
    show_n = len({cell["n"] for cell in _cells(rows)}) > 1
    solved = level(summary["about"]["tasks"][task]["solved"])

    def cell_text(cell: Numbers) -> str:
        if "published" in cell:
            return f"{cell['published']:,.1f}"
        n = f" (n = {cell['n']})" if show_n else ""
        return f"{bold(cell, solved)}{n}{' †' * cell.get('unseen', False)}"

    return _table(with_steps | published, cell_text)


def _table(rows: Rows, cell_text: Callable[[Numbers], str]) -> str:
    agents = sorted({agent for row in rows.values() for agent in row})
    body = [
        [name, *(cell_text(row[agent]) if agent in row else "" for agent in agents)]
        for name, row in rows.items()
    ]
    return table(body, ["trained in", *agents])


def _effort_cell(cell: Numbers) -> str:
    reached = f"({cell['n']}/{cell['of']})"
    return f"{written(cell, COUNT, 'iqm') if cell['n'] else 'not solved'} {reached}"


def _solved_at(agent: str, numbers: Numbers) -> str:
    generation, seconds = numbers["solved_at_generation"], numbers["solved_after_seconds"]
    when = "never" if generation is None else f"{generation}, {seconds:,.0f} s"
    return f"{agent}: {when} (n = {numbers['n']})"


def _trained_in(summary: Numbers, task: str, environment: str) -> str:
    if environment == REAL:
        return "real task"
    entry = summary["meta_training"][task][environment]
    how = f"meta-trained with {', '.join(entry['agents'])}"
    made = entry["made"].replace("+", ", then ").replace("evolved", how)
    return f"`{environment}` ({made})"


def _spread(cost: Numbers) -> str:
    mean, least, most = (number(cost[name], COUNT) for name in ("mean", "min", "max"))
    return mean if cost["min"] == cost["max"] else f"{mean} ({least} to {most})"
