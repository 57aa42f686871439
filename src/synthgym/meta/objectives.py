"""Meta-training of an objective: evolve the drift of LPO until agents learn well by it.

Lu et al. 2022, "Discovered policy optimisation"; with a synthetic environment in place of the task:
Liesen et al. 2024. The search is that of environments (`evolve.py`). Agents learn by a candidate,
and are tested for its fitness, each either in the real task or in the synthetic environment. Now
and then fresh agents learn by the mean of the search in the real task, with the settings that are
tuned for PPO there, beside PPO itself: that measures, and is not part of what the search costs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array, Int, Key, PyTree

from synthgym.agents import base as agents
from synthgym.agents import drift, spaces
from synthgym.core import checkpoint as files
from synthgym.core.io import write_table
from synthgym.core.job import Inputs
from synthgym.core.parallel import devices_for
from synthgym.core.rng import root, stream
from synthgym.core.settings import Config, plain
from synthgym.core.types import Env, Hyperparameters, PRNGKey
from synthgym.meta import evolve, fitness, search
from synthgym.meta.fitness import Evaluation
from synthgym.meta.progress import EVALUATIONS, PROGRESS, cost, table
from synthgym.synth import env as synth
from synthgym.tasks import base as tasks

LPO, PPO = "lpo", "ppo"  # as in conf/agent/
RATIOS = np.linspace(0.4, 1.6, 61)  # where a drift is drawn
ADVANTAGES = np.linspace(-2.0, 2.0, 41)  # normalised ones: standard deviations
CLIP = 0.2  # of the PPO beside it


def run(config: Config, inputs: Inputs, out: Path, checkpoint: Path) -> list[str]:
    """Meta-train an objective, or go on from the last checkpoint of a killed run."""
    paths, there = inputs.get("environment", ()), places(config).values()
    found = [synth.load(path, p.synth, p.task) for path, p in zip(paths, there, strict=False)]
    trials = Trials(config, *found)
    search = Search(config, checkpoint / "search.safetensors")
    search.resume()
    evolve.go_on([search], trials)
    log = search.log
    about = {"kind": "objective", "config": plain(config), "cost": cost(log.progress)}
    files.save(out / "objective.safetensors", search.result, about)
    tables = {
        "progress.parquet": table(log.progress, PROGRESS),
        "evaluations.parquet": table(log.evaluations, EVALUATIONS),
        "drift.parquet": surfaces(search.result),
    }
    for name, rows in tables.items():
        write_table(out / name, rows)
    return ["objective.safetensors", *tables]


def load(path: Path) -> PyTree:
    """The parameters of a learned drift. Raises ValueError where the file is of another kind."""
    like = jax.eval_shape(drift.init_theta, jax.random.key(0))
    return files.load(path, like)[0]


def places(config: Config) -> dict[str, Config]:
    """Where candidates are tried, one of them in a generation: its task, environment and agents.

    By labels as an algorithm has for its shapes (`search.shaped`).
    """
    every = [config]
    if "beside" in config.objective:
        every += config.objective.beside.values()
    numbers = [f" {i}" for i in range(len(every))] if len(every) > 1 else [""]
    return {f"{LPO}{number}": place for number, place in zip(numbers, every, strict=True)}


@dataclass(frozen=True)
class Learning(fitness.Trial):
    """How an objective is tried: an agent learns by it in `env`, and is tested in `task`."""

    env: Env = field(kw_only=True)

    def __call__(
        self,
        env: PyTree,
        hyperparameters: Hyperparameters,
        key: PRNGKey,
        horizon: Int[Array, ""] | None = None,
    ) -> fitness.Evaluation:
        """Try the parameters of a drift, which stand where an environment does elsewhere."""
        return super().__call__(self.env, {**hyperparameters, "drift": env}, key, horizon)


class Trials(search.Trials):
    """How candidates and means are tried: programs that differ in where agents learn."""

    def __init__(self, config: Config, *environments: synth.SyntheticEnv):
        self.meta = config.meta
        theta = Search.initial(config)
        population = devices_for(search.size(self.meta, theta))
        own = (self.meta.own_hyperparameters, self.meta.own_random_numbers)
        self.agents, self.try_candidates, self.try_means = {}, {}, {}
        standing = environments or (None,) * len(places(config))
        for (label, there), environment in zip(places(config).items(), standing, strict=True):
            where: dict[str, Env | None] = {
                "real": tasks.load(there.task),
                "synthetic": environment,
            }
            env, test = where[config.objective.train], where[config.objective.fitness]
            assert env is not None, config.objective.train
            assert test is not None, config.objective.fitness
            agent = agents.load(there.agents[LPO], env.spec)
            trial = Learning(agent, test, self.meta.steps[LPO], self.meta.episodes, env=env)
            setting = {**spaces.default(there.agents[LPO]), "drift": theta}
            chunk = fitness.chunk(trial, env, setting)
            at_once = max(1, chunk // self.meta.rollouts)
            self.agents[label] = agent
            self.try_candidates[label] = fitness.over_populations(trial, at_once, population, *own)
        task, draws = tasks.load(config.task), devices_for(self.meta.evaluate_draws)
        for name, tuned in config.objective.tuned.items():
            lengths = (config.objective.steps, config.objective.episodes)
            learning = Learning(agents.load(tuned, task.spec), task, *lengths, env=task)
            setting = {**spaces.default(config.agents[LPO]), "drift": theta}
            chunk = fitness.chunk(learning, task, setting)
            self.try_means[name] = fitness.over_means(learning, chunk, draws)

    def of(self, theta: PyTree) -> PyTree:
        return theta

    def judges(self, generation: int) -> Sequence[str]:
        """At the beginning PPO's own objective as well, which ignores what is tried."""
        return (LPO, PPO) if generation == 0 else (LPO,)

    def training(self, label: str) -> tuple[int, int]:
        agent = self.agents[label]
        steps = agents.iterations(agent, self.meta.steps[LPO]) * agent.steps_per_iteration
        return steps, agent.updates(steps)


class Search(search.Search):
    """The search for the parameters of a drift."""

    stage = "objective"

    def __init__(self, config: Config, path: Path):
        super().__init__(config, path)
        self.sections = {label: place.agents[LPO] for label, place in places(config).items()}

    @staticmethod
    def initial(config: Config) -> PyTree:
        return drift.init_theta(stream(root(config.seed), "theta"))

    def learn(
        self, tests: search.Tests, tried: Sequence[Evaluation], training: tuple[int, int]
    ) -> None:
        """As of environments; steps are counted where they were made."""
        super().learn(tests, tried, training)
        row, places = self.log.progress[-1], self.config.objective
        steps = {"real": 0, "synthetic": 0}
        steps[places.train] += row["synthetic_steps"]  # of training
        steps[places.fitness] += row["real_steps"]  # of tests
        row |= {f"{place}_steps": number for place, number in steps.items()}

    def evaluation(self, name: str) -> tuple[Hyperparameters, Key[Array, " D"]]:
        """With the settings that are tuned for PPO in the real task."""
        key = jax.random.fold_in(stream(self.key, "evaluate"), self.generation)
        tuned, draws = self.config.objective.tuned[name], self.meta.evaluate_draws
        keys = jax.random.split(stream(key, f"{LPO} tries"), draws)
        return spaces.draw(self.key, tuned, draws, "default"), keys

    @property
    def title(self) -> str:
        where = f"trained {self.config.objective.train}, tested {self.config.objective.fitness}"
        every = "+".join(place.task.name for place in places(self.config).values())
        return f"objective in {every} ({where})"


def surfaces(theta: PyTree) -> pd.DataFrame:
    """Values over (ratio, advantage) of PPO's drift, DPO's, and that of these parameters."""
    ratio, advantage = (x.reshape(-1) for x in np.meshgrid(RATIOS, ADVANTAGES))
    at = (jnp.log(jnp.asarray(ratio, jnp.float32)), jnp.asarray(advantage, jnp.float32))
    values = {
        PPO: drift.clipped(*at, jnp.float32(CLIP)),
        "dpo": drift.discovered(*at),
        LPO: drift.learned(theta, *at),
    }
    return pd.concat(
        [
            pd.DataFrame({"drift": name, "ratio": ratio, "advantage": advantage, "value": value})
            for name, value in ((name, np.asarray(x)) for name, x in values.items())
        ],
        ignore_index=True,
    )
