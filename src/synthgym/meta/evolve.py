"""Meta-training: evolve environments until agents trained in them do well on the real task.

Outer loop: an evolution strategy (`strategies.py`) on an environment's parameters; what one such
search does is in `search.py`. Inner loop: `fitness.py`. Searches that differ in their seeds only go
on side by side in one process, as many at a time as fit.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from synthgym.core import checkpoint as files
from synthgym.core import parallel
from synthgym.core.display import Work, say
from synthgym.core.io import read_table, write_table
from synthgym.core.job import Begun, Inputs
from synthgym.core.rng import together
from synthgym.core.settings import Config, plain
from synthgym.meta.fitness import Evaluation
from synthgym.meta.progress import EVALUATIONS, PROGRESS, cost, table
from synthgym.meta.search import Search, Trials
from synthgym.meta.settings import with_settings
from synthgym.synth.base import module_of

OUTPUTS = ["environment.safetensors", "progress.parquet", "evaluations.parquet"]


def run(config: Config, inputs: Inputs, out: Path, checkpoint: Path) -> list[str]:
    """Meta-train the configured environment, or go on from the last checkpoint of a killed run."""
    (names,) = run_together([Begun(config, inputs, out, checkpoint)])
    return names


def run_together(jobs: Sequence[Begun]) -> list[list[str]]:
    """Meta-train several environments side by side, whose jobs differ in their seeds only."""
    jobs = [j._replace(config=with_settings(j.config, j.inputs.get("settings", ()))) for j in jobs]
    searches = [_search(job) for job in jobs]
    for search in searches:
        search.resume()
    parallel.wait("all processes have read the checkpoints")
    go_on(searches, Trials(jobs[0].config))
    for job, search in zip(jobs, searches, strict=True):
        begun = [
            row
            for path in job.inputs.get("start_progress", ())
            for row in read_table(path).to_dict("records")
        ]
        rows = [*begun, *search.log.progress]
        write_table(job.out / "progress.parquet", table(rows, PROGRESS))
        write_table(job.out / "evaluations.parquet", table(search.log.evaluations, EVALUATIONS))
        about = {"kind": "synthetic environment", "config": plain(job.config), "cost": cost(rows)}
        files.save(job.out / "environment.safetensors", search.result, about)
    return [OUTPUTS for _ in jobs]


def _search(job: Begun) -> Search:
    config, paths = job.config, job.inputs.get("start", ())
    start = [module_of(config.synth).load(path, config.synth, config.task) for path in paths]
    return Search(config, job.checkpoint / "search.safetensors", *start)


def go_on(searches: Sequence[Search], trials: Trials) -> None:
    """All generations of these searches that are not yet done.

    They keep step: those that are behind, as their last checkpoint was older, catch up first.
    """
    meta, saved = searches[0].meta, time.monotonic()
    behind = min(search.generation for search in searches)
    with Work(_title(searches), meta.generations, "generation", already=behind) as work:
        while going := [search for search in searches if not search.ended or search.to_be_judged]:
            behind = min(search.generation for search in going)
            now = [search for search in going if search.generation == behind]
            begun = time.monotonic()
            if now[0].to_be_judged:  # at the beginning, or where the last checkpoint was before
                evaluate(now, trials)
            if now := [search for search in now if not search.ended]:
                generation(now, trials)
                if now[0].to_be_judged:
                    evaluate(now, trials)
            seconds = (time.monotonic() - begun) / max(1, len(now))
            for search in now:
                search.log.progress[-1]["seconds"] = seconds
                if search.solved:
                    which = f"{_seeds([search])}: solved in generation {search.generation}"
                    say(f"{which}, which ends the search")
            if now:
                work.done(now[0].generation, _note(now))
            late = time.monotonic() - saved > meta.checkpoint_seconds
            for search in now:
                if parallel.first() and (late or (search.ended and len(searches) > 1)):
                    search.save()
            saved = time.monotonic() if late else saved


def generation(searches: Sequence[Search], trials: Trials) -> None:
    """Ask, try, tell: one generation of each, all at the same one."""
    tests = [search.propose() for search in searches]
    if len({test.algorithms for test in tests}) > 1:  # drawn, each its own: no two are alike
        for search in searches:
            generation([search], trials)
        return
    names = tests[0].algorithms
    candidates = trials.of(_stacked([test.candidates for test in tests]))
    keys = together([test.keys for test in tests])
    horizons = jnp.array([test.horizon for test in tests], jnp.int32)
    tried = {
        name: _split(
            trials.try_candidates[name](
                candidates, _stacked([test.settings[name] for test in tests]), keys, horizons
            )
        )
        for name in names
    }
    steps, updates = np.sum([trials.training(name) for name in names], axis=0)
    for i, (search, test) in enumerate(zip(searches, tests, strict=True)):
        search.learn(test, [tried[name][i] for name in names], (int(steps), int(updates)))


def evaluate(searches: Sequence[Search], trials: Trials) -> None:
    """Fresh agents of each algorithm in the environments of the present means."""
    means = trials.of(_stacked([search.mean for search in searches]))
    tried = {}
    for name in trials.judges(searches[0].generation):
        settings, keys = zip(*(search.evaluation(name) for search in searches), strict=True)
        tried[name] = _split(trials.try_means[name](means, _stacked(settings), together(keys)))
    for i, search in enumerate(searches):
        search.judge({name: each[i] for name, each in tried.items()})


def _stacked(trees: Sequence[PyTree]) -> PyTree:
    """[S, ...] of each leaf."""
    return jax.tree.map(lambda *x: jnp.stack(x), *trees)


def _split(tried: Evaluation) -> list[Evaluation]:
    """Split the results by search."""
    numbers = jax.tree.map(np.asarray, tried)
    return [jax.tree.map(lambda x, i=i: x[i], numbers) for i in range(len(numbers.return_))]


def _title(searches: Sequence[Search]) -> str:
    return f"{searches[0].title}, {_seeds(searches)}"


def _seeds(searches: Sequence[Search]) -> str:
    seeds = [str(search.config.seed) for search in searches]
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}"


def _note(searches: Sequence[Search]) -> str:
    rows = [search.log.progress[-1] for search in searches]
    fitness = " ".join(f"{row['fitness_mean']:.1f}" for row in rows)
    best = " ".join(f"{row['fitness_max']:.1f}" for row in rows)
    seconds = sum(row["seconds"] for row in rows)
    return f"{rows[0]['agent']}  fitness {fitness} (best {best})  {seconds:.1f} s/generation"
