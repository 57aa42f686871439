"""What the runner promises: alone, all or nothing, resumable, and nothing of others is touched."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import pytest

from synthgym.core import job
from synthgym.core.io import read_json, write_json
from synthgym.core.settings import ConfigError
from synthgym.jobs import locks, run, software
from synthgym.jobs.run import execute, execute_together, prepare_devices

OUT = "results/smoke"


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def spec(**config: Any) -> dict[str, Any]:
    """Of a job without inputs."""
    return {
        "stage": "summary",
        "config": config,
        "out": OUT,
        "files": {},
        "upstream": {},
        "forced": False,
    }


def writing(*names: str) -> Any:
    """A stage that writes these files."""

    def run(config: Any, inputs: Any, out: Path, checkpoint: Path) -> list[str]:
        for name in names:
            (out / name).write_text(name)
        return list(names)

    return run


def failing(config: Any, inputs: Any, out: Path, checkpoint: Path) -> list[str]:
    """A stage that gets half-way."""
    (checkpoint / "state").write_text(str(config["number"]))
    (out / ".table.parquet.123.tmp").write_text("half")
    raise RuntimeError("half-way")


def test_only_what_the_manifest_names_is_removed() -> None:
    execute(spec(number=1), writing("old.md", "summary.json"))
    other = Path(OUT, "figures/cartpole/manifest.json")
    other.parent.mkdir(parents=True)
    other.write_text("of another job")
    execute(spec(number=2), writing("summary.json"))
    assert not Path(OUT, "old.md").exists()
    assert other.read_text() == "of another job"


def test_hidden_files_of_a_folder_stay_where_they_are() -> None:
    Path(OUT).mkdir(parents=True)
    users = [Path(OUT, name) for name in (".env.local", ".pre-commit-config.yaml")]
    left = Path(OUT, ".summary.json.123.tmp")  # by a job that was killed
    for path in (*users, left):
        path.write_text("mine")
    execute(spec(number=1), writing("summary.json"))
    assert all(path.read_text() == "mine" for path in users)
    assert not left.exists()


@pytest.mark.parametrize("name", ["../other.md", "/tmp/other.md", "sub/other.md", "..", ""])
def test_a_manifest_that_names_other_files_is_none(name: str) -> None:
    execute(spec(number=1), writing("summary.json"))
    other = Path(OUT, "..", "other.md")
    other.write_text("of another job")
    path = Path(OUT, "manifest.json")
    write_json(path, {**read_json(path), "outputs": {name: "0" * 64}})
    execute(spec(number=1), writing("summary.json"))
    assert other.read_text() == "of another job"
    assert list(read_json(path)["outputs"]) == ["summary.json"]


@pytest.mark.parametrize(
    "text", [b"", b"[1]", b"5", b'{"outputs": {}}', b"\xff\xfe{\0}\0", b"[" * 100_000], ids=str
)
def test_a_damaged_manifest_is_none(text: bytes) -> None:
    execute(spec(number=1), writing("summary.json"))
    Path(OUT, "manifest.json").write_bytes(text)
    execute(spec(number=1), writing("summary.json"))
    assert list(read_json(Path(OUT, "manifest.json"))["outputs"]) == ["summary.json"]


def test_results_that_are_up_to_date_are_left_alone() -> None:
    execute(spec(number=1), writing("summary.json"))
    before = os.stat(Path(OUT, "manifest.json"))
    execute(spec(number=1), failing)
    assert os.stat(Path(OUT, "manifest.json")) == before


def test_outputs_are_replaced_not_written_through_a_link(tmp_path: Path) -> None:
    execute(spec(number=1), writing("summary.json"))
    cached = tmp_path / "cache"
    os.link(Path(OUT, "summary.json"), cached)
    cached.write_text("version 1")
    execute(spec(number=2), writing("summary.json"))
    assert cached.read_text() == "version 1"


def test_a_failed_job_leaves_no_manifest_and_keeps_its_checkpoint() -> None:
    execute(spec(number=1), writing("summary.json"))
    with pytest.raises(RuntimeError, match="half-way"):
        execute(spec(number=2), failing)
    assert not Path(OUT, "manifest.json").exists()
    seen: list[list[str]] = []

    def resuming(config: Any, inputs: Any, out: Path, checkpoint: Path) -> list[str]:
        seen.append([path.read_text() for path in checkpoint.iterdir()])
        return writing("summary.json")(config, inputs, out, checkpoint)

    execute(spec(number=3), resuming)  # never the checkpoint of other settings
    with pytest.raises(RuntimeError, match="half-way"):
        execute(spec(number=2), failing)
    execute(spec(number=2), resuming)
    assert seen == [[], ["2"]]
    assert not list(Path(OUT).glob(".*"))  # nor what an atomic writer left
    assert not list(Path("work", OUT).glob("checkpoint-*"))  # a finished job needs none


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), OSError(28, "No space left on device")])
@pytest.mark.parametrize("file", ["search.safetensors", "journal.log", "search.json", None])
def test_what_ends_a_job_says_whether_it_goes_on(ending: BaseException, file: str | None) -> None:
    def killed(config: Any, inputs: Any, out: Path, checkpoint: Path) -> list[str]:
        if file:
            (checkpoint / file).write_text("1\n2\n")
        raise type(ending)(*ending.args)

    with pytest.raises(type(ending)) as ended:
        execute(spec(number=1), killed)
    hints = ["The same command goes on from the last checkpoint."]
    goes_on = file in ("search.safetensors", "journal.log")
    assert getattr(ended.value, "__notes__", []) == (hints if goes_on else [])


def test_a_directory_that_cannot_be_written_to_is_refused_before_the_job(tmp_path: Path) -> None:
    (tmp_path / "results").touch()
    with pytest.raises(ConfigError, match="results/smoke: nothing can be written there"):
        execute(spec(number=1), failing)


@pytest.mark.parametrize("name", ["NPROC", "SYNTHGYM_GPU_SLOTS"])
def test_numbers_in_the_environment_are_checked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "two")
    with pytest.raises(ConfigError, match=f"{name}: must be a whole number, not two."):
        run.take_gpu() if "GPU" in name else prepare_devices()


@pytest.mark.parametrize("number", locks.WITHOUT)
def test_without_locks_there_is_a_warning_and_work_goes_on(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def flock(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    locks._warn.cache_clear()
    execute(spec(number=1), writing("summary.json"))
    execute(spec(number=2), writing("summary.json"))
    said = capsys.readouterr().err
    assert said.count("this file system has no locks") == 1
    assert os.strerror(number) in said


def test_locks_and_orders_may_hold_any_bytes() -> None:
    for name in ("lock", "forced"):
        path = Path("work", OUT, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\xff\xfe\0")
    execute({**spec(), "forced": True, "outdated": "17"}, writing("summary.json"))
    assert Path("work", OUT, "forced").read_text() == "17"


def test_a_forced_job_computes_again() -> None:
    execute(spec(), writing("summary.json"))
    done: list[Path] = []

    def run(config: Any, inputs: Any, out: Path, checkpoint: Path) -> list[str]:
        done.append(out)
        return writing("summary.json")(config, inputs, out, checkpoint)

    execute(spec(), run)
    assert done == []
    execute({**spec(), "forced": True}, run)
    assert done == [Path(OUT)]


def test_what_was_forced_once_is_done_when_the_workflow_says_it_again() -> None:
    """A second process with the same spec, such as a job that another one did beside its own."""
    forced = {**spec(), "forced": True, "outdated": "17: forced"}
    done: list[Path] = []

    def run(config: Any, inputs: Any, out: Path, checkpoint: Path) -> list[str]:
        done.append(out)
        return writing("summary.json")(config, inputs, out, checkpoint)

    execute(forced, run)
    execute(forced, run)
    assert len(done) == 1
    execute({**forced, "outdated": "18: forced"}, run)
    assert len(done) == 2


def several() -> list[dict[str, Any]]:
    """Specs of three jobs."""
    return [{**spec(number=i), "out": f"results/{i}"} for i in range(3)]


def test_jobs_together_are_those_that_are_not_done_each_with_its_own_manifest() -> None:
    seen: list[list[Any]] = []

    def run(jobs: Sequence[Any]) -> list[list[str]]:
        seen.append([begun.config["number"] for begun in jobs])
        for begun in jobs:
            (begun.out / "number").write_text(str(begun.config["number"]))
            (begun.checkpoint / "state").touch()
        return [["number"] for _ in jobs]

    specs = several()
    execute_together(specs[1:2], run)
    execute_together(specs, run)
    execute_together(specs, run)
    assert seen == [[1], [0, 2]]
    for i in range(3):
        assert Path(f"results/{i}/number").read_text() == str(i)
        assert read_json(Path(f"results/{i}/manifest.json"))["config"] == {"number": i}
        assert not list(Path(f"work/results/{i}").glob("checkpoint-*"))


def test_a_stage_that_does_one_job_at_a_time_says_so() -> None:
    with pytest.raises(ValueError, match="summary does one job at a time: give one --spec"):
        execute_together(several())


def test_a_process_that_follows_computes_and_keeps_nothing(tmp_path: Path) -> None:
    seen: list[Any] = []

    def run(jobs: Sequence[Any]) -> list[list[str]]:
        seen.extend(jobs)
        for begun in jobs:
            (begun.out / "number").write_text("1")
        return [["number"] for _ in jobs]

    execute_together(several()[:1], run)
    execute_together(several()[:2], run, follows=True)
    assert [begun.config["number"] for begun in seen] == [0, 1]  # the second time, what is not done
    assert not Path("results/1").exists()
    assert not seen[1].out.exists()
    # Where the first process keeps its checkpoints, so that both go on from the same.
    assert seen[1].checkpoint.parent == Path("work/results/1")


def test_a_stage_sees_a_frozen_configuration() -> None:
    def run(config: Any, inputs: Any, out: Path, checkpoint: Path) -> list[str]:
        assert config.meta.steps["ppo"] == 3
        assert config.meta.agents == ("ppo", "dqn")
        with pytest.raises(TypeError, match="frozen"):
            config.meta.steps = 4
        with pytest.raises(TypeError, match="not support item assignment"):
            config.meta.steps["ppo"] = 4
        with pytest.raises(AttributeError, match="no sigma in this Meta, only steps"):
            _ = config.meta.sigma
        return writing("summary.json")(config, inputs, out, checkpoint)

    meta = {"steps": {"ppo": 3}, "agents": ["ppo", "dqn"]}
    execute({**spec(meta=meta), "stage": "metatrain"}, run)
    assert read_json(Path(OUT, "manifest.json"))["config"]["meta"]["steps"] == {"ppo": 3}


def test_two_processes_do_a_job_once() -> None:
    code = f"""
import time
from synthgym.jobs.run import execute

def run(config, inputs, out, checkpoint):
    with open("log", "a", buffering=1) as log:
        print("begin", file=log)
        time.sleep(1)
        print("end", file=log)
    (out / "summary.json").write_text("1")
    return ["summary.json"]

execute({spec()}, run)
"""
    both = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert Path("log").read_text().split() == ["begin", "end"]


def test_each_of_several_processes_has_a_gpu_of_its_own_or_waits() -> None:
    code = """
import os, time
from synthgym.jobs.run import take_gpu
slot = take_gpu(patience=0.01)
with open("log", "a", buffering=1) as log:
    print("begin", slot, os.environ["CUDA_VISIBLE_DEVICES"], file=log)
    time.sleep(0.5)
    print("end", slot, os.environ["CUDA_VISIBLE_DEVICES"], file=log)
"""
    environment = {**os.environ, "SYNTHGYM_GPU_SLOTS": "2", "CUDA_VISIBLE_DEVICES": "4,7"}
    several = [subprocess.Popen([sys.executable, "-c", code], env=environment) for _ in range(4)]
    assert [process.wait(timeout=60) for process in several] == [0] * 4
    lines = [line.split() for line in Path("log").read_text().splitlines()]
    held: set[str] = set()
    for what, slot, device in lines:
        assert device == ("4", "7")[int(slot)]
        assert (slot in held) == (what == "end")
        held ^= {slot}
    assert len(lines) == 8
    assert {slot for _, slot, _ in lines} == {"0", "1"}


def test_a_gpu_alone_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYNTHGYM_GPU_SLOTS", raising=False)
    assert run.take_gpu() is None
    assert not Path("work").exists()


def test_devices_are_as_many_as_threads() -> None:
    code = (
        "from synthgym.jobs.run import prepare_devices; prepare_devices(3); "
        "import jax; print(jax.device_count(), jax.config.jax_compilation_cache_dir)"
    )
    users = ("XLA_FLAGS", "JAX_COMPILATION_CACHE_DIR")
    own = {name: value for name, value in os.environ.items() if name not in users}
    said = subprocess.run(
        [sys.executable, "-c", code],
        env={**own, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == ["3", str(Path("work/jax-cache").absolute())]


@pytest.mark.parametrize(("cpu", "wide"), [("flags: avx2 avx512f", True), ("flags: avx2", False)])
def test_long_vectors_are_used_where_there_are_some(
    monkeypatch: pytest.MonkeyPatch, cpu: str, wide: bool
) -> None:
    monkeypatch.setattr(software, "cpu", lambda: cpu)
    monkeypatch.setenv("XLA_FLAGS", "--xla_something=1")
    monkeypatch.setenv("NPROC", "1")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "elsewhere")
    prepare_devices(2)
    more = ["--xla_cpu_prefer_vector_width=512"] if wide else []
    flags = ["--xla_something=1", "--xla_force_host_platform_device_count=2", *more]
    assert os.environ["XLA_FLAGS"].split() == flags


def test_device_flags_of_the_user_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    flags = "--xla_force_host_platform_device_count=5 --xla_cpu_prefer_vector_width=256"
    monkeypatch.setenv("XLA_FLAGS", flags)
    monkeypatch.setenv("NPROC", "1")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "elsewhere")
    prepare_devices(2)
    assert os.environ["XLA_FLAGS"] == flags
    assert os.environ["NPROC"] == "2"
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == "elsewhere"


def test_the_manifest_says_what_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    execute(spec(), writing("summary.json"))
    assert read_json(Path(OUT, "manifest.json"))["device"] == f"{jax.device_count()} x cpu"
    monkeypatch.delitem(sys.modules, "jax")
    assert job.device() is None  # and it was not imported for that
