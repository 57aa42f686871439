"""How long from nothing to a bandit of CartPole that agents solve?

What is timed are the commands that make it, one after the other, with their start and compilation;
then agents of each algorithm are trained in it and judged in the task, as the plan has it.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from synthgym.analysis.core.statistics import interquartile_mean
from synthgym.core.io import read_table

STAGES = {"distilled": ("teacher", "distil"), "graded": ("grade",)}  # environment -> in turn
AGENTS = ("ppo", "dqn", "sac")
PLAN = ("--scale", "standard", "--task", "cartpole")


def measured(environment: str, seed: int) -> dict[str, Any]:
    """Seconds of the making, and the interquartile mean of the returns of each algorithm."""
    with tempfile.TemporaryDirectory() as directory:
        place, begun = Path(directory), time.monotonic()
        inputs: list[str] = []
        for stage in STAGES[environment]:
            out, which = place / stage, [] if stage == "teacher" else ["--environment", environment]
            _run(stage, *PLAN, *which, "--seed", str(seed), *inputs, "--out", str(out))
            if stage == "teacher":
                files = {"policy": "policy.safetensors", "progress": "progress.parquet"}
                inputs = [f"--input={name}={out / file}" for name, file in files.items()]
        seconds = time.monotonic() - begun
        made, returns = out / "environment.safetensors", {}
        for agent in AGENTS:
            which = ["--environment", environment, "--agent", agent, "--seed", str(seed)]
            judged = place / agent
            _run("transfer", *PLAN, *which, f"--input=environment={made}", "--out", str(judged))
            earned = read_table(judged / "episodes.parquet").groupby("draw")["return_"].mean()
            returns[agent] = float(interquartile_mean(earned.to_numpy()))
    return {"seconds": seconds, "returns": returns}


def _run(*words: str) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "synthgym", *words]
    subprocess.run(command, check=True, capture_output=True)
