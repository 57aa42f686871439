"""Does it matter how an environment is made, or who is trained in it?

After Liesen et al. 2024 (inner loop, bandits or MDPs, what is unseen, curriculum, latent
distribution, population), of whose experiments no numbers are known, and beyond them. Claims
stand in the plan.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthgym.analysis.core import report
from synthgym.analysis.core.estimate import GAIN, SHARE, Numbers, counted, estimate, written
from synthgym.analysis.core.statistics import LEVEL, NESTED, SEED, interquartile_mean
from synthgym.analysis.core.tables import REAL, bandit_tables, read_all, table
from synthgym.analysis.core.verdict import Claim, Evidence, judge, span_of
from synthgym.analysis.figures import comparisons as figures
from synthgym.analysis.ranking import ABOUT, agreement, columns, finished

Section = Mapping[str, Any]
Comparisons = Mapping[str, Section]
Cell = tuple[str, str]  # arm, trial
Cells = Mapping[Cell, Sequence[np.ndarray]]  # of finished agents a vector per environment
COSTS = ("real_steps", "synthetic_steps", "updates", "seconds")
EPISODES, ONE_STEP = "synthetic_episodes", "one_step_episodes"  # in the training of candidates
LATE = 0.2  # share of the generations, at the beginning and at the end, in which these are counted


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write summary.json, table.md, and a figure of each comparison into `out`.

    config: `scale` and `comparisons` ({name: question, task, arms, trials, claims}).
    """
    scale, comparisons = config["scale"], config["comparisons"]

    def rows_of(*kinds: str) -> pd.DataFrame:
        labels = ("family", "experiment", "arm", "seed", "trial")
        return placed(read_all(inputs, kinds, *labels), comparisons)

    evaluations, progress = rows_of("evaluations"), rows_of("progress", "plan_progress")
    numbers = summarise(scale, comparisons, rows_of("curves", "real_curves"), progress)
    given = {"evaluations": evaluations, "progress": progress, "comparisons": comparisons}
    given["tables"] = bandit_tables(inputs.get("environments", ()))
    text = markdown(numbers, comparisons)
    return report.publish("comparison_report", out, numbers, text, figures, **given, scale=scale)


def placed(rows: pd.DataFrame, comparisons: Comparisons) -> pd.DataFrame:
    """The rows of each comparison, with its name as a column.

    Those of an environment of the plan are there once for each comparison that takes part of it.
    """
    if rows.empty:
        return rows
    own = rows["family"] == "comparisons"
    parts = []
    for name, section in comparisons.items():
        of_plan = rows["arm"].isin(set(section["arms"]) - set(section["made"])) & ~own
        of_task = rows["experiment"] == section["task"]["name"]
        chosen = (own & (rows["experiment"] == name)) | (of_plan & of_task)
        parts.append(rows[chosen].assign(comparison=name))
    return pd.concat(parts, ignore_index=True)


def summarise(
    scale: str, comparisons: Comparisons, curves: pd.DataFrame, progress: pd.DataFrame
) -> Numbers:
    """Returns of arms in trials, and costs of arms, by comparison; and the claims."""
    found: Numbers = {"comparisons": {}, "claims": []}
    for name, section in comparisons.items():
        cells, diverged = cells_of(curves[curves["comparison"] == name])
        made = making(
            progress[progress["comparison"] == name] if len(progress) else progress, section
        )
        ranking = rankings(curves[curves["comparison"] == name], section)
        numbers = {"returns": returns(cells, section), "diverged": diverged, "making": made}
        numbers |= {"ranking": ranking} if ranking else {}
        found["comparisons"][name] = numbers
        measures = {
            "return": partial(_difference, cells, section),
            "one_step_episodes": partial(_one_step, made),
            "rank_correlation": partial(_rank_correlation, ranking),
        }
        found["claims"] += judge(section["claims"], measures, comparison=f"`{name}`")
    return report.summary(scale, found)


def cells_of(curves: pd.DataFrame) -> tuple[dict[Cell, list[np.ndarray]], int]:
    """Returns of finished agents, by arm and trial a vector per environment; how many diverged.

    An agent that diverged, so that its return is no number, is as bad as the worst of all.
    """
    agent = ["arm", "trial", "environment_seed", "draw"]
    ends = curves.loc[curves.groupby(agent)["step"].idxmax()]
    returns_ = ends["return_"].fillna(curves["return_"].min())
    cells: dict[Cell, list[np.ndarray]] = {}
    for (arm, trial, _), values in returns_.groupby([ends[name] for name in agent[:3]]):
        cells.setdefault((str(arm), str(trial)), []).append(values.to_numpy(float))
    return cells, int(ends["return_"].isna().sum())


def returns(cells: Cells, section: Section) -> Numbers:
    """{trial: {arm: interquartile mean with interval, numbers of environments and agents}}."""
    return {
        trial: {
            arm: estimate(
                float(interquartile_mean(np.concatenate(cells[arm, trial]))),
                resampled({(arm, trial): cells[arm, trial]})[arm, trial],
            )
            | {
                "environments": 0 if arm == REAL else len(cells[arm, trial]),
                "agents": sum(map(len, cells[arm, trial])),
                "steps": of["real_steps"] if arm == REAL else of["steps"][arm],
            }
            for arm in (REAL, *of["arms"])
        }
        for trial, of in section["trials"].items()
    }


def rankings(curves: pd.DataFrame, section: Section) -> dict[str, dict[str, Numbers]]:
    """{trial: {arm: whether it orders settings as the task does}}; trials of repeated settings."""
    found: dict[str, dict[str, Numbers]] = {}
    for trial, of in section["trials"].items():
        if of.get("repeats", 1) > 1:
            of_trial = curves[curves["trial"] == trial]
            by_arm = dict(iter(finished(of_trial, ["arm", "environment_seed"]).groupby("arm")))
            found[trial] = {arm: agreement(by_arm[arm], by_arm[REAL]) for arm in of["arms"]}
    return found


def resampled(cells: Cells) -> dict[Cell, np.ndarray]:
    """Interquartile mean of each cell, NESTED times.

    Environments are drawn with replacement, the same for all trials of an arm, and agents in each.
    With one environment, or in the task, only agents are.
    """
    generator = np.random.default_rng(SEED)
    chosen: dict[str, np.ndarray] = {}  # environments, (resamples, environments, 1)
    found = {}
    for (arm, trial), runs in cells.items():
        values = np.stack(runs)  # all environments have as many agents
        number, agents = values.shape
        if arm not in chosen:
            chosen[arm] = generator.integers(number, size=(NESTED, number, 1))
        which = generator.integers(agents, size=(NESTED, number, agents))
        drawn = values[chosen[arm], which].reshape(NESTED, -1)
        found[arm, trial] = np.asarray(interquartile_mean(drawn))
    return found


def making(progress: pd.DataFrame, section: Section) -> dict[str, Numbers]:
    """{arm: costs, means over its environments; share of training episodes with one step}."""
    arms: dict[str, Numbers] = {}
    for arm in section["arms"]:
        rows = progress[progress["arm"] == arm]
        by_seed = rows.groupby("seed")
        arms[arm] = {
            "environments": by_seed.ngroups,
            "generations": float(by_seed["generation"].max().mean()),
            **by_seed[list(COSTS)].sum().mean().to_dict(),
        }
        if EPISODES in rows and rows[EPISODES].notna().any():
            last = rows["generation"].max()
            few = max(1, int(LATE * last))
            early, late = rows["generation"] <= few, rows["generation"] > last - few
            for when, chosen in (("first", early), ("last", late)):
                sums = rows[chosen].groupby("seed")[[EPISODES, ONE_STEP, "synthetic_steps"]].sum()
                per_episode = sums.div(sums[EPISODES], axis=0)
                arms[arm][f"one_step_{when}"] = per_episode[ONE_STEP].tolist()
                arms[arm][f"length_{when}"] = per_episode["synthetic_steps"].tolist()
    return arms


def _difference(cells: Cells, section: Section, claim: Claim) -> Iterator[Evidence]:
    """The difference of two means over cells, in return."""
    trials = claim.get("trials") or list(section["trials"])
    other_trials = claim.get("over_trials") or trials
    ours = [cell for cell in product(claim["of"], trials) if cell in cells]
    others = [cell for cell in product(claim["over"], other_trials) if cell in cells]
    if not ours or not others:
        return
    samples = resampled({cell: cells[cell] for cell in (*ours, *others)})
    points = {cell: interquartile_mean(np.concatenate(cells[cell])) for cell in samples}
    difference = estimate(
        float(np.mean([points[c] for c in ours]) - np.mean([points[c] for c in others])),
        np.mean([samples[c] for c in ours], 0) - np.mean([samples[c] for c in others], 0),
    )
    fewest = min(len(cells[cell]) for cell in samples if cell[0] != REAL)
    note = f"from {fewest} environment{'s' * (fewest > 1)}"
    span = span_of(section["task"])
    yield Evidence(difference, GAIN, unit=span, note=note, environments=fewest)


def _one_step(made: Mapping[str, Numbers], claim: Claim) -> Iterator[Evidence]:
    """The share of training episodes with one step in the last generations: bandits emerge."""
    generator = np.random.default_rng(SEED)
    for arm, numbers in made.items():
        if arm in claim["of"] and "one_step_last" in numbers:
            shares = np.array(numbers["one_step_last"])
            chosen = generator.integers(len(shares), size=(NESTED, len(shares)))
            share = estimate(float(shares.mean()), shares[chosen].mean(1))
            note = f"from {len(shares)} environments"
            yield Evidence(share, SHARE, note=note, environments=len(shares))


def _rank_correlation(
    ranking: Mapping[str, Mapping[str, Numbers]], claim: Claim
) -> Iterator[Evidence]:
    """Kendall's tau of the order of settings and that in the task."""
    for trial, arm in product(claim.get("trials") or ranking, claim["of"]):
        if found := ranking.get(trial, {}).get(arm):
            yield Evidence(found["kendall"], "+.2f", f"{arm}, {trial}", note="(Kendall)")


def markdown(numbers: Numbers, comparisons: Comparisons) -> str:
    """The tables, readable on their own."""
    scale = numbers["about"]["scale"]
    parts = [
        "# Comparisons",
        f"Scale `{scale}`: interquartile mean of the return on the real task [{LEVEL:.0%} "
        "interval] of agents that were trained in environments made in different ways, or in the "
        "task (`real`). Intervals resample environments, and agents within each; with one "
        "environment, or in the task, agents only. From the few environments that there are they "
        "are too narrow. Claims are on differences in return. Of Liesen et al. 2024, who did the "
        "same experiments, no numbers are known but for the share of episodes with one step (more "
        "than 80 % in MDPs); settings are ours.",
        report.claims(numbers["claims"]),
    ]
    for name, section in comparisons.items():
        found, solved = numbers["comparisons"][name], section["task"]["solved"]
        threshold = "" if solved is None else f", solved from {solved}"
        parts += [
            f"## {section['about']}",
            f"`{name}`, {section['task']['id']}{threshold}.",
            _returns_table(found["returns"], section),
            f"{found['diverged']} agents diverged, and count as the worst of all."
            if found["diverged"]
            else "",
            *_ranking_parts(found.get("ranking", {}), section),
            _making_table(found["making"], section),
        ]
    return report.document(*parts)


def _returns_table(found: Mapping[str, Numbers], section: Section) -> str:
    rows = []
    for arm in (REAL, *section["arms"]):
        row = {"trained in": "the task" if arm == REAL else f"`{arm}`"}
        cells = {trial: arms[arm] for trial, arms in found.items() if arm in arms}
        for trial, of in section["trials"].items():
            unseen = arm != REAL and of["agent"] not in section["agents"][arm]
            row[f"{trial} ({of['agent']})"] = (
                f"{written(cells[trial])}{' †' if unseen else ''}, {cells[trial]['steps']:,} steps"
                if trial in cells
                else ""
            )
        counts = [f"{n['environments']}, {n['agents']}" for n in cells.values()]
        rows.append(row | {"environments, agents": " or ".join(dict.fromkeys(counts))})
    text = table(rows)
    if "†" not in text:
        return text
    return f"{text}\n\n† this algorithm took no part in the making of these environments."


def _ranking_parts(ranking: Mapping[str, Mapping[str, Numbers]], section: Section) -> Iterator[str]:
    if ranking:
        yield ABOUT
    for trial, arms in ranking.items():
        rows = [columns(arm, n) for arm, n in arms.items()]
        yield f"`{trial}` ({section['trials'][trial]['agent']}):"
        yield table(rows)


def _making_table(made: Mapping[str, Numbers], section: Section) -> str:
    note = "Making one environment, means."
    if of_mdps := any("one_step_last" in n for n in made.values()):
        note += (
            " one step: share of the training episodes, in the first and in the last "
            f"{LATE:.0%} of the generations."
        )
    rows = [
        {
            "arm": f"`{arm}`",
            "made with": ", ".join(section["agents"][arm]) or "a teacher",
            "environments": n["environments"],
            "generations": f"{n['generations']:g}",
            **counted(n, *COSTS),
            **({"one step": _one_step_text(n)} if of_mdps else {}),
        }
        for arm, n in made.items()
    ]
    return f"{note}\n\n{table(rows)}"


def _one_step_text(n: Numbers) -> str:
    if "one_step_last" not in n:
        return ""
    names = ("one_step_first", "one_step_last", "length_last")
    first, last, length = (np.mean(n[name]) for name in names)
    return f"{first:.0%}, then {last:.0%} (mean length {length:.1f} steps)"
