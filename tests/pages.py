"""Results made up for a test, at their places in the working directory, and the page of them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from synthgym.analysis import experts, page, summary
from synthgym.analysis.page.content import REPORTS
from synthgym.core.io import write_json
from synthgym.jobs.provenance import digest

ROOT = Path(__file__).parents[1]
SCALE = "quick"
RESULTS = Path("results", SCALE)
FIGURES = ("meta_training", "returns", "effort", "behaviour", "reward_surface")
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
        for kind, written in world.write(RESULTS).items():
            paths.setdefault(kind, []).extend(written)
    summary.run({"scale": SCALE, "tasks": tasks}, paths, RESULTS, RESULTS)
    _manifest(RESULTS, "summary", {"scale": SCALE, "tasks": tasks})
    figures = [
        _figure(RESULTS / "figures" / task / f"{name}.png") for task in tasks for name in FIGURES
    ]
    for task, section in tasks.items():
        _manifest(RESULTS / "figures" / task, "figures", {"scale": SCALE, "task": section})
    for path in {path for kind in paths for path in paths[kind]}:
        _of_tables(path.parent, tasks)
    inputs = {
        "summary": [RESULTS / "summary.json"],
        "figures": figures,
        "rollouts": paths["rollout"],
        "experts": _experts(tasks),
        **{name: [] for name in REPORTS if name != "experts"},
        "manifests": sorted(RESULTS.rglob("manifest.json")),
        "captions": sorted((ROOT / "workflow/report").glob("*.rst")),
        "design": [
            ROOT / f"src/synthgym/analysis/page/page.{kind}" for kind in ("html", "css", "js")
        ],
    }
    config = {"scale": SCALE, "tasks": tasks, "expert_tasks": tasks, "choice_tasks": {}}
    return config, inputs


def html(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path = Path("page")
) -> str:
    """The text of the page, which is in `out`."""
    out.mkdir(exist_ok=True)
    assert page.run(config, inputs, out, out) == ["report.html"]
    return (out / "report.html").read_text("utf-8")


def _figure(path: Path) -> Path:
    """A picture like no other: its colour is from its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (60, 40), f"#{digest(str(path))[:6]}").save(path)
    return path


def _of_tables(place: Path, tasks: Mapping[str, Any]) -> None:
    """The manifest of a job on a task, by its place."""
    parts = place.relative_to(RESULTS / "tasks").parts
    task, environment, stage = parts[0], parts[1], "baseline" if parts[1] == "real" else parts[3]
    name = (
        "ppo" if parts[-1] == stage else parts[-1]
    )  # whose environment it is, or whom it is about
    agents = {name: {"name": name}}
    config: dict[str, Any] = {"task": tasks[task], "agents": agents, stage: {"draws": 20}}
    seed = -1 if environment == "real" else int(parts[2].removeprefix("seed"))
    made = {"environment.safetensors": CHECKSUM[task]} if stage == "metatrain" else {}
    used = {f"{environment}/environment.safetensors": CHECKSUM[task]} if stage == "transfer" else {}
    _manifest(place, stage, config | ({"seed": seed} if seed >= 0 else {}), made, used)


def _experts(tasks: Mapping[str, Any]) -> list[Path]:
    place = RESULTS / "expert_report"
    cell: dict[str, Any] = {
        "iqm": 1.0,
        "low": 0.5,
        "high": 1.5,
        "mean": 1.0,
        "median": 1.0,
        "n": 3,
        "steps": 1000,
    }
    cell |= {"episodes": 9.0, "test_episodes": 5, "published": None}
    numbers = {task: {"ppo": cell, "es": {**cell, "iqm": 0.7}} for task in tasks}
    about = {"scale": SCALE, "level": 0.95, "resamples": 100}
    table = experts.markdown({"about": about, "experts": numbers}, tasks)
    _manifest(place, "experts", {"scale": SCALE, "expert_tasks": dict(tasks)})
    for task, agents in numbers.items():
        for agent in agents:
            config = {"seed": 0, "task": tasks[task], "agents": {agent: {"name": agent}}}
            _manifest(RESULTS / "experts" / task / agent, "expert", config)
    curves = _figure(place / "learning_curves.png")
    (place / "table.md").write_text(table, "utf-8")
    return [place / "table.md", curves]


def _manifest(
    place: Path,
    stage: str,
    config: Mapping[str, Any],
    outputs: Mapping[str, str] = {},
    inputs: Mapping[str, str] = {},
) -> None:
    manifest = {"stage": stage, "config": config, "code": digest(stage), "inputs": inputs}
    versions = {"jax": "0.1.2"}
    write_json(place / "manifest.json", {**manifest, "outputs": outputs, "versions": versions})
