"""DVC versions every result of the scales that the repository holds, and nothing twice."""

from pathlib import Path

import pytest
from dvc.repo import Repo
from dvc.stage import PipelineStage

from clones import ROOT
from synthgym.plan.plan import Plan
from synthgym.stages import STAGES

REPORTS = [name for name, stage in STAGES.items() if "summary.json" in stage.outputs]


@pytest.fixture(scope="module")
def stages() -> list[PipelineStage]:
    with Repo(str(ROOT)) as repo:
        return [stage for stage in repo.index.stages if isinstance(stage, PipelineStage)]


def outs(stages: list[PipelineStage]) -> list[str]:
    return [str(Path(out.fs_path).relative_to(ROOT)) for stage in stages for out in stage.outs]


@pytest.mark.parametrize("scale", ["quick", "standard"])
def test_every_result_of_a_scale_is_versioned_once(stages: list[PipelineStage], scale: str) -> None:
    own = [out for out in outs(stages) if out.startswith(f"results/{scale}/")]
    made = {
        f"{job.out}/{name}"
        for job in Plan.load(ROOT / "params.yaml").jobs(scale).values()
        for name in ("manifest.json", *STAGES[job.stage].outputs)
    }
    covering = {file: [o for o in own if file == o or file.startswith(f"{o}/")] for file in made}
    assert {file: found for file, found in covering.items() if len(found) != 1} == {}
    assert [out for out in own if not any(f"{file}/".startswith(f"{out}/") for file in made)] == []


def test_commands_of_stages_name_targets(stages: list[PipelineStage]) -> None:
    smk = "\n".join(p.read_text() for p in (ROOT / "workflow/rules").glob("*.smk"))
    smk += (ROOT / "Snakefile").read_text()
    for stage in stages:
        target = stage.cmd.split()[1]
        kind, _, name = target.partition("_")
        assert kind != "all" or f'"{name}"' in smk or f'"{target}"' in smk, target
        assert stage.cmd.endswith(tuple(f"scale={scale}" for scale in ("quick", "standard")))


def test_headline_numbers_of_every_report_are_metrics() -> None:
    with Repo(str(ROOT)) as repo:
        metrics = {str(Path(path)) for path in repo.metrics.show()[""]["data"]}
    plan = Plan.load(ROOT / "params.yaml")
    reports = {
        f"{job.out}/summary.json"
        for scale in ("quick", "standard")
        for job in plan.jobs(scale).values()
        if job.stage in REPORTS
    }
    assert metrics == reports
