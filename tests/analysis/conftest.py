"""Made-up tables with the schemas of the real ones: the analysis is tested without training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthgym.analysis.core.tables import read_runs

CARTPOLE = {
    "name": "cartpole",
    "id": "CartPole-v1",
    "observation_names": [
        "cart position (m)",
        "cart velocity (m/s)",
        "pole angle (rad)",
        "pole angular velocity (rad/s)",
    ],
    "action": {"kind": "discrete", "size": 2},
    "horizon": 500,
    "solved": 475.0,
    "published": {"ppo": {"real": None, "synthetic": 498.7}, "sac": {"real": 1, "synthetic": 3}},
    "surface": ["pole angle (rad)", "pole angular velocity (rad/s)"],
    "lowest": 8.0,
}
ACROBOT = {
    "name": "acrobot",
    "id": "Acrobot-v1",
    "observation_names": [
        "cos of angle 1",
        "sin of angle 1",
        "cos of angle 2",
        "sin of angle 2",
        "angular velocity 1 (rad/s)",
        "angular velocity 2 (rad/s)",
    ],
    "action": {"kind": "discrete", "size": 3},
    "horizon": 500,
    "solved": -100.0,
    "published": {},
    "surface": ["angular velocity 1 (rad/s)", "angular velocity 2 (rad/s)"],
    "lowest": -500.0,
}
FOUR = {"bandit_ppo": ["ppo"], "bandit_dqn": ["dqn"], "mdp_ppo": ["ppo"], "mdp_dqn": ["dqn"]}


@dataclass(frozen=True)
class World:
    """What a task's jobs would have written, and how well they did (0: worst, 1: at the cap)."""

    task: Mapping[str, Any] = field(default_factory=lambda: CARTPOLE)
    environments: Mapping[str, Sequence[str]] = field(default_factory=lambda: FOUR)
    agents: Sequence[str] = ("ppo", "dqn")
    seeds: int = 1
    draws: int = 20
    generations: int = 60
    skill: float = 0.9
    spread: float = 0.25

    @property
    def name(self) -> str:
        return self.task["name"]

    @property
    def best(self) -> float:
        return -70.0 if self.task["lowest"] < 0 else float(self.task["horizon"])

    def returns(self, generator: np.random.Generator, level: np.ndarray) -> np.ndarray:
        low = self.task["lowest"]
        return np.clip(low + (self.best - low) * level, low, self.best)

    def generator(self, *names: object) -> np.random.Generator:
        return np.random.default_rng(list("/".join(map(str, (self.name, *names))).encode()))

    def places(self) -> list[tuple[str, int]]:
        return [("real", -1)] + [
            (name, seed) for name in self.environments for seed in range(self.seeds)
        ]

    def curves(self) -> pd.DataFrame:
        parts = []
        for environment, seed in self.places():
            real = environment == "real"
            steps = np.linspace(0, 100_000 if real else 10_000, 21)[1:].astype(int)
            for agent in self.agents:
                generator = self.generator("curves", environment, seed, agent)
                unseen = not real and agent not in self.environments[environment]
                for draw in range(self.draws):
                    top = self.skill - 0.15 * unseen + self.spread * generator.normal()
                    speed = generator.uniform(3, 30)
                    level = top * (
                        1 - np.exp(-speed * np.arange(1, 21) / 20)
                    ) + 0.02 * generator.normal(size=20)
                    bandit = environment.startswith("bandit")
                    parts.append(
                        pd.DataFrame(
                            {
                                "task": self.name,
                                "environment": environment,
                                "environment_seed": seed,
                                "agent": agent,
                                "draw": draw,
                                "step": steps,
                                "episode": steps if bandit else steps // 80,
                                "return_": self.returns(generator, level),
                                "hp_learning_rate": generator.choice([1e-2, 1e-3, 1e-4]),
                            }
                        )
                    )
        return pd.concat(parts, ignore_index=True)

    def episodes(self) -> pd.DataFrame:
        curves = self.curves()
        runs = ["task", "environment", "environment_seed", "agent", "draw"]
        last = curves.loc[curves.groupby(runs)["step"].idxmax()]
        parts = []
        for row in last.to_dict("records"):
            generator = self.generator("episodes", *(row[name] for name in runs))
            level = (row["return_"] - self.task["lowest"]) / (self.best - self.task["lowest"])
            returns = self.returns(generator, level + 0.05 * generator.normal(size=10)).round()
            parts.append(
                pd.DataFrame(
                    {name: row[name] for name in runs}
                    | {
                        "episode": range(10),
                        "return_": returns,
                        "length": np.abs(returns).astype(int),
                    }
                )
            )
        return pd.concat(parts, ignore_index=True)

    def progress(self, environment: str, seed: int) -> pd.DataFrame:
        generator = self.generator("progress", environment, seed)
        generation = np.arange(1, self.generations + 1)
        level = self.skill * 0.8 * (1 - np.exp(-generation / 15)) + 0.03 * generator.normal(
            size=len(generation)
        )
        mean = self.returns(generator, level)
        width = abs(self.best - self.task["lowest"])
        return pd.DataFrame(
            {
                "stage": "metatrain",
                "generation": generation,
                "agent": generator.choice(
                    list(self.environments[environment]), size=len(generation)
                ),
                "fitness_mean": mean,
                "fitness_std": 0.1 * width,
                "fitness_min": mean - 0.1 * width,
                "fitness_max": mean + 0.1 * width,
                "sigma_mean": 0.05,
                "seconds": generator.uniform(3.5, 4.5, size=len(generation)),
                "synthetic_steps": 64 * 2000,
                "real_steps": generator.integers(100_000, 200_000, size=len(generation)),
                "updates": 64 * 40,
                "hp_learning_rate": generator.choice([1e-2, 1e-3, 1e-4], size=len(generation)),
            }
        )

    def evaluations(
        self, environment: str, seed: int, every: int = 10, draws: int = 10
    ) -> pd.DataFrame:
        parts = []
        for generation in [*range(0, self.generations, every), self.generations]:
            for agent in self.environments[environment]:
                generator = self.generator("evaluations", environment, seed, generation, agent)
                level = self.skill * (
                    1 - np.exp(-generation / 10)
                ) + self.spread * generator.normal(size=draws)
                parts.append(
                    pd.DataFrame(
                        {
                            "generation": generation,
                            "agent": agent,
                            "draw": range(draws),
                            "return_": self.returns(generator, level),
                        }
                    )
                )
        return pd.concat(parts, ignore_index=True)

    def values(self, environment: str, seed: int, samples: int = 2000) -> pd.DataFrame:
        parts = []
        bandit = environment.startswith("bandit")
        for quantity in [*self.task["observation_names"], "reward"]:
            generator = self.generator("values", environment, seed, quantity)
            bounded = quantity.startswith(("cos", "sin"))
            sources = {
                "synthetic_training": 0.4 * generator.normal(size=samples) + 0.3,
                "real_test": np.sin(generator.uniform(0, 6.3, samples))
                if bounded
                else generator.normal(size=samples),
                "synthetic_on_real": 0.5 * generator.normal(size=samples) + 0.2,
            }
            if quantity == "reward":
                sources["real_test"] = np.where(
                    generator.uniform(size=samples) < 0.99, np.sign(self.best), 0.0
                )
                sources["synthetic_training"] = 5 * sources["synthetic_training"]
            elif bandit:
                del sources["synthetic_on_real"]
            for source, drawn in sources.items():
                agent = self.environments[environment][0]
                parts.append(
                    pd.DataFrame(
                        {"quantity": quantity, "source": source, "agent": agent, "value": drawn}
                    )
                )
        return pd.concat(parts, ignore_index=True)

    def surface(self, environment: str, seed: int, points: int = 41) -> pd.DataFrame:
        x, y = np.meshgrid(np.linspace(-0.2, 0.2, points), np.linspace(-2, 2, points))
        generator = self.generator("surface", environment, seed)
        parts = [pd.DataFrame(columns=["x_name", "y_name", "x", "y", "action", "reward"])]
        for action in range(self.task["action"]["size"] if environment.startswith("bandit") else 0):
            a, b, c = generator.normal(size=3)
            reward = np.tanh(8 * a * x + b * y + 0.3 * c) + 0.3 * np.cos(y + action)
            cells = {"x": x.ravel(), "y": y.ravel(), "action": action, "reward": reward.ravel()}
            x_name, y_name = self.task["surface"]
            parts.append(pd.DataFrame({"x_name": x_name, "y_name": y_name} | cells))
        return pd.concat(parts, ignore_index=True)

    def rollout(self, environment: str, seed: int) -> pd.DataFrame:
        """One episode of the first agent."""
        generator = self.generator("rollout", environment, seed)
        length = int(generator.integers(20, self.task["horizon"]))
        columns = {
            ("observation", name): generator.normal(size=length).cumsum()
            for name in self.task["observation_names"]
        }
        columns["action", "action"] = generator.integers(self.task["action"]["size"], size=length)
        columns["reward", "reward"] = np.full(length, np.sign(self.best))
        parts = [
            pd.DataFrame(
                {"step": range(length), "kind": kind, "quantity": quantity, "value": values}
            )
            for (kind, quantity), values in columns.items()
        ]
        return pd.concat(parts, ignore_index=True).assign(agent=self.agents[0])

    def write(self, results: Path) -> dict[str, list[Path]]:
        """All tables at their places below `results`, as the jobs leave them: {kind: paths}."""
        paths: dict[str, list[Path]] = {}

        def save(table: pd.DataFrame, kind: str, *place: str) -> None:
            path = results.joinpath("results/quick/tasks", self.name, *place, f"{kind}.parquet")
            path.parent.mkdir(parents=True, exist_ok=True)
            table.to_parquet(path)
            paths.setdefault(kind, []).append(path)

        for kind, table in (("curves", self.curves()), ("episodes", self.episodes())):
            for (environment, seed, agent), rows in table.groupby(
                ["environment", "environment_seed", "agent"]
            ):
                at = (
                    (environment, agent)
                    if seed < 0
                    else (environment, f"seed{seed}", "transfer", agent)
                )
                save(rows, kind, *at)
        for environment, seed in self.places()[1:]:
            at = (environment, f"seed{seed}")
            save(self.progress(environment, seed), "progress", *at, "metatrain")
            save(self.evaluations(environment, seed), "evaluations", *at, "metatrain")
            save(self.values(environment, seed), "values", *at, "behaviour")
            save(self.surface(environment, seed), "surface", *at, "behaviour")
            save(self.rollout(environment, seed), "rollout", *at, "rollout", self.agents[0])
        return {**paths, "rollouts": paths.pop("rollout")}

    def config(self, scale: str = "quick") -> dict[str, Any]:
        return {"scale": scale, "task": dict(self.task), "tasks": {self.name: dict(self.task)}}


WORLDS = {
    "five environments": World(
        environments=FOUR | {"bandit_all": ["dqn", "ppo"]}, seeds=2, draws=8, generations=100
    ),
    "one environment": World(environments={"bandit_ppo": ["ppo"]}, draws=10),
    "nobody solved": World(environments={"bandit_ppo": ["ppo"]}, skill=0.3, spread=0.1),
    "everyone at the cap": World(environments={"bandit_dqn": ["dqn"]}, skill=1.6, spread=0.05),
    "negative returns, six dimensions, three actions": World(
        task=ACROBOT, environments={"bandit_ppo": ["ppo"], "mdp_dqn": ["dqn"]}, spread=0.1
    ),
}


@dataclass(frozen=True, eq=False)
class Results:
    """The tables of a world, where its jobs left them, and read from there."""

    world: World
    paths: Mapping[str, list[Path]]
    tables: Mapping[str, pd.DataFrame]


@pytest.fixture(scope="session")
def results_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Results]:
    """The results of a world of `WORLDS`, by its name."""

    @cache
    def results(name: str) -> Results:
        world = WORLDS[name]
        paths = world.write(tmp_path_factory.mktemp("results"))
        return Results(world, paths, {kind: read_runs(kind, paths[kind]) for kind in paths})

    return results


@pytest.fixture(params=WORLDS)
def results(request: pytest.FixtureRequest, results_of: Callable[[str], Results]) -> Results:
    """The results of each world in turn."""
    return results_of(request.param)


@pytest.fixture(scope="session")
def world_of() -> type[World]:
    """A world of one's own: `world_of(skill=..)`."""
    return World
