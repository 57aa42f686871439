"""The rules: one for each place of each stage of the table, with its resources; cheap to load."""

import re
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.api import SnakemakeApi
from snakemake.settings.types import OutputSettings, ResourceSettings

from clones import ROOT, run
from synthgym.jobs.planned import unknown_target
from synthgym.plan.plan import Plan
from synthgym.stages import STAGES, labels

Rules = Mapping[str, Any]
PROFILE = yaml.safe_load((ROOT / "workflow/profiles/slurm/config.yaml").read_text())
SMOKE = ("--config", "scale=smoke", "--")


@pytest.fixture
def rules_on(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Rules]:
    """All rules by name, as Snakemake reads them on a computer with or without a GPU."""

    def read(gpu: bool, **resources: Any) -> Rules:
        found = shutil.which

        def which(name: str) -> str | None:
            return ("/bin/nvidia-smi" if gpu else None) if name == "nvidia-smi" else found(name)

        monkeypatch.setattr(shutil, "which", which)
        monkeypatch.setattr(sys, "argv", ["snakemake"])
        with SnakemakeApi(OutputSettings()) as api:
            settings = ResourceSettings(cores=8, **resources)
            workflow = api.workflow(settings, snakefile=ROOT / "Snakefile", workdir=ROOT)
            return {rule.name: rule for rule in workflow._workflow.rules}

    return read


def of(rules: Rules, stage: str) -> list[Any]:
    return [rule for rule in rules.values() if rule.params.get("stage") == stage]


def gpus(rule: Any) -> Any:
    return rule.resources["gpu"].value if "gpu" in rule.resources else None


def test_every_stage_that_computes_on_a_gpu_asks_slurm_for_one(
    rules_on: Callable[..., Rules],
) -> None:
    """From a login node without one."""
    rules = rules_on(gpu=False, default_resources=PROFILE["default-resources"])
    for name, stage in STAGES.items():
        assert {gpus(rule) for rule in of(rules, name)} == {int(stage.gpu)}, name
    assert gpus(rules["metatrain_together"]) == 1


@pytest.mark.parametrize(("gpu", "asked"), [(True, 1), (False, None)])
def test_without_a_cluster_only_a_gpu_that_is_here_is_asked_for(
    rules_on: Callable[..., Rules], gpu: bool, asked: int | None
) -> None:
    rules = rules_on(gpu=gpu)
    assert gpus(rules["transfer"]) == asked
    assert gpus(rules["summary"]) == 0


def test_there_is_a_rule_for_every_place_and_output_of_the_table(
    rules_on: Callable[..., Rules],
) -> None:
    rules = rules_on(gpu=False)
    for name, stage in STAGES.items():
        own = [rule for rule in of(rules, name) if not rule.name.endswith("_together")]
        assert len(own) == len(stage.places)
        for place, rule in zip(stage.places, own, strict=True):
            outputs = {re.sub(",[^{}]+}", "}", str(path)) for path in rule.output}
            assert {f"{place}/{file}" for file in ("manifest.json", *stage.outputs)} <= outputs
            assert len(outputs) >= 1 + len(stage.outputs) + len(stage.figures)
            assert rule.resources["mem_mb"].value == stage.memory


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("task_cartpol", "No job of scale smoke makes task_cartpol; do you mean task_cartpole?"),
        ("experiment_reward", "makes experiment_reward; do you mean experiment_rewards?"),
        ("all_reward", "No job of scale smoke makes all_reward; do you mean all_rewards?"),
        (
            "results/smoke/experts/cartpole/pppo/curves.parquet",
            "cartpole/pppo; do you mean results/smoke/experts/cartpole/ppo?",
        ),
        ("results/quick/summary.json", "this is scale smoke; say --config scale=quick"),
        ("results/smoke/page", "makes results/smoke/page; do you mean results/smoke/page/manifest"),
        ("results/smoke/page/report.htm", "do you mean results/smoke/page/report.html?"),
        ("results/smok/page", "makes results/smok; do you mean results/smoke?"),
        ("metatran", "do you mean metatrain?"),
        ("experts", "do you mean expert?"),
        ("page", "page is a stage; ask for files of its jobs, such as results/smoke/page/manifest"),
        ("xyz", "No job of scale smoke makes xyz; `synthgym check` shows what there is."),
    ],
)
def test_a_target_that_nothing_makes_is_named_in_a_sentence(target: str, sentence: str) -> None:
    jobs = Plan.load(ROOT / "params.yaml").jobs("smoke")
    rules = ["task_cartpole", "experiment_rewards", "all_rewards", "all_experts"]

    def said(*words: str) -> str | None:
        return unknown_target(words, rules, jobs, "smoke", ["smoke", "quick"])

    assert sentence in str(said(*rules, target))
    assert said(*rules, "results/smoke/page/report.html", "work/results/smoke/done") is None


def test_it_is_refused_before_the_first_job() -> None:
    said = run("snakemake", "-n", *SMOKE, "task_cartpol", cwd=ROOT, fails=True)
    assert "No job of scale smoke makes task_cartpol; do you mean task_cartpole?" in said
    assert "Traceback" not in said


def test_results_are_looked_for_where_the_workflow_is(tmp_path: Path) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    command = ("snakemake", "-n", "-s", str(ROOT / "Snakefile"), "-d", str(tmp_path))
    said = run(*command, cwd=tmp_path, fails=True)
    assert f"start Snakemake in {ROOT}, without --directory." in said
    assert "Traceback" not in said


def test_double_precision_is_refused_before_the_first_job() -> None:
    said = run("snakemake", "-n", *SMOKE, cwd=ROOT, fails=True, more={"JAX_ENABLE_X64": "1"})
    assert "JAX_ENABLE_X64: stages compute in single precision; unset it." in said
    assert "Traceback" not in said


def test_places_tell_jobs_apart() -> None:
    for name, stage in STAGES.items():
        for place in stage.places:
            named = {
                wildcard: "0" if wildcard == "seed" else "name" for wildcard in stage.wildcards()
            }
            named |= {"family": "rewards"} if "family" in named else {}
            directory = place.format(**named)
            assert labels(directory)["stage"] == name, directory
