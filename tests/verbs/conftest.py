"""Results of a plan as the workflow would leave them, made up: nothing is trained."""

from pathlib import Path
from typing import Any

import jax
import pandas as pd
import pytest

from synthgym.core import checkpoint
from synthgym.core.io import sha256, write_json, write_table
from synthgym.core.settings import Config
from synthgym.jobs.provenance import pick
from synthgym.plan.plan import Plan
from synthgym.stages import STAGES
from synthgym.synth.base import module_of

SCALE = "smoke"


def worth(iqm: float) -> dict[str, Any]:
    """Return an estimate as summary.json has it."""
    return {"iqm": iqm, "low": iqm - 1, "high": iqm + 1, "level": 0.95, "n": 20, "steps": 1000}


class Results:
    """`results/<scale>` below a directory; returns of agent i of draw d are `returns(i, d)`."""

    def __init__(self, root: Path, plan: Plan):
        self.seed = 0  # of parameters
        self.root, self.plan = root / "results" / SCALE, plan
        summary: dict[str, Any] = {"transfer": {}, "real_at_equal_steps": {}}
        for task in plan[SCALE].tasks:
            summary["real_at_equal_steps"][task] = {"real": {"ppo": worth(1.0)}}
            summary["transfer"][task] = {}
            for environment in plan[SCALE].environments(task):
                summary["transfer"][task][environment] = {"ppo": worth(2.0)}
                self.environment(task, environment)
        write_json(self.root / "summary.json", summary)

    def run(self, task: str, environment: str) -> Path:
        seed = self.plan[SCALE].seeds(environment)[0]
        return self.root / "tasks" / task / environment / f"seed{seed}"

    def made(self, task: str, environment: str) -> Path:
        return self.run(task, environment) / self.plan[SCALE].tasks[task].made(environment)

    def environment(self, task: str, environment: str) -> None:
        out = self.made(task, environment)
        job = self.plan.jobs(SCALE)[out.relative_to(self.root.parents[1]).as_posix()]
        config = pick(job.config(()), STAGES[out.name].uses)
        module = module_of(Config.read(config).synth)
        env = module.make(Config.read(config).synth, Config.read(config).task)
        theta = module.init_theta(jax.random.key(self.seed), env)
        checkpoint.save(out / "environment.safetensors", theta, {"config": config})
        started = "meta" in config and config["meta"]["start"]
        stages = [("teacher", ""), ("distil", "")] if out.name == "distil" or started else []
        if out.name == "grade":
            stages.append(("grade", ""))
        if out.name == "metatrain":
            agents = config["meta"]["agents"]
            stages += [("metatrain", agents[i % len(agents)]) for i in range(3)]
        rows = [
            {"stage": stage, "agent": agent, "generation": i, "seconds": 0.5}
            | {"real_steps": 100 + i, "synthetic_steps": 10, "updates": 7}
            for i, (stage, agent) in enumerate(stages)
        ]
        write_table(out / "progress.parquet", pd.DataFrame(rows))
        outputs = {"environment.safetensors": sha256(out / "environment.safetensors")}
        manifest = {"stage": out.name, "config": config, "code": "c0de", "outputs": outputs}
        write_json(out / "manifest.json", {**manifest, "versions": {"jax": "0"}})
        for number, agent in enumerate(self.plan[SCALE].tasks[task].agents):
            self.transfer(task, environment, agent, number)

    def transfer(self, task: str, environment: str, agent: str, number: int) -> None:
        out = self.run(task, environment) / "transfer" / agent
        where = {"task": task, "environment": environment, "environment_seed": 0, "agent": agent}
        curves = [
            {**where, "draw": draw, "step": step, "return_": 100.0 * number + draw + step / 1000}
            | {"episode": step, "hp_learning_rate": 0.1 * draw}
            for draw in range(4)
            for step in (500, 1000)
        ]
        episodes = [{**where, "draw": draw, "episode": e} for draw in range(4) for e in range(6)]
        write_table(out / "curves.parquet", pd.DataFrame(curves))
        write_table(out / "episodes.parquet", pd.DataFrame(episodes))
        static = {"num_envs": number + 1}
        write_json(out / "manifest.json", {"config": {"agents": {agent: {"static": static}}}})


@pytest.fixture
def plan() -> Plan:
    return Plan.load(Path(__file__).parents[2] / "params.yaml")


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plan: Plan) -> Results:
    monkeypatch.chdir(tmp_path)
    return Results(tmp_path, plan)
