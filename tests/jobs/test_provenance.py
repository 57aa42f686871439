"""When is a job up to date? Two stages, made up: `metatrain` and what depends on it, `transfer`."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from synthgym.core.io import read_json, sha256, write_json
from synthgym.core.settings import ConfigError, plain
from synthgym.jobs import provenance
from synthgym.jobs.planned import Job
from synthgym.jobs.provenance import Provenance, State, difference, digest, pick
from synthgym.jobs.run import execute
from synthgym.stages import Stage

UP, DOWN, PAGE = (f"results/cartpole/{name}" for name in ("metatrain", "transfer", "page"))
Needs = Mapping[str, list[str]]


def row(module: str, uses: tuple[str, ...], report: bool = False) -> Stage:
    """A row of the table, with what a manifest depends on."""
    return Stage(module, uses, places=(), outputs=(), help="", example="", report=report)


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> dict[str, Stage]:
    """Rows of a table of stages; a test may add some."""
    stages = {
        "metatrain": row("synthgym.first", ("meta",)),
        "transfer": row("synthgym.second", ("transfer", "task.name")),
    }
    monkeypatch.setattr(provenance, "STAGES", stages)
    monkeypatch.setattr("synthgym.jobs.run.STAGES", stages)
    return stages


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stages: Any) -> dict[str, Any]:
    """The settings; a test may change them. The working directory is an empty one."""
    monkeypatch.chdir(tmp_path)
    return {
        "meta": {"sigma": 0.1},
        "transfer": {"draws": 2},
        "task": {"name": "cartpole", "solved": 475.0},
    }


def present(plan: dict[str, Any], more: Needs | None = None, **options: Any) -> Provenance:
    """The states that a new process would find; `more` is what a third job shows."""
    needs: dict[str, Needs] = {UP: {}, DOWN: {"environment": [f"{UP}/env"]}}
    if more:
        needs[PAGE] = more
    jobs = {
        out: Job(Path(out).name, out, {}, lambda overrides: plan, files)
        for out, files in needs.items()
    }
    return Provenance(jobs, **options)


def state(plan: dict[str, Any], out: str, **options: Any) -> State:
    return present(plan, **options).state(out)


def compute(plan: dict[str, Any], *outs: str, text: str = "") -> list[str]:
    """Run these jobs; those in which there really was something to compute."""
    done: list[str] = []

    def run(config: Any, inputs: Any, out: Path, checkpoint: Path) -> list[str]:
        done.append(str(out))
        read = [path.read_text() for paths in inputs.values() for path in paths]
        (out / "env").write_text(text or json.dumps([plain(config), read]))
        return ["env"]

    for out in outs:
        execute(state(plan, out).spec, run, say=lambda _: None)
    return done


def why(plan: dict[str, Any], out: str) -> str | None:
    return state(plan, out).why


def test_a_job_that_was_done_is_verified(plan: dict[str, Any]) -> None:
    assert not state(plan, DOWN).verified
    assert compute(plan, UP, DOWN) == [UP, DOWN]
    assert state(plan, UP).verified
    assert state(plan, DOWN).verified
    assert compute(plan, UP, DOWN) == []


def test_a_job_sees_only_what_its_stage_uses(plan: dict[str, Any]) -> None:
    compute(plan, UP, DOWN)
    plan["task"]["solved"] = 1.0
    assert why(plan, UP) is None
    assert why(plan, DOWN) is None
    assert state(plan, DOWN).spec["config"] == {
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


@pytest.mark.parametrize(
    ("sigma", "reason"), [(0.1, None), (0.2, f"{DOWN} would be made differently")]
)
def test_so_do_those_of_what_that_is_made_from(
    plan: dict[str, Any], stages: dict[str, Stage], sigma: float, reason: str | None
) -> None:
    stages["page"] = row("synthgym.second", ("transfer",))
    more: Needs = {"curves": [f"{DOWN}/env"]}
    compute(plan, UP, DOWN)

    def run(config: Any, inputs: Any, out: Path, checkpoint: Path) -> list[str]:
        (out / "page").touch()
        return ["page"]

    execute(present(plan, more).state(PAGE).spec, run, say=lambda _: None)
    for path in (*Path(UP).iterdir(), *Path(DOWN).iterdir()):
        path.unlink()
    plan["meta"]["sigma"] = sigma
    assert present(plan, more).state(PAGE).why == reason


def test_what_shows_seconds_is_made_again_with_what_it_shows(
    plan: dict[str, Any], stages: dict[str, Stage]
) -> None:
    stages["transfer"] = row("synthgym.second", ("transfer", "task.name"), report=True)
    compute(plan, UP, DOWN)
    assert why(plan, DOWN) is None
    for path in Path(UP).iterdir():
        path.unlink()
    assert why(plan, DOWN) == f"{UP} is to be made first"


@pytest.fixture
def edited(plan: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> str:
    """Both jobs were done; then the code was edited. Fingerprint of the code before."""
    compute(plan, UP, DOWN)
    code = provenance.stage_code("metatrain", {})
    monkeypatch.setattr(provenance, "stage_code", lambda stage, config: "new")
    assert why(plan, UP) == f"code: {code} -> new"
    return code


def test_other_code_is_accepted_and_the_manifest_says_so(plan: dict[str, Any], edited: str) -> None:
    accepting = present(plan, accept_code=True)
    assert accepting.state(DOWN).verified
    assert accepting.adopted == [UP, DOWN]
    for out in (UP, DOWN):
        assert why(plan, out) is None
        (adopted,) = read_json(f"{out}/manifest.json")["adopted"]
        assert adopted.keys() == {"code", "commit", "date"}
    assert read_json(f"{UP}/manifest.json")["adopted"][0]["code"] == edited
    assert compute(plan, UP, DOWN) == [UP, DOWN]  # runs with the real fingerprint again
    assert "adopted" not in read_json(f"{UP}/manifest.json")


@pytest.mark.usefixtures("edited")
def test_each_adoption_is_kept(plan: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    state(plan, UP, accept_code=True)
    monkeypatch.setattr(provenance, "stage_code", lambda stage, config: "newer")
    state(plan, UP, accept_code=True)
    assert [one["code"] for one in read_json(f"{UP}/manifest.json")["adopted"]][1] == "new"


@pytest.mark.usefixtures("edited")
def test_a_dry_run_adopts_nothing_on_disk(plan: dict[str, Any]) -> None:
    before = {path: path.read_bytes() for path in Path("results").rglob("*") if path.is_file()}
    dry = present(plan, accept_code=True, writes=lambda: False)
    assert dry.state(DOWN).verified
    assert dry.adopted == [UP, DOWN]
    after = {path: path.read_bytes() for path in Path("results").rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.usefixtures("edited")
@pytest.mark.parametrize("case", ["settings", "output", "input", "absent"])
def test_what_differs_in_more_than_its_code_is_never_adopted(
    plan: dict[str, Any], case: str
) -> None:
    before = Path(DOWN, "manifest.json").read_bytes()
    if case == "settings":
        plan["transfer"]["draws"] = 3
    elif case == "output":
        Path(DOWN, "env").write_text("by hand")
    elif case == "input":  # the same settings led to another environment
        manifest = read_json(f"{UP}/manifest.json")
        write_json(f"{UP}/manifest.json", {**manifest, "outputs": {"env": "other"}})
        Path(UP, "env").unlink()
    else:
        for path in Path(UP).iterdir():
            path.unlink()
    accepting = present(plan, accept_code=True)
    assert accepting.state(DOWN).why
    assert DOWN not in accepting.adopted
    assert Path(DOWN, "manifest.json").read_bytes() == before


def test_a_report_of_other_code_is_made_anew(
    plan: dict[str, Any], stages: dict[str, Stage]
) -> None:
    stages["page"] = row("synthgym.third", (), report=True)
    Path("caption.rst").write_text("What is shown.")
    compute(plan, UP, DOWN)
    execute(state(plan, PAGE, more=SHOWN).spec, lambda *_: [], say=lambda _: None)
    manifest = read_json(f"{PAGE}/manifest.json")
    write_json(f"{PAGE}/manifest.json", {**manifest, "code": "old"})
    accepting = present(plan, more=SHOWN, accept_code=True)
    assert (accepting.state(PAGE).why or "").startswith("code: old ->")
    assert accepting.adopted == []


def test_forced_jobs_run_although_nothing_changed(plan: dict[str, Any]) -> None:
    compute(plan, UP, DOWN)
    job = state(plan, UP, forced=lambda stage, out: stage == "metatrain")
    assert (job.why, job.spec["forced"], job.verified) == ("forced", True, False)


def test_an_output_that_cannot_be_read_is_none_of_the_job(plan: dict[str, Any]) -> None:
    compute(plan, UP)
    Path(UP, "env").unlink()
    Path(UP, "env").mkdir()
    assert why(plan, UP) == "modified after the run: env"


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"[1]", b"5", b'{"outputs": {}}', b"\xff\xfe{\0}\0", b"[" * 100_000),
        b'{"inputs": {}, "outputs": {}, "upstream": 5}',
        b'{"inputs": {}, "outputs": {}, "adopted": 5}',
        b'{"inputs": {}, "outputs": {}, "config": ' + b'{"a":' * 400 + b"1" + b"}" * 401,
    ],
    ids=lambda text: str(text)[:50],
)
def test_a_damaged_manifest_is_out_of_date(text: bytes, plan: dict[str, Any]) -> None:
    compute(plan, UP, DOWN)
    Path(UP, "manifest.json").write_bytes(text)
    assert why(plan, UP) == f"{UP}/manifest.json is none that a job wrote"
    assert compute(plan, UP, DOWN) == [UP]


def test_a_missing_output_is_not_verified(plan: dict[str, Any]) -> None:
    compute(plan, UP)
    Path(UP, "env").unlink()
    assert not state(plan, UP).verified
    assert compute(plan, UP) == [UP]


SHOWN = {
    "caption": ["caption.rst"],
    "env": [f"{DOWN}/env"],
    "manifests": [f"{UP}/manifest.json", f"{DOWN}/manifest.json"],
}


@pytest.mark.parametrize("changed", ["caption.rst", f"{UP}/manifest.json", f"{DOWN}/manifest.json"])
def test_a_file_that_no_job_makes_and_a_manifest_are_compared_as_they_lie(
    plan: dict[str, Any], stages: dict[str, Stage], changed: str
) -> None:
    stages["page"] = row("synthgym.third", (), report=True)
    Path("caption.rst").write_text("What is shown.")
    compute(plan, UP, DOWN)
    execute(state(plan, PAGE, more=SHOWN).spec, lambda *_: [], say=lambda _: None)
    assert state(plan, PAGE, more=SHOWN).verified
    with open(changed, "a") as file:
        file.write("\n")
    assert state(plan, PAGE, more=SHOWN).why == f"{changed} has other content"
    assert state(plan, DOWN).verified


@pytest.mark.parametrize("writes", [True, False])
def test_a_report_of_manifests_is_made_again_when_code_is_adopted_in_them(
    plan: dict[str, Any], stages: dict[str, Stage], edited: str, writes: bool
) -> None:
    stages["page"] = row("synthgym.third", (), report=True)
    Path("caption.rst").write_text("What is shown.")
    execute(state(plan, PAGE, more=SHOWN).spec, lambda *_: [], say=lambda _: None)
    accepting = present(plan, SHOWN, accept_code=True, writes=lambda: writes)
    assert accepting.state(PAGE).why
    assert accepting.adopted == [UP, DOWN]


def test_a_report_does_without_what_is_left_out(
    plan: dict[str, Any], stages: dict[str, Stage]
) -> None:
    stages["page"] = row("synthgym.third", (), report=True)
    without = state(plan, PAGE, more=SHOWN, left_out=lambda out: out == DOWN)
    manifests = [f"{UP}/manifest.json"]
    assert without.files == {"caption": ["caption.rst"], "env": [], "manifests": manifests}


def test_versions_inform_and_are_not_compared(plan: dict[str, Any]) -> None:
    compute(plan, UP)
    manifest = read_json(Path(UP, "manifest.json"))
    assert manifest["versions"]["jax"].count(".") >= 1
    manifest["versions"]["jax"] = "0"
    write_json(Path(UP, "manifest.json"), manifest)
    assert compute(plan, UP) == []
    assert read_json(Path(UP, "manifest.json"))["versions"]["jax"] == "0"  # that of the results
    states = present(plan)
    assert states.state(UP).verified
    assert states.elsewhere == {"jax 0": 1}


FAST = "--xla_cpu_enable_fast_math"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("XLA_FLAGS", f"{FAST}=true", "flags.xla_cpu_enable_fast_math: true -> -"),
        ("XLA_FLAGS", FAST, "flags.xla_cpu_enable_fast_math: true -> -"),
        ("JAX_DEFAULT_MATMUL_PRECISION", "bfloat16", "flags.JAX_DEFAULT_MATMUL_PRECISION: bfloat1"),
        ("XLA_FLAGS", "--xla_force_host_platform_device_count=3 --xla_dump_to=x", None),
        ("JAX_PLATFORMS", "cpu", None),
        ("JAX_ENABLE_X64", "0", None),
    ],
)
def test_flags_that_change_bits_are_noticed(
    plan: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    reason: str | None,
) -> None:
    monkeypatch.delenv("XLA_FLAGS")
    with monkeypatch.context() as patch:
        patch.setenv(name, value)
        compute(plan, UP)
    found = why(plan, UP)
    assert found == reason or (found and reason and found.startswith(reason))
    assert compute(plan, UP) == ([UP] if reason else [])


def test_double_precision_is_refused(monkeypatch: pytest.MonkeyPatch, plan: dict[str, Any]) -> None:
    monkeypatch.setenv("JAX_ENABLE_X64", "1")
    with pytest.raises(ConfigError, match="JAX_ENABLE_X64: stages compute in single precision"):
        state(plan, UP)


def test_a_job_refuses_flags_that_its_plan_had_not(
    plan: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = state(plan, UP).spec
    monkeypatch.setenv("XLA_FLAGS", f"{FAST}=true")
    with pytest.raises(ConfigError, match="planned with other flags than here"):
        execute(spec, lambda *_: [], say=lambda _: None)


def noted(out: str, **what: Any) -> None:
    """Write a manifest that says so; None: that says nothing of it."""
    manifest = {**read_json(f"{out}/manifest.json"), **what}
    write_json(f"{out}/manifest.json", {k: v for k, v in manifest.items() if v is not None})


def test_what_an_old_manifest_does_not_know_is_no_reason(plan: dict[str, Any]) -> None:
    compute(plan, UP, DOWN)
    noted(DOWN, files=None, flags=None, plumbing=None, machine=None)
    assert state(plan, DOWN).verified
    assert compute(plan, DOWN) == []
    noted(DOWN, plumbing="old")
    assert (why(plan, DOWN) or "").startswith("plumbing: old -> ")


def test_the_order_of_inputs_and_what_each_is_count(
    plan: dict[str, Any], stages: dict[str, Stage]
) -> None:
    stages["page"] = row("synthgym.third", ())
    compute(plan, UP, DOWN)
    files = [f"{UP}/env", f"{DOWN}/env"]
    execute(state(plan, PAGE, more={"env": files}).spec, lambda *_: [], say=lambda _: None)
    assert state(plan, PAGE, more={"env": files}).verified
    other = state(plan, PAGE, more={"env": files[::-1]})
    assert (other.why or "").startswith("files.env: ")
    assert state(plan, PAGE, more={"start": files}).why


@pytest.mark.parametrize(
    ("what", "adopted"),
    [
        ({"plumbing": "old"}, True),
        ({"flags": {"fast": "true"}}, False),
        ({"files": {"start": []}}, False),
    ],
)
@pytest.mark.usefixtures("edited")
def test_only_code_is_adopted(plan: dict[str, Any], what: dict[str, Any], adopted: bool) -> None:
    noted(UP, **what)
    accepting = present(plan, accept_code=True)
    assert accepting.state(UP).verified == adopted
    assert state(plan, UP).verified == adopted


def test_what_adopts_does_not_say_more_than_was_known(plan: dict[str, Any], edited: str) -> None:
    noted(UP, files=None, flags=None, plumbing=None)
    assert present(plan, accept_code=True).state(UP).verified
    assert not {"files", "flags", "plumbing"} & read_json(f"{UP}/manifest.json").keys()


def test_an_input_that_is_not_what_its_job_made_is_refused(plan: dict[str, Any]) -> None:
    """Flipped in place after the plan saw it; and good again when it is restored."""
    compute(plan, UP)
    spec, path = state(plan, DOWN).spec, Path(UP, "env")
    good = path.read_bytes()
    path.write_bytes(bytes([good[0] ^ 1]) + good[1:])
    with pytest.raises(ConfigError, match=f"{UP}/env is not as {UP}/manifest.json says"):
        execute(spec, lambda *_: [], say=lambda _: None)
    path.write_bytes(good)
    assert compute(plan, DOWN) == [DOWN]
    assert state(plan, DOWN).verified


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


def test_a_flipped_byte_is_noticed_whatever_its_file_says_of_its_time(tmp_path: Path) -> None:
    path, checksum = tmp_path / "table", provenance.Checksums(tmp_path / "checksums.json")
    path.write_bytes(b"ab")
    before, times = checksum(str(path)), os.stat(path)
    path.write_bytes(b"ac")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert checksum(str(path)) != before


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "[1]",
        lambda text: '{"content": 5, "sha256": 5}',
        lambda text: "[" * 100_000,
        lambda text: '{"a":' * 900 + "1" + "}" * 900,
        lambda text: text.replace("1", "2"),
        lambda text: text.replace('"sha256": "', '"sha256": "0'),
        lambda text: text.encode("utf-16").decode("latin-1"),
    ],
)
def test_a_cache_of_checksums_may_hold_anything(
    damage: Callable[[str], str], tmp_path: Path
) -> None:
    path, remembered = tmp_path / "table", tmp_path / "checksums.json"
    path.write_text("ab")
    first = provenance.Checksums(remembered)
    assert first(str(path)) == sha256(path)
    first.save()
    remembered.write_text(damage(remembered.read_text()))
    later = provenance.Checksums(remembered)
    assert later.known == {}
    assert later(str(path)) == sha256(path)
