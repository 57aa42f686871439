"""Results made up for a test, at their places in the working directory, and the page of them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from synthgym.analysis import experts, page, summary, summary_text
from synthgym.core.io import write_json
from synthgym.jobs.provenance import digest
from synthgym.stages import CAPTIONS, STAGES, labels

ROOT = Path(__file__).parents[1]
SCALE = "quick"
RESULTS = Path("results", SCALE)
CHECKSUM = {"cartpole": "c" * 64, "acrobot": "a" * 64}  # of the environments of a task


def task_of(world: Any, **changes: Any) -> dict[str, Any]:
    """The section of its configuration."""
    return {**world.task, "reference": {"random": 0.0}, **changes}


def make(worlds: Iterable[Any], **changes: Any) -> tuple[dict[str, Any], dict[str, list[Path]]]:
    """Tables, numbers, figures and manifests of some worlds: what the stage `page` is given.

    `changes` are made to the section of each task.
    """
    tasks = {world.name: task_of(world, **changes) for world in worlds}
    paths: dict[str, list[Path]] = {}
    for world in worlds:
        for kind, written in world.write(Path()).items():
            paths.setdefault(kind, []).extend(written)
    summary.run({"scale": SCALE, "tasks": tasks}, paths, RESULTS, RESULTS)
    made = [path for kind in paths for path in paths[kind]]
    _manifest(RESULTS, "summary", {"scale": SCALE, "tasks": tasks}, inputs=made)
    for place in {path.parent for path in made}:
        _of_tables(place, tasks)
    figures = []
    for task, section in tasks.items():
        place = RESULTS / "figures" / task
        figures += [picture(place / figure.file) for figure in STAGES["figures"].figures]
        of_task = [path for path in made if task in path.parts]
        _manifest(place, "figures", {"scale": SCALE, "task": section}, inputs=of_task)
    inputs = {
        "reports": [RESULTS / "summary.json", RESULTS / "summary.md", *figures, *_experts(tasks)],
        "manifests": sorted(RESULTS.rglob("manifest.json")),
        "captions": [ROOT / f"workflow/report/{name}.rst" for name in CAPTIONS],
        "design": [
            ROOT / f"src/synthgym/analysis/page/page.{kind}" for kind in ("html", "css", "js")
        ],
    }
    return {"scale": SCALE, "tasks": tasks, "expert_tasks": tasks}, inputs


def of(inputs: Mapping[str, Iterable[Path]], *words: str) -> list[Path]:
    """Those of the reports that have one of these words in their path."""
    return [path for path in inputs["reports"] if any(word in str(path) for word in words)]


def resummarise(numbers: Mapping[str, Any]) -> None:
    """Put these numbers in place of the summary."""
    write_json(RESULTS / "summary.json", numbers)
    (RESULTS / "summary.md").write_text(summary_text.markdown(numbers), "utf-8")


def html(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path = Path("page")
) -> str:
    """The text of the page, which is in `out`."""
    out.mkdir(exist_ok=True)
    assert page.run(config, inputs, out, out) == ["report.html"]
    return (out / "report.html").read_text("utf-8")


def picture(path: Path) -> Path:
    """A picture like no other: its colour is from its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (60, 40), f"#{digest(str(path))[:6]}").save(path)
    return path


def _of_tables(place: Path, tasks: Mapping[str, Any]) -> None:
    """The manifest of a job on a task, by its place."""
    about = labels(str(place))
    task, stage = about["experiment"], about["stage"]
    name = about.get("agent") or about.get("trial") or "ppo"  # whom it is about, or was made with
    config: dict[str, Any] = {"task": tasks[task], "agents": {name: {"name": name}}}
    config[stage] = {"draws": 20}
    if "seed" in about:
        config["seed"] = int(about["seed"])
    made = {"environment.safetensors": CHECKSUM[task]} if stage == "metatrain" else {}
    environment = place.parents[1] / "metatrain" / "environment.safetensors"
    used = {environment: CHECKSUM[task]} if stage == "transfer" else {}
    _manifest(place, stage, config, made, used)


def _experts(tasks: Mapping[str, Any]) -> list[Path]:
    place = RESULTS / "expert_report"
    cell: dict[str, Any] = {"iqm": 1.0, "low": 0.5, "high": 1.5, "mean": 1.0, "median": 1.0, "n": 3}
    cell |= {"steps": 1000, "episodes": 9.0, "test_episodes": 5, "published": None}
    numbers = {task: {"ppo": cell, "es": {**cell, "iqm": 0.7}} for task in tasks}
    about = {"scale": SCALE, "level": 0.95, "resamples": 100}
    table = experts.markdown({"about": about, "experts": numbers}, tasks)
    read = []
    for task, agents in numbers.items():
        for agent in agents:
            config = {"seed": 0, "task": tasks[task], "agents": {agent: {"name": agent}}}
            read.append(RESULTS / "experts" / task / agent / "curves.parquet")
            _manifest(read[-1].parent, "expert", config)
    _manifest(place, "expert_report", {"scale": SCALE, "expert_tasks": dict(tasks)}, inputs=read)
    (place / "table.md").write_text(table, "utf-8")
    return [place / "table.md", picture(place / "learning_curves.png")]


def _manifest(
    place: Path,
    stage: str,
    config: Mapping[str, Any],
    outputs: Mapping[str, str] = {},
    inputs: Mapping[Path, str] | Iterable[Path] = (),
) -> None:
    checksums = inputs if isinstance(inputs, Mapping) else dict.fromkeys(inputs, "0" * 64)
    manifest = {"stage": stage, "config": config, "code": digest(stage), "outputs": outputs}
    manifest["inputs"] = {str(path): checksum for path, checksum in checksums.items()}
    manifest |= {"versions": {"jax": "0.1.2"}, "flags": {"xla_cpu_enable_fast_math": "true"}}
    write_json(place / "manifest.json", manifest)
