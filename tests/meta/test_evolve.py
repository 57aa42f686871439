"""Meta-training improves environments, and goes on where it was killed."""

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest
import yaml

import learners
from compiling import FAST
from probes import free_address, section, task_section, tiny
from synthgym.core import checkpoint
from synthgym.core.settings import Config
from synthgym.meta import evolve
from synthgym.meta.progress import EVALUATIONS, PROGRESS, table
from synthgym.meta.search import Log, Search, Trials

FIXED = (
    *("stage", "generation", "agent", "fitness_mean", "fitness_std", "fitness_min", "fitness_max"),
    *("sigma_mean", "seconds", "synthetic_steps", "real_steps", "updates"),
    *("device", "horizon"),
)
GENERATIONS, POPULATION, EPISODES, DRAWS = 40, 16, 8, 4


def config(**meta: Any) -> Config:
    """A job whose real task is a probe: guessing is worth 0 per episode of one step, the best 1."""
    changes = {
        "agents": ["one", "two"],
        "generations": GENERATIONS,
        "population": POPULATION,
        "sigma": 0.3,
        "steps": {"one": 40, "two": 80},
        "episodes": EPISODES,
        "evaluate_every": 10,
        "evaluate_draws": DRAWS,
        "checkpoint_seconds": 1e9,
    }
    return Config.read(
        {
            "seed": 0,
            "task": task_section(),
            "synth": section("synth", "bandit", hidden=[4]),
            "meta": section("meta", "snes", **changes | meta),
            "agents": {name: learners.section(name, f"only_{name}") for name in ("one", "two")},
        }
    )


def gone(trials: Trials | None, path: Path, *jobs: Config) -> list[Search]:
    """Searches from beginning to end, side by side; their checkpoints in `path`."""
    searches = [Search(job, path / str(i)) for i, job in enumerate(jobs)]
    evolve.go_on(searches, trials or Trials(jobs[0]))
    return searches


@pytest.fixture(scope="module")
def trials() -> Trials:
    return Trials(config())


@pytest.fixture(scope="module")
def evolved(trials: Trials, tmp_path_factory: pytest.TempPathFactory) -> Search:
    """An undisturbed search."""
    (search,) = gone(trials, tmp_path_factory.mktemp("undisturbed"), config())
    assert not search.path.exists()  # it is not yet time for a checkpoint
    return search


def progress(search: Search) -> pd.DataFrame:
    return table(search.log.progress, PROGRESS)


def evaluations(search: Search) -> pd.DataFrame:
    return table(search.log.evaluations, EVALUATIONS)


def assert_same(one: Search, other: Search) -> None:
    """Bit for bit, but for the seconds."""
    for ours, theirs in zip(jax.tree.leaves(one.state), jax.tree.leaves(other.state), strict=True):
        assert np.asarray(ours).tobytes() == np.asarray(theirs).tobytes()
    pd.testing.assert_frame_equal(evaluations(one), evaluations(other))
    pd.testing.assert_frame_equal(
        *(progress(of).drop(columns="seconds") for of in (one, other)), check_exact=True
    )


def test_environments_improve_for_both_algorithms(evolved: Search) -> None:
    mean = evaluations(evolved).groupby(["agent", "generation"])["return_"].mean()
    for agent in ("one", "two"):
        assert mean[agent, 0] < 0.4 < 0.8 < mean[agent, GENERATIONS]
    fitness = progress(evolved).fitness_mean
    assert fitness[:6].mean() + 0.3 < fitness[-6:].mean()


def test_progress_says_what_happened(evolved: Search) -> None:
    table = progress(evolved)
    assert tuple(table) == (*FIXED, "hp_only_one", "hp_only_two", "hp_rate")
    assert table.generation.tolist() == list(range(1, GENERATIONS + 1))
    costs = {"one": (40, 10), "two": (80, 20)}  # 4 steps per update
    for agent, rows in table.groupby("agent"):
        steps, updates = costs[str(agent)]
        assert (rows.synthetic_steps == steps * POPULATION).all()
        assert (rows.updates == updates * POPULATION).all()
    assert (table.real_steps == EPISODES * POPULATION).all()  # episodes have one step
    ordered = table[["fitness_min", "fitness_mean", "fitness_max"]].to_numpy()
    assert (np.diff(ordered, axis=1) >= 0).all()
    assert table.hp_rate.between(0.5, 1.5).all()
    assert table.hp_rate.nunique() == GENERATIONS
    assert (table.sigma_mean > 0).all()
    assert table.sigma_mean[0] == pytest.approx(0.3, rel=0.2)


def test_algorithms_take_turns_each_with_hyperparameters_of_its_own(evolved: Search) -> None:
    table = progress(evolved)
    assert table.agent.tolist() == ["one", "two"] * (GENERATIONS // 2)
    assert (table.hp_only_one.notna() == (table.agent == "one")).all()
    assert (table.hp_only_two.notna() == (table.agent == "two")).all()


def test_the_search_mean_is_evaluated_at_both_ends_and_in_between(evolved: Search) -> None:
    table = evaluations(evolved)
    assert list(table) == ["generation", "agent", "draw", "return_"]
    draws = table.groupby(["generation", "agent"])["draw"].apply(list).to_dict()
    assert draws == {(g, a): [*range(DRAWS)] for g in (0, 10, 20, 30, 40) for a in ("one", "two")}


def test_an_interrupted_search_ends_as_an_undisturbed_one(
    trials: Trials, evolved: Search, tmp_path: Path
) -> None:
    search = Search(config(), tmp_path / "search.safetensors")
    evolve.evaluate([search], trials)
    for number in range(1, 14):
        evolve.generation([search], trials)
        search.log.progress[-1]["seconds"] = 1.0
        if number == 10:
            evolve.evaluate([search], trials)
    search.save()
    again = Search(config(), search.path)
    again.resume()
    evolve.go_on([again], trials)
    assert_same(again, evolved)
    assert (progress(again).seconds[:13] == 1.0).all()


def test_searches_side_by_side_end_as_they_do_alone(
    trials: Trials, evolved: Search, tmp_path: Path
) -> None:
    """One of them from a checkpoint that is behind the others."""
    seeds = [config().replace(seed=seed) for seed in (0, 7)]
    behind = Search(seeds[1], tmp_path / "1")
    evolve.evaluate([behind], trials)
    evolve.generation([behind], trials)
    ahead = Search(seeds[0], tmp_path / "0")
    evolve.evaluate([ahead], trials)
    for _ in range(3):
        evolve.generation([ahead], trials)
    for search in (ahead, behind):
        search.log.progress = [row | {"seconds": 0.0} for row in search.log.progress]
    evolve.go_on([ahead, behind], trials)
    assert_same(ahead, evolved)
    (alone,) = gone(trials, tmp_path / "alone", seeds[1])
    assert_same(behind, alone)
    assert not np.allclose(progress(behind).fitness_mean, progress(ahead).fitness_mean)


def test_searches_of_which_all_fit_at_once_are_tried_at_once(
    evolved: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one more axis of the program, which may round otherwise."""
    few = {"generations": 3, "population": 8}
    seeds = [config(**few).replace(seed=seed) for seed in (0, 7, 8)]
    apart = gone(None, tmp_path / "apart", *seeds)
    monkeypatch.setenv("SYNTHGYM_CHUNK", "100")
    once = gone(None, tmp_path / "once", *seeds)
    for one, other in zip(apart, once, strict=True):
        columns = ["fitness_mean", "fitness_min", "fitness_max", "real_steps"]
        pd.testing.assert_frame_equal(progress(one)[columns], progress(other)[columns], rtol=1e-4)


def test_a_checkpoint_of_another_search_is_set_aside(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "search.safetensors"
    search = Search(config(), path)
    search.save()
    search.resume()
    assert search.log == Log()
    Search(config().replace(task=section("task", "cartpole")), path).resume()
    assert "best_solution has shape" in capsys.readouterr().out
    assert [p.name for p in tmp_path.iterdir()] == ["search.safetensors.damaged"]


def test_sampled_algorithms_come_in_no_order_but_the_seeds() -> None:
    def order(seed: int) -> list[str]:
        job = config(algorithm="sampled").replace(seed=seed)
        search = Search(job, Path("nowhere"))
        keys = [jax.random.fold_in(search.key, generation) for generation in range(1, 41)]
        return [name for i, key in enumerate(keys) for name in search._algorithms(key, i + 1)]

    first = order(0)
    assert first == order(0)
    assert first != order(1)
    assert 10 < first.count("two") < 30
    assert any(one == other for one, other in itertools.pairwise(first))


def test_nothing_is_compiled_again_from_one_generation_to_the_next(tmp_path: Path) -> None:
    trials = Trials(config(generations=4, evaluate_every=1))
    gone(trials, tmp_path, config(generations=4, evaluate_every=1))
    compiled: list[Any] = [*trials.try_candidates.values(), *trials.try_means.values()]
    assert [function._cache_size() for function in compiled] == [1] * 4


def test_a_generation_takes_one_shape_and_a_mean_is_judged_in_all(tmp_path: Path) -> None:
    """Shapes of a learner: 4 or 2 environments at a time, so 10 or 20 updates in 40 steps."""
    shapes = [{"num_envs": 4}, {"num_envs": 2}]
    changes = {"agents": ["one"], "generations": 8, "evaluate_every": 4}
    job = config(**changes)
    learner = job.agents["one"].replace(shapes=shapes)
    job = job.replace(agents={"one": learner})
    (search,) = gone(None, tmp_path, job)
    table = progress(search)
    assert table.agent.eq("one").all()
    updates = (table.updates // POPULATION).tolist()
    assert set(updates) == {10, 20}
    assert updates != sorted(updates)
    judged = evaluations(search)
    assert judged.groupby("generation")["draw"].apply(list).tolist() == [[0, 1, 2, 3]] * 3
    default = job.replace(meta=job.meta.replace(hyperparameters="default"))
    assert list(Trials(default).agents) == ["one"]


EVERYTHING = {
    "algorithm": "all",
    "generations": 6,
    "rollouts": 3,
    "fitness": "min",
    "own_hyperparameters": True,
    "own_random_numbers": True,
    "keep": "best",
    "evaluate_every": 2,
}


def test_all_algorithms_several_times_with_numbers_of_their_own(tmp_path: Path) -> None:
    (search,) = gone(None, tmp_path, config(**EVERYTHING))
    table = progress(search)
    assert table.agent.eq("one+two").all()
    assert table.synthetic_steps.eq((40 + 80) * POPULATION * 3).all()
    assert table.updates.eq((10 + 20) * POPULATION * 3).all()
    tests, evaluated = EPISODES * POPULATION * 3 * 2, EPISODES * DRAWS * 2
    # What the choice of the best mean costs is part of it.
    assert table.real_steps.tolist() == [tests, tests + evaluated] * 3
    assert not [name for name in table if name.startswith("hp_")]
    mean = evaluations(search).groupby("generation")["return_"].mean()
    np.testing.assert_allclose(search.state.best_score, mean.max(), rtol=1e-6)
    best, last = search.result, search.mean
    same = [np.array_equal(*x) for x in zip(*map(jax.tree.leaves, (best, last)), strict=True)]
    assert all(same) == (mean.idxmax() == 6)


def test_episodes_of_candidates_may_be_longer_than_the_tasks_and_evaluations_are_not(
    tmp_path: Path,
) -> None:
    """CartPole cut after 5 steps; nobody falls before the eighth, and chance takes twenty."""
    longer = {"kind": "linear", "start": 20, "begin": 0.5}
    job = config(generations=2, curriculum=longer, keep="best", evaluate_every=1)
    short = job.replace(task=section("task", "cartpole", horizon=5))
    (search,) = gone(None, tmp_path, short)
    assert progress(search).horizon.tolist() == [20, 20]
    assert evaluations(search).return_.eq(5).all()
    for row in search.log.progress:
        tests = row["real_steps"] - EPISODES * DRAWS * 2 * 5
        assert 8 <= tests / (EPISODES * POPULATION) <= 20


def test_a_candidate_is_as_good_as_its_worst_agent() -> None:
    """With common random numbers and one setting, so that the same agents are in both searches."""
    fitness = {}
    for name in ("min", "median", "mean"):
        job = config(rollouts=3, fitness=name, episodes=2)
        search = Search(job, Path("nowhere"))
        evolve.generation([search], Trials(job))
        (fitness[name],) = search.log.progress
    means = [fitness[name]["fitness_mean"] for name in ("min", "mean")]
    assert means[0] < means[1]
    assert fitness["min"]["fitness_max"] <= fitness["median"]["fitness_max"]


def test_a_search_ends_when_the_task_is_solved(tmp_path: Path) -> None:
    """Each of several its own way; their results are kept while others go on."""
    job = config(stop="solved", solved=0.6, evaluate_every=5)
    searches = gone(None, tmp_path, job, job.replace(seed=1))
    ends = []
    for search in searches:
        means = evaluations(search).groupby(["generation", "agent"])["return_"].mean().unstack()
        solved = means.index[(means >= 0.6).all(axis=1)]
        assert len(search.log.progress) == solved[0] < GENERATIONS
        assert search.ended
        ends.append(solved[0])
        again = Search(search.config, search.path)
        again.resume()
        assert_same(again, search)
    assert len(set(ends)) == 2


# The whole command, killed. Some seconds for each of three processes.

GENERATIONS = 40  # of what is killed
PARAMS = {
    "scale": "tiny",
    "scales": {
        "tiny": {
            "seeds": [0],
            "agents": ["ppo"],
            "common": {
                "meta": {
                    "population": 4,
                    "generations": GENERATIONS,
                    "episodes": 2,
                    "evaluate_draws": 2,
                    "steps": {"ppo": 32},
                    "evaluate_every": GENERATIONS,
                    "checkpoint_seconds": 0.0,
                },
                "agents": {"ppo": {"static": dict(tiny("ppo").static)}},
            },
            "environments": {"bandit": {"synth": "bandit", "meta": {"agents": ["ppo"]}}},
            "tasks": {"cartpole": {"task": {"horizon": 20}}},
        }
    },
}


def command(directory: Path, out: str, *words: str, threads: int = 2) -> "subprocess.Popen[str]":
    where = ["--task", "cartpole", "--environment", "bandit", "--out", out]
    environment = {**os.environ, **FAST}
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "synthgym",
            "metatrain",
            "--threads",
            str(threads),
            *where,
            *words,
        ],
        cwd=directory,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
    )


def generations_done(directory: Path, out: str) -> int:
    """In the last checkpoint."""
    files = list((directory / "work" / out).glob("checkpoint-*/search.safetensors"))
    return len(checkpoint.read(files[0])[1]["progress"]) if files else 0


@pytest.mark.slow
def test_a_killed_command_goes_on_and_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(_plain(PARAMS)))
    killed = command(tmp_path, "outputs/killed")
    while (done := generations_done(tmp_path, "outputs/killed")) < 5:
        assert killed.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    done = generations_done(tmp_path, "outputs/killed")
    assert done < GENERATIONS
    assert not (tmp_path / "outputs/killed/manifest.json").exists()
    again, undisturbed = (command(tmp_path, f"outputs/{n}") for n in ("killed", "undisturbed"))
    said, _ = again.communicate()
    undisturbed.communicate()
    assert (again.returncode, undisturbed.returncode) == (0, 0)
    assert f"going on from generation {done} " in said
    one, other = tmp_path / "outputs/killed", tmp_path / "outputs/undisturbed"
    for name in ("environment.safetensors", "evaluations.parquet"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    tables = [pd.read_parquet(directory / "progress.parquet") for directory in (one, other)]
    pd.testing.assert_frame_equal(*(table.drop(columns="seconds") for table in tables))
    assert len(tables[0]) == GENERATIONS
    assert tables[0].fitness_mean.nunique() > 1
    arrays, about = checkpoint.read(one / "environment.safetensors")
    assert {name.split("/")[0] for name in arrays} == {"initial_state", "reward"}
    assert about["config"]["meta"]["generations"] == GENERATIONS
    assert about["cost"]["synthetic_steps"] == GENERATIONS * 4 * 32
    assert about["cost"]["real_steps"] == tables[0].real_steps.sum()


@pytest.mark.slow
def test_ten_kills_in_a_row_change_nothing(tmp_path: Path) -> None:
    """Each at a moment of its own, be it in the midst of writing a checkpoint."""
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(_plain(PARAMS)))
    longer = ("meta.generations=1500",)
    moments = np.random.default_rng(0)
    for _ in range(10):
        before = generations_done(tmp_path, "outputs/killed")
        killed = command(tmp_path, "outputs/killed", *longer)
        while generations_done(tmp_path, "outputs/killed") <= before:
            assert killed.poll() is None, "it ended before it could be killed"
            time.sleep(0.02)
        time.sleep(moments.uniform(0.0, 0.2))
        os.kill(killed.pid, signal.SIGKILL)
        killed.communicate()
        assert not (tmp_path / "outputs/killed/manifest.json").exists()
    both = [command(tmp_path, f"outputs/{name}", *longer) for name in ("killed", "undisturbed")]
    for process in both:
        process.communicate()
        assert process.returncode == 0
    one, other = tmp_path / "outputs/killed", tmp_path / "outputs/undisturbed"
    for name in ("environment.safetensors", "evaluations.parquet"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    tables = [pd.read_parquet(directory / "progress.parquet") for directory in (one, other)]
    pd.testing.assert_frame_equal(*(table.drop(columns="seconds") for table in tables))


@pytest.mark.slow
def test_two_processes_do_a_job_together(tmp_path: Path) -> None:
    """Each with a device of its own; the first one writes. As one does it, but for rounding."""
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(_plain(PARAMS)))
    changes = ("meta.generations=3", "meta.evaluate_every=2")
    address = free_address()
    both = [
        command(
            tmp_path,
            "outputs/two",
            *changes,
            *("--processes", "2", "--process", str(i), "--coordinator", address),
            threads=1,
        )
        for i in range(2)
    ]
    alone = command(tmp_path, "outputs/one", *changes)
    said = [process.communicate()[0] for process in (*both, alone)]
    assert [process.returncode for process in (*both, alone)] == [0, 0, 0], said
    assert "done in" in said[0]
    assert said[1] == ""
    tables = [pd.read_parquet(tmp_path / f"outputs/{n}/progress.parquet") for n in ("one", "two")]
    assert tables[1].device.eq("2 x cpu").all()
    columns = ["fitness_mean", "fitness_min", "fitness_max", "sigma_mean", "real_steps"]
    pd.testing.assert_frame_equal(tables[0][columns], tables[1][columns], rtol=1e-3)


@pytest.mark.slow
def test_one_two_and_eight_devices_give_the_same_up_to_rounding(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(_plain(PARAMS)))
    changes = ("meta.generations=3", "meta.population=16", "meta.evaluate_draws=8")
    counts = (1, 2, 8)
    for count in counts:
        process = command(tmp_path, f"outputs/{count}", *changes, threads=count)
        said, _ = process.communicate()
        assert process.returncode == 0, said
    tables = [pd.read_parquet(tmp_path / f"outputs/{n}/progress.parquet") for n in counts]
    arrays = [checkpoint.read(tmp_path / f"outputs/{n}/environment.safetensors")[0] for n in counts]
    for i in (1, 2):
        columns = ["fitness_mean", "fitness_min", "fitness_max", "sigma_mean", "real_steps"]
        pd.testing.assert_frame_equal(tables[0][columns], tables[i][columns], rtol=1e-3)
        for name, array in arrays[0].items():
            np.testing.assert_allclose(array, arrays[i][name], rtol=1e-3, atol=1e-5)


def _plain(value: Any) -> Any:
    """Lists for tuples, as YAML knows them."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
