"""How are the numbers read? The summary as Markdown tables, each after a sentence on what it is."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tabulate import tabulate

from synthgym.analysis.core.tables import REAL
from synthgym.analysis.runs import level

Numbers = Mapping[str, Any]
PUBLISHED = "published: synthetic bandit (Liesen et al. 2024), 20 agents"
UNSEEN = " † unseen: this agent took no part in that environment's meta-training."


def markdown(summary: Numbers) -> str:
    """All tables, readable on their own."""
    parts = [f"# Results at scale `{summary['about']['scale']}`", reading(summary)]
    for task, section in summary["about"]["tasks"].items():
        parts += [
            f"## {task} ({section['id']})",
            "### Return on the real task",
            returns_table(summary, task),
            *_section("### Agents of another library", clients_table(summary, task)),
            *_section("### What the making of an environment changes", verdicts(summary, task)),
            "### Training until the task is solved",
            effort_table(summary, task),
            "### Cost of meta-training",
            cost_table(summary, task),
        ]
    return "\n\n".join(parts) + "\n"


def reading(summary: Numbers) -> str:
    """How to read any of the tables."""
    about = summary["about"]
    seeds = _range(env["n"] for task in summary["meta_training"].values() for env in task.values())
    return (
        f"Cells are interquartile means [{about['level']:.0%} interval] over agents; an agent is "
        "one training run from scratch, with its own random start. The interval is the percentile "
        f"interval of {about['resamples']:,} stratified bootstrap resamples, drawn among the "
        "agents of each meta-training seed: it says what other agents would reach in the same "
        f"environments, not what other environments would give (meta-training seeds: {seeds})."
    )


def returns_table(summary: Numbers, task: str) -> str:
    """Where trained x agent, after a sentence that says what is compared."""
    equal = summary["real_at_equal_steps"][task][REAL]
    rows = {"real task, equal steps (next evaluation)": equal} if equal else {}
    rows |= {
        _trained_in(summary, task, name): row for name, row in _by_place(summary, "transfer", task)
    }
    rows = {
        f"{name}: {_range(cell['steps'] for cell in row.values())} steps": row
        for name, row in rows.items()
    }
    cells = [cell for row in rows.values() for cell in row.values()]
    tested = _range(cell["test_episodes"] for cell in cells if "test_episodes" in cell)
    solved = summary["about"]["tasks"][task]["solved"]
    threshold = "" if solved is None else f" (solved from {solved:g}, then **bold**)"
    sentence = (
        f"Scale `{summary['about']['scale']}`: return per episode on the real task{threshold} of "
        "agents trained in the real task or in a synthetic environment, for the steps given; "
        f"n = {_range(cell['n'] for cell in cells)} agents per "
        f"cell, with {_range(cell['settings'] for cell in cells)} different settings of their "
        f"hyperparameters, each agent judged by {tested} test episodes."
        f"{UNSEEN if any(cell.get('unseen') for cell in cells) else ''}"
    )
    show_n = len({cell["n"] for cell in cells}) > 1
    published = summary["about"]["tasks"][task]["published"]
    judged = {agent for row in rows.values() for agent in row}
    if said := {a: {"published": published[a]} for a in judged if published.get(a) is not None}:
        rows[PUBLISHED] = said
    return f"{sentence}\n\n{_table(rows, lambda cell: _return_cell(cell, level(solved), show_n))}"


def clients_table(summary: Numbers, task: str) -> str:
    """The same for agents of Stable-Baselines3; empty if there is none."""
    rows = {
        f"{_trained_in(summary, task, name)}: {_range(cell['steps'] for cell in row.values())} "
        "steps": row
        for name, row in _by_place(summary, "clients", task)
    }
    cells = [cell for row in rows.values() for cell in row.values()]
    if not cells:
        return ""
    section = summary["about"]["tasks"][task]
    solved = section["solved"]
    threshold = "" if solved is None else f" (solved from {solved:g}, then **bold**)"
    seeds = _range({cell["environments"] for cell in cells} - {0})
    sentence = (
        f"Scale `{summary['about']['scale']}`: return per episode{threshold} in Gymnasium's own "
        f"{section['id']}, not in ours, of agents of Stable-Baselines3 with the default settings "
        "of that library, trained in Gymnasium's task or, through our adapter, in a synthetic "
        f"environment; n = {_range(cell['n'] for cell in cells)} agents per cell, which differ in "
        f"their random seed only, each judged by {_range(c['test_episodes'] for c in cells)} test "
        "episodes in which it takes its best action. Intervals are over agents, as above "
        f"(meta-training seeds: {seeds}).{UNSEEN}"
    )
    show_n = len({cell["n"] for cell in cells}) > 1
    return f"{sentence}\n\n{_table(rows, lambda cell: _return_cell(cell, level(solved), show_n))}"


def verdicts(summary: Numbers, task: str) -> str:
    """What one way of making an environment adds to another, per agent; empty if there is one."""
    rows = [
        {
            "agent": entry["agent"],
            "environment": _trained_in(summary, task, entry["environment"]),
            "less that of": _trained_in(summary, task, entry["other"]),
            "difference": f"{entry['difference']:,.1f} [{entry['low']:,.1f}, {entry['high']:,.1f}]",
            "verdict": _verdict(entry),
            "real steps, times fewer": _ratio(entry["fewer_real_steps"]),
        }
        for entry in summary["differences"][task]
    ]
    if not rows:
        return ""
    sentence = (
        f"Scale `{summary['about']['scale']}`: difference of the interquartile means of the return "
        "on the real task, by how the environments were made. These intervals "
        f"({summary['about']['level']:.0%}) resample environment seeds, and agents within each: "
        "where there is only one seed they cannot say what another would give (*). Last column: "
        "steps in the real task that the making of the other environment took, over this one's."
    )
    return f"{sentence}\n\n{tabulate(rows, headers='keys', **_PIPE)}"


def effort_table(summary: Numbers, task: str) -> str:
    """Steps and episodes until solved, where trained x agent."""
    rows = {
        f"{unit}: {_trained_in(summary, task, name)}": row
        for experiment, unit in (("steps_to_solve", "steps"), ("episodes_to_solve", "episodes"))
        for name, row in _by_place(summary, experiment, task)
    }
    solved = summary["about"]["tasks"][task]["solved"]
    if solved is None:
        return "Nobody has agreed from which return on this task counts as solved."
    sentence = (
        f"Scale `{summary['about']['scale']}`: training in the environment named until the first "
        f"evaluation on the real task with a mean return of at least {solved:g}, over the agents "
        "that got there; k/n of them did. The others enter no mean, so compare rows only where k "
        "is close to n."
    )
    return f"{sentence}\n\n{_table(rows, _effort_cell)}"


def cost_table(summary: Numbers, task: str) -> str:
    """What each environment cost, one row each."""
    columns = {
        "generations": "generations",
        "seconds": "seconds",
        "real_steps": "steps in the real task",
        "synthetic_steps": "synthetic steps",
        "updates": "updates of agents",
    }
    rows = [
        {
            "environment": f"`{name}`",
            "made": env["made"],
            "meta-trained with": ", ".join(env["agents"]),
            "seeds": env["n"],
            **{header: _spread(env[column]) for column, header in columns.items()},
            "solved in generation": "; ".join(map(_solved_at, env["mean_environment"].items())),
            "pays after agents": "; ".join(
                f"{agent}: {'≤ ' if numbers['at_most'] else ''}{_ratio(numbers['agents'])}"
                for agent, numbers in summary["break_even"][task].get(name, {}).items()
            ),
        }
        for name, env in sorted(summary["meta_training"][task].items())
    ]
    sentence = (
        f"Scale `{summary['about']['scale']}`: one meta-training of each environment, mean over "
        "its seeds (smallest to largest where they differ). This is spent once; agents trained in "
        "the environment afterwards take no step in the real task. Solved: first evaluated "
        "generation in which the interquartile mean of n fresh agents gets there, and the seconds "
        "that it took until then. Pays after: as many agents as save what the making took, in "
        "steps in the real task; an agent saves what such agents need there to become as good (≤: "
        "they did not, as long as they were trained)."
    )
    return f"{sentence}\n\n{tabulate(rows, headers='keys', **_PIPE)}"


_PIPE: dict[str, Any] = {"tablefmt": "pipe", "disable_numparse": True}


def _section(heading: str, body: str) -> list[str]:
    return [heading, body] if body else []


def _ratio(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def _verdict(entry: Numbers) -> str:
    word = "better" if entry["low"] > 0 else "worse" if entry["high"] < 0 else "no difference seen"
    return f"{word} *" if min(entry["seeds"]) < 2 else word


def _table(rows: Mapping[str, Numbers], cell: Callable[[Numbers], str]) -> str:
    agents = sorted({agent for row in rows.values() for agent in row})
    body = [
        [name, *(cell(row[agent]) if agent in row else "" for agent in agents)]
        for name, row in rows.items()
    ]
    return tabulate(body, ["trained in", *agents], **_PIPE)


def _return_cell(cell: Numbers, solved: float, show_n: bool) -> str:
    if "published" in cell:
        return f"{cell['published']:,.1f}"
    value = f"{cell['iqm']:,.1f}"
    value = f"**{value}**" if cell["iqm"] >= solved else value
    n = f" (n = {cell['n']})" if show_n else ""
    dagger = " †" if cell.get("unseen") else ""
    return f"{value} [{cell['low']:,.1f}, {cell['high']:,.1f}]{n}{dagger}"


def _effort_cell(cell: Numbers) -> str:
    reached = f"{cell['n']}/{cell['of']}"
    if not cell["n"]:
        return f"not solved ({reached})"
    return f"{cell['iqm']:,.0f} [{cell['low']:,.0f}, {cell['high']:,.0f}] ({reached})"


def _solved_at(mean_environment: tuple[str, Numbers]) -> str:
    agent, numbers = mean_environment
    generation = numbers["solved_at_generation"]
    if generation is None:
        return f"{agent}: never (n = {numbers['n']})"
    return f"{agent}: {generation}, {numbers['solved_after_seconds']:,.0f} s (n = {numbers['n']})"


def _by_place(summary: Numbers, experiment: str, task: str) -> list[tuple[str, Numbers]]:
    """The real task first, then the environments by name."""
    return sorted(summary[experiment][task].items(), key=lambda row: (row[0] != REAL, row[0]))


def _trained_in(summary: Numbers, task: str, environment: str) -> str:
    if environment == REAL:
        return "real task"
    entry = summary["meta_training"][task][environment]
    how = f"meta-trained with {', '.join(entry['agents'])}"
    made = {"evolved": how, "distilled": "distilled", "distilled+evolved": f"distilled, then {how}"}
    return f"`{environment}` ({made[entry['made']]})"


def _spread(cost: Numbers) -> str:
    mean = f"{cost['mean']:,.0f}"
    alike = cost["min"] == cost["max"]
    return mean if alike else f"{mean} ({cost['min']:,.0f} to {cost['max']:,.0f})"


def _range(values: Iterable[int]) -> str:
    low, *_, high = sorted(values) * 2
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
