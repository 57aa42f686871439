"""When is a job up to date? Two stages, made up: `metatrain` and what depends on it, `transfer`."""

import json
from pathlib import Path
from typing import Any

import pytest

from synthgym.core.io import read_json, write_json
from synthgym.jobs import provenance
from synthgym.jobs.provenance import Provenance, Stage, difference, digest, pick
from synthgym.jobs.run import execute

UP, DOWN = "results/cartpole/metatrain", "results/cartpole/transfer"


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The settings; a test may change them. The working directory is an empty one."""
    monkeypatch.chdir(tmp_path)
    stages = {
        "metatrain": Stage("synthgym.first", ("meta",)),
        "transfer": Stage("synthgym.second", ("transfer", "task.name")),
    }
    monkeypatch.setattr(provenance, "STAGES", stages)
    monkeypatch.setattr("synthgym.jobs.run.STAGES", stages)
    return {
        "meta": {"sigma": 0.1},
        "transfer": {"draws": 2},
        "task": {"name": "cartpole", "solved": 475.0},
    }


def present(plan: dict[str, Any], **options: Any) -> Provenance:
    """What a new process would make of it."""
    jobs = Provenance(lambda task: plan, **options)
    jobs.rule("metatrain", "results/{task}/metatrain")
    jobs.rule("transfer", "results/{task}/transfer", environment="results/{task}/metatrain/env")
    return jobs


def compute(plan: dict[str, Any], *outs: str, text: str = "") -> list[str]:
    """Run these jobs; those in which there really was something to compute."""
    done: list[str] = []

    def run(config: Any, inputs: Any, out: Path, checkpoint: Path) -> list[str]:
        done.append(str(out))
        read = [path.read_text() for paths in inputs.values() for path in paths]
        (out / "env").write_text(text or json.dumps([config, read]))
        return ["env"]

    for out in outs:
        execute(present(plan).job(out).spec, run, say=lambda _: None)
    return done


def why(plan: dict[str, Any], out: str) -> str | None:
    return present(plan).job(out).why


def test_a_job_that_was_done_is_verified(plan: dict[str, Any]) -> None:
    assert not present(plan).job(DOWN).verified
    assert compute(plan, UP, DOWN) == [UP, DOWN]
    assert present(plan).job(UP).verified
    assert present(plan).job(DOWN).verified
    assert compute(plan, UP, DOWN) == []


def test_a_job_sees_only_what_its_stage_uses(plan: dict[str, Any]) -> None:
    compute(plan, UP, DOWN)
    plan["task"]["solved"] = 1.0
    assert why(plan, UP) is None
    assert why(plan, DOWN) is None
    assert present(plan).job(DOWN).spec["config"] == {
        "transfer": {"draws": 2},
        "task": {"name": "cartpole"},
    }


def test_an_edited_setting_is_named_and_passes_downstream(plan: dict[str, Any]) -> None:
    compute(plan, UP, DOWN)
    plan["meta"]["sigma"] = 0.2
    assert why(plan, UP) == "config.meta.sigma: 0.1 -> 0.2"
    assert why(plan, DOWN) == f"{UP} is out of date"


def test_new_content_upstream_makes_a_job_out_of_date(plan: dict[str, Any]) -> None:
    compute(plan, UP, DOWN)
    plan["meta"]["sigma"] = 0.2
    compute(plan, UP)
    assert why(plan, DOWN) == f"{UP}/env has other content"
    assert compute(plan, DOWN) == [DOWN]
    assert why(plan, DOWN) is None


def test_the_same_content_upstream_does_not(plan: dict[str, Any]) -> None:
    compute(plan, UP, text="same")
    compute(plan, DOWN)
    plan["meta"]["sigma"] = 0.2
    assert compute(plan, UP, text="same") == [UP]
    assert why(plan, DOWN) is None


def test_an_output_edited_by_hand_is_found(plan: dict[str, Any]) -> None:
    compute(plan, UP, DOWN)
    Path(UP, "env").write_text("by hand")
    assert why(plan, UP) == "modified after the run: env"
    assert compute(plan, UP) == [UP]
    assert compute(plan, DOWN) == []


@pytest.mark.parametrize(
    ("sigma", "reason"), [(0.1, None), (0.2, f"{UP} would be made differently")]
)
def test_where_the_upstream_results_are_not_here_its_settings_decide(
    plan: dict[str, Any], sigma: float, reason: str | None
) -> None:
    compute(plan, UP, DOWN)
    for path in Path(UP).iterdir():
        path.unlink()
    plan["meta"]["sigma"] = sigma
    assert why(plan, DOWN) == reason


def test_what_shows_seconds_is_made_again_with_what_it_shows(
    plan: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    compute(plan, UP, DOWN)
    shows = Stage("synthgym.second", ("transfer", "task.name"), with_inputs=True)
    monkeypatch.setitem(provenance.STAGES, "transfer", shows)
    assert why(plan, DOWN) is None
    for path in Path(UP).iterdir():
        path.unlink()
    assert why(plan, DOWN) == f"{UP} is to be made first"


def test_other_code_is_a_reason_unless_it_is_accepted(
    plan: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    compute(plan, UP, DOWN)
    code = provenance.stage_code("metatrain", {})
    monkeypatch.setattr(provenance, "stage_code", lambda stage, config: "new")
    assert why(plan, UP) == f"code: {code} -> new"
    accepting = present(plan, accept_code=True)
    assert accepting.job(DOWN).why is None
    assert why(plan, UP) is None
    assert why(plan, DOWN) is None


def test_forced_jobs_run_although_nothing_changed(plan: dict[str, Any]) -> None:
    compute(plan, UP, DOWN)
    job = present(plan, forced=lambda stage, out: stage == "metatrain").job(UP)
    assert (job.why, job.spec["forced"], job.verified) == ("forced", True, False)


def test_a_missing_output_is_not_verified(plan: dict[str, Any]) -> None:
    compute(plan, UP)
    Path(UP, "env").unlink()
    assert not present(plan).job(UP).verified
    assert compute(plan, UP) == [UP]


def shown(plan: dict[str, Any]) -> Provenance:
    """With a third job, which shows a file of the repository and the manifests of the others."""
    jobs = present(plan)
    needs = {"env": f"{DOWN}/env", "manifests": [f"{UP}/manifest.json", f"{DOWN}/manifest.json"]}
    jobs.rule("show", "results/{task}/page", caption="caption.rst", **needs)
    return jobs


@pytest.mark.parametrize("changed", ["caption.rst", f"{UP}/manifest.json", f"{DOWN}/manifest.json"])
def test_a_file_that_no_job_makes_and_a_manifest_are_compared_as_they_lie(
    plan: dict[str, Any], changed: str
) -> None:
    provenance.STAGES["show"] = Stage("synthgym.third", (), True)
    Path("caption.rst").write_text("What is shown.")
    compute(plan, UP, DOWN)
    spec = shown(plan).job("results/cartpole/page").spec
    execute(spec, lambda *_: [], say=lambda _: None)
    assert shown(plan).job("results/cartpole/page").verified
    with open(changed, "a") as file:
        file.write("\n")
    assert shown(plan).job("results/cartpole/page").why == f"{changed} has other content"
    assert shown(plan).job(DOWN).verified


def test_all_jobs_behind_a_file_are_found(plan: dict[str, Any]) -> None:
    assert present(plan).behind([f"{DOWN}/env"]) == [UP, DOWN]
    assert present(plan).behind([f"{UP}/env"]) == [UP]


def test_versions_inform_and_are_not_compared(plan: dict[str, Any]) -> None:
    compute(plan, UP)
    manifest = read_json(Path(UP, "manifest.json"))
    assert manifest["versions"]["jax"].count(".") >= 1
    manifest["versions"]["jax"] = "0"
    write_json(Path(UP, "manifest.json"), manifest)
    assert compute(plan, UP) == []
    assert read_json(Path(UP, "manifest.json"))["versions"]["jax"] == "0"  # that of the results


def test_difference_names_leaves() -> None:
    old, new = {"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3, "d": [4]}}
    assert difference(old, new) == "a.c: 2 -> 3, a.d: - -> [4]"
    assert difference(old, old) == ""


def test_pick_takes_sections_and_settings() -> None:
    config = {"a": {"b": 1, "c": 2}, "d": 3}
    assert pick(config, ["a.b", "d"]) == {"a": {"b": 1}, "d": 3}


def test_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_checksums_are_remembered_until_a_file_changes(tmp_path: Path) -> None:
    file, remembered = tmp_path / "file", tmp_path / "checksums.json"
    file.write_text("one")
    first = provenance.Checksums(remembered)
    one = first(str(file))
    first.save()
    later = provenance.Checksums(remembered)
    later.known[str(file)][1] = "remembered"
    assert later(str(file)) == "remembered"
    file.write_text("another")
    assert provenance.Checksums(remembered)(str(file)) not in (one, "remembered")
    assert later(str(tmp_path / "missing")) is None
