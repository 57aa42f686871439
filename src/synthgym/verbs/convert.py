"""`synthgym import`: a trained environment of another library, as a file and card of ours."""

import argparse
from pathlib import Path
from typing import Any

from synthgym.core.arrays import nested
from synthgym.core.checking import check_known
from synthgym.core.definitions import definition, groups
from synthgym.core.display import say
from synthgym.stages import TASK
from synthgym.synth.env import SyntheticEnv
from synthgym.zoo import guard, legacy
from synthgym.zoo.cards import about_task, name_of
from synthgym.zoo.folders import ENVIRONMENT

LIBRARY, VERSION = "synthetic-gymnax", "0.0.1"


def convert_(arguments: argparse.Namespace) -> None:
    """Read a file, write ours, say how to use it."""
    out = arguments.out or Path("outputs", arguments.task, ENVIRONMENT)
    convert(arguments.file, arguments.task, out, arguments.horizon)
    say(f"{out}: written, with its card beside it")
    say(f"load it by `zoo.load(Path({str(out)!r}))`")


def convert(path: Path, task: str, out: Path, horizon: int | None = None) -> SyntheticEnv:
    """Write a published checkpoint of synthetic-gymnax as our format, with its card.

    horizon: steps per episode, of a full MDP; a bandit has one. Raises ValueError, in a sentence,
    where the file is no such checkpoint or is not for the task.
    """
    check_known(task, groups("task"), "task", "--task", "conf/task")
    arrays = legacy.read(path)
    config = {"synth": _synth(arrays, path, horizon), "task": _task(task)}
    env = guard.described(config, str(path))
    guard.fit(arrays, guard.shapes(env), f"{path}, as an environment for {task}")
    theta = nested(arrays)
    about = {"kind": "synthetic environment", "config": config}
    guard.write(out, theta, about, _card(path, task, config))
    return guard.environment(out)


def _synth(arrays: dict[str, Any], path: Path, horizon: int | None) -> dict[str, Any]:
    bandit = not any(name.startswith("transition/") for name in arrays)
    if not bandit and horizon is None:
        raise ValueError(f"{path} is a full MDP: say --horizon, the steps of its episodes.")
    section = definition("synth", "bandit" if bandit else "mdp")
    widths = legacy.hidden(arrays, path)
    return {**section, "horizon": 1 if bandit else horizon, "hidden": widths}


def _task(name: str) -> dict[str, Any]:
    """The settings of a task that an environment depends on."""
    known = definition("task", name)
    return {key: known[key] for key in (setting.removeprefix("task.") for setting in TASK)}


def _card(path: Path, task: str, config: dict[str, Any]) -> dict[str, Any]:
    about = about_task(config["task"], task)
    return {
        "name": name_of(about),
        "variant": LIBRARY,
        "version": VERSION,
        "licence": f"that of {LIBRARY}, whose authors trained it",
        "command": f"synthgym import {LIBRARY} {path.name} --task {task}",
        "made": "evolved",
        "config": config,
        "task": about,
        "limits": ["Not judged here: agents and settings that it was made with are its authors'."],
    }
