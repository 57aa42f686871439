"""Which transform of scores, and which step size, solve a task soonest (Ferreira et al. 2022)?

Their strategy with each transform, step size, and with or without mirrored perturbations, several
times each. A search ends when the environment in its middle solves the task. Searches differ in
numbers only, not in programs: many go on side by side, whatever their generations, and where one
ends another takes its place. Their setting `nes_step_size`, which divides the step by the number of
perturbations, is left out, as it was in what they show.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice, product
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from synthgym.core import resume
from synthgym.core.display import Work, say
from synthgym.core.io import write_table
from synthgym.core.job import Inputs
from synthgym.core.settings import Config, Transforms
from synthgym.meta import evolve, search
from synthgym.meta.search import Trials

TOGETHER = 32  # searches side by side, at most
RUNS = "runs.parquet"
COUNTS = ("real_steps", "updates")  # as in progress.parquet, summed over the generations
RESULTS = ("solved", "generations", *COUNTS, "score")  # columns of runs.parquet, after its settings


class Combination(NamedTuple):
    """The numbers that tell a search from others."""

    transform: str
    step_size: float
    mirrored: bool
    seed: int


class Search(search.Search):
    """A search of the study."""

    @property
    def combination(self) -> Combination:
        return Combination(
            self.meta.transform, self.meta.step_size, self.meta.mirrored, self.config.seed
        )

    @property
    def row(self) -> dict[str, Any]:
        """Row of runs.parquet. `score`: 1 where it began solved, 0 where it never was solved."""
        left = 1.0 - self.generation / self.meta.generations
        return {
            **self.combination._asdict(),
            "solved": self.solved,
            "generations": self.generation,
            **{name: sum(int(row[name]) for row in self.log.progress) for name in COUNTS},
            "score": left if self.solved else 0.0,
        }


def run(config: Config, inputs: Inputs, out: Path, checkpoint: Path) -> list[str]:
    """Write runs.parquet: a row per search, in the order of the plan.

    A killed run begins those searches anew that had not ended.
    """
    everything = combinations(config.transforms)
    path = checkpoint / "runs.safetensors"
    kept = resume.found(path, {})
    rows = {_of(row): row for row in kept[1]["rows"]} if kept else {}
    if rows:
        say(f"going on with {len(rows)} of {len(everything)} searches done ({path})")
    title = f"{config.task.name}: transforms of scores"
    with Work(title, len(everything), "search", already=len(rows)) as work:
        for mirrored in config.transforms.mirrored:  # populations differ in size, so programs do
            alike = [one for one in everything if one.mirrored == mirrored]
            todo = [one for one in alike if one not in rows]
            places = min(TOGETHER, len(alike))
            for ended in _ended(config, todo, places):
                rows |= {one.combination: one.row for one in ended}
                resume.keep(path, {}, {"rows": list(rows.values())})
                work.done(len(rows), _note(rows.values()))
    columns = [*Combination._fields, *RESULTS]
    table = pd.DataFrame([rows[one] for one in everything], columns=columns)
    write_table(out / RUNS, table.assign(task=config.task.name))
    return [RUNS]


def combinations(plan: Transforms) -> list[Combination]:
    """All searches; those of one seed begin with the same environment."""
    every = product(plan.mirrored, plan.transforms, plan.step_sizes, plan.seeds)
    return [
        Combination(transform, float(step_size), mirrored, seed)
        for mirrored, transform, step_size, seed in every
    ]


def _ended(config: Config, todo: Sequence[Combination], places: int) -> Iterator[list[Search]]:
    """Do them all, `places` at a time; give those that end, whenever some do.

    Programs are compiled for so many: where there are fewer, one that counts for nothing goes along
    in all places that are left.
    """
    if not todo:
        return
    waiting, going = (_search(config, one) for one in todo), list[Search]()
    idle = _search(config, todo[0])
    trials = Trials(idle.config)
    while going := [*going, *islice(waiting, places - len(going))]:
        evolve.evaluate([*going, *[idle] * (places - len(going))], trials)
        if ended := [one for one in going if one.ended]:
            yield ended
        if going := [one for one in going if not one.ended]:
            evolve.generation([*going, *[idle] * (places - len(going))], trials)


def _search(config: Config, one: Combination) -> Search:
    numbers = {name: value for name, value in one._asdict().items() if name != "seed"}
    return Search(config.replace(seed=one.seed, meta=config.meta.replace(**numbers)), Path())


def _of(row: Mapping[str, Any]) -> Combination:
    return Combination(*(row[name] for name in Combination._fields))


def _note(rows: Collection[Mapping[str, Any]]) -> str:
    solved = sum(row["solved"] for row in rows)
    return f"{solved} of {len(rows)} solved"
