"""Through a real SLURM of one node: stages that compute nothing, then the searches of `quick`."""

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml

import slurm_cluster
from clones import Clone, run

WHY_NOT = slurm_cluster.lacking()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]
SUBMIT = ("--workflow-profile", "profiles/slurm", "--cores", "2")
META = ("tasks/cartpole/bandit_ppo/seed0/metatrain", "tasks/acrobot/mdp_dqn/seed0/metatrain")
TARGETS = tuple(f"results/smoke/{job}/manifest.json" for job in META)


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    with slurm_cluster.cluster():
        yield


@pytest.fixture
def copy(tmp_path: Path) -> Clone:
    return Clone.of_working_tree(tmp_path / "repository").with_fake_stages()


def submitted() -> dict[str, str]:
    """What the cluster says of each job of the last minutes: id -> a line."""
    said = run("scontrol", "--oneliner", "show", "job", cwd=Path.cwd())
    return {found[1]: found[0] for found in re.finditer(r"(?m)^JobId=(\d+).*$", said)}


def test_meta_trainings_are_submitted_each_with_a_gpu(copy: Clone) -> None:
    before = set(submitted())
    run("snakemake", *SUBMIT, *TARGETS, cwd=copy.path)
    assert copy.computed() == dict.fromkeys(META, 3)
    asked = [line for job, line in submitted().items() if job not in before]
    assert len(asked) == 2
    for line in asked:
        assert "JobState=COMPLETED" in line
        assert "TresPerJob=gres:gpu:1" in line
        assert "rule_metatrain" in line
    assert copy.planned(*TARGETS) == set()


def test_a_job_that_was_killed_goes_on_in_the_next_submission(copy: Clone) -> None:
    before = set(submitted())
    snakemake = copy.start("snakemake", *SUBMIT, TARGETS[0], FAKE_STOP="1")
    copy.wait_for(f"{META[0]} 1")
    (job,) = set(submitted()) - before
    subprocess.run(["scancel", "--signal=KILL", "--full", job], check=True)
    assert snakemake.wait(timeout=120) != 0
    assert copy.computed() == {META[0]: 2}  # steps 0 and 1, of which the last one was not ended
    run("snakemake", *SUBMIT, TARGETS[0], cwd=copy.path)
    assert copy.computed() == {META[0]: 2}  # 1 and 2


def test_all_meta_trainings_of_quick_one_of_them_killed(tmp_path: Path) -> None:
    """Some 15 minutes of two cores: nothing is a stand-in here but the GPUs."""
    clone = Clone.of_working_tree(tmp_path / "repository")
    plan = yaml.safe_load((clone.path / "params.yaml").read_text())["scales"]["quick"]
    meta = [name for name, values in plan["environments"].items() if "meta" in values]
    jobs = [
        f"results/quick/tasks/{task}/{name}/seed{seed}/metatrain"
        for task in plan["tasks"]
        for name in meta
        for seed in plan["seeds"]
    ]
    command = ("snakemake", *SUBMIT, "--config", "scale=quick", "--")
    targets = [f"{job}/manifest.json" for job in jobs]
    before = set(submitted())
    snakemake = clone.start(*command, *targets)
    until = time.monotonic() + 600
    while not (begun := list(clone.path.glob("work/results/quick/**/search.safetensors"))):
        assert time.monotonic() < until, (clone.path / "log").read_text()
        assert snakemake.poll() is None, (clone.path / "log").read_text()
        time.sleep(1)
    (running,) = (
        job
        for job, line in submitted().items()
        if job not in before and "JobState=RUNNING" in line and "rule_metatrain" in line
    )
    subprocess.run(["scancel", "--signal=KILL", "--full", running], check=True)
    assert snakemake.wait(timeout=1200) != 0
    killed = begun[0].parents[1]
    assert not (clone.path / killed.relative_to(clone.path / "work") / "manifest.json").exists()
    run(*command, *targets, cwd=clone.path, seconds=3000)
    assert "going on from generation" in (killed / "log").read_text()
    for job in jobs:
        generations = pd.read_parquet(clone.path / job / "progress.parquet")
        assert generations.fitness_mean.notna().sum() >= 20
    assert clone.planned("--config", "scale=quick", "--", *targets) == set()
