"""The numbers of synthetic MDPs as Markdown."""

from collections.abc import Callable, Mapping
from typing import Any

from synthgym.analysis import published
from synthgym.analysis.core import report
from synthgym.analysis.core.estimate import COUNT, SHARE, counted, number, written
from synthgym.analysis.core.tables import REAL, table
from synthgym.analysis.ranking import ABOUT, columns

Numbers = Mapping[str, Any]
Tasks = Mapping[str, Mapping[str, Any]]
RANKING = "ranking"  # the trial in which settings are ranked
ALL, SOLVED = "all", "solved"  # MDPs of an arm: every one, or those in which the search got there
FIXED, VARIED = "fixed", "varied"  # arms, as of the claims that were published
COSTS = ("real_steps", "synthetic_steps", "updates", "seconds")
BEARABLE = 0.9  # of what is earned beyond random actions without noise, that is left with it


def markdown(numbers: Numbers, tasks: Tasks) -> str:
    """The tables, readable on their own."""
    about = numbers["about"]
    parts = [
        "# Synthetic MDPs",
        f"Scale `{about['scale']}`: agents trained in synthetic MDPs only, or in the task, and "
        f"tested on the task. Means over agents [{about['level']:.0%} interval], which resamples "
        "MDPs, and agents within each. In the task agents stop, by the published rule, when the "
        "mean return of 10 training episodes solves it; in an MDP as is said there. `solved`: only "
        "MDPs whose search solved the task, as all published ones are. Published: Ferreira et al. "
        "2022, with larger networks and longer trainings.",
        report.claims(numbers["claims"]),
    ]
    for task, of_task in numbers["tasks"].items():
        section = tasks[task]
        parts += [f"## {section['id']}, making", _making_table(of_task["making"], task)]
        for trial, cells in of_task["trials"].items():
            agent = section["agents"][trial]
            less = of_task["varied_fixed"][trial].get(ALL)
            parts += [
                f"## {section['id']}, {agent}, {trial}",
                _training(section["training"][trial]),
                f"Return in `{VARIED}` less that in `{FIXED}`, all MDPs: {written(less)}."
                if less
                else "",
                _trial_table(cells, of_task["steps_saved"][trial], task, agent, section),
            ]
        if of_task["ranking"]:
            parts += [
                f"## {section['id']}, {RANKING} of settings",
                ABOUT,
                _ranking_table(of_task["ranking"], of_task["making"]),
            ]
        parts += [
            f"## {section['id']}, noise",
            "Return on the task after training in an MDP (the first of each arm) that is "
            "disturbed, by intensity: noise over the deviation that the quantity has in "
            f"training. bearable: up to there at least {BEARABLE:.0%} is left of what is earned "
            "beyond random actions.",
            _by_quantity(of_task["noise"], _noise_columns),
            f"## {section['id']}, distances",
            "Wasserstein distance between what the task shows in tests and what the MDP (the "
            "first of each arm) shows in training, or answers to the same states and actions; "
            "over the deviation in the task.",
            _by_quantity(of_task["distances"], _distance_columns),
        ]
    return report.document(*parts)


def _training(plan: Mapping[str, Any]) -> str:
    """How long agents train in an MDP."""
    if plan["stop"] == "never":
        return f"In an MDP they train for {plan['steps']:,} steps."
    return (
        "In an MDP they stop, by the published rule, when the mean return of 10 episodes differs "
        f"by less than 1 % from that of the 10 before, or after {plan['steps']:,} steps."
    )


def _making_table(making: Mapping[str, Numbers], task: str) -> str:
    rows = [
        {
            "arm": f"`{arm}`",
            "MDPs": n["mdps"],
            "solved": written(share_solved(n), SHARE),
            "generations": " ".join(map(str, sorted(n.get("generations", ())))),
            **counted(n, *COSTS),
        }
        for arm, n in making.items()
    ]
    note = "Costs of one MDP: means."
    if solved_by := published.about("mdps", "solved_by", task):
        counts = ", ".join(f"{n} by generation {g}" for g, n in solved_by.items())
        searches = published.values("mdps")["searches"]
        note += f" Published: of {searches} searches with tuned settings {counts}."
    return f"{note}\n\n{table(rows)}"


def _trial_table(
    cells: Numbers, steps_saved: Numbers, task: str, agent: str, section: Mapping[str, Any]
) -> str:
    rows = []
    for arm in (REAL, *section["evolved"], *section["fitted"]):
        place = "fitted" if arm in section["fitted"] else arm
        reported = published.of_agents(task, agent, place)
        for which, n in cells.get(arm, {}).items():
            rows.append(
                {
                    "trained in": "the task" if arm == REAL else f"`{arm}`",
                    "MDPs": "" if arm == REAL else f"{n['mdps']} ({which})",
                    "agents": n["agents"],
                    "return": written(n["return"]),
                    "published": written(reported["return"]),
                    "training steps": written(n["steps"], COUNT),
                    "published ": written(reported["steps"], COUNT),
                    "fewer than in the task": written(steps_saved.get(arm, {}).get(which), SHARE),
                    "episodes": written(n["episodes"], COUNT),
                }
            )
    return table(rows)


def _ranking_table(cells: Mapping[str, Numbers], making: Mapping[str, Numbers]) -> str:
    steps = {arm: number(making[arm]["real_steps"], COUNT) for arm in cells}
    return table(
        [columns(arm, n) | {"real steps to make the MDP": steps[arm]} for arm, n in cells.items()]
    )


def _by_quantity(
    cells: Mapping[str, Mapping[str, Numbers]], columns: Callable[[Numbers], dict[str, str]]
) -> str:
    rows = [
        {"arm": f"`{arm}`", "quantity": quantity, **columns(n)}
        for arm, quantities in cells.items()
        for quantity, n in quantities.items()
    ]
    return table(rows)


def _noise_columns(n: Numbers) -> dict[str, str]:
    returns = {f"at {level}": f"{value:.1f}" for level, value in n["returns"].items()}
    return {**returns, "bearable": f"{n['bearable']:g}"}


def _distance_columns(n: Numbers) -> dict[str, str]:
    return {
        "in training": written(n.get("training"), ".2f"),
        "answer": written(n.get("answer"), ".2f"),
    }


def share_solved(n: Mapping[str, Any]) -> dict[str, Any] | None:
    """Of the searches, with its interval; None where none can."""
    if "solved" not in n:
        return None
    return {"value": n["solved"], "low": n["solved_low"], "high": n["solved_high"]}
