"""Cards: what is known of a trained environment. JSON, read without JAX."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthgym.core.checking import check, check_known, short
from synthgym.core.definitions import definition, groups
from synthgym.core.settings import Action, Reference, Section, fields, section, setting
from synthgym.zoo.bounded import read_json

STEPS = 2**53  # more than anybody counts


class Worth(Section):
    """Returns of agents on the real task."""

    n: int = setting("agents", low=1)
    iqm: float = setting("interquartile mean", "return per episode")
    low: float = setting("its interval begins here", "return per episode")
    high: float = setting("and ends here", "return per episode")
    level: float = setting("of that interval", above=0, below=1)
    mean: float = setting("over agents", "return per episode")
    median: float = setting("over agents", "return per episode")
    steps: int = setting("of the training of each", low=0, high=STEPS)
    settings: int = setting("different ones among them", low=1)
    ranges: dict[str, list[float]] = setting("hyperparameter -> least and most of these")
    static: dict[str, Any] = setting("settings that all of them have")
    episodes: float = setting("of the training of each", low=0)
    test_episodes: int = setting("of the test of each", low=1)
    unseen: bool = setting("whether they took no part in the making")
    returns: list[float] = setting("of each agent, from the worst", "return per episode")


class Cost(Section):
    """What the making took."""

    generations: int = setting("of the search", low=0, high=STEPS)
    real_steps: int = setting("in the task", low=0, high=STEPS)
    synthetic_steps: int = setting("in synthetic environments", low=0, high=STEPS)
    updates: int = setting("of agents", "gradient steps", low=0, high=STEPS)
    seconds: float = setting("on the machine that did it", low=0)


class About(Section):
    """The real task that an environment was made for."""

    name: str = setting("as in conf/task/<name>.yaml")
    id: str = setting("as its library calls it")
    action: Action = section(Action)
    horizon: int = setting("when an episode is truncated", "steps", low=1)
    options: dict[str, Any] = setting("of its module")
    observation_names: tuple[str, ...] = setting("what each number of an observation is")
    solved: float | None = setting("counts as solved from here on", "return per episode")
    reference: Reference = section(Reference)


class Card(Section):
    """What every card says."""

    name: str = setting("of the environment")
    variant: str = setting("how it was made")
    version: str = setting("of the zoo")
    licence: str = setting("of the file")
    bytes: int = setting("of the file", low=0)
    sha256: str = setting("of the file")
    command: str = setting("that makes it")
    made: str = setting("evolved, distilled, ..")
    config: dict[str, Any] = setting("sections `synth` and `task`")
    task: About = section(About)
    limits: tuple[str, ...] = setting("sentences")


class Judged(Section):
    """What it says besides, if the environment was made and judged here."""

    scale: str = setting("of the plan")
    seed: int = setting("of the making", low=0)
    code: str = setting("fingerprint of what made it")
    seen: tuple[str, ...] = setting("algorithms that took part in the making")
    cost: Cost = section(Cost)
    transfer: dict[str, Worth] = setting("agent -> trained in it")
    all_seeds: dict[str, Worth] = setting("agent -> trained in those of all seeds")
    real: dict[str, Worth] = setting("agent -> trained in the real task")
    versions: dict[str, str] = setting("package -> version")


SHOWN = ("n", "iqm", "low", "high", "level", "steps")  # of every estimate


def name_of(task: Mapping[str, Any]) -> str:
    """The name of a task's environments: by its ID, or its own name where the ID says another.

    A task of one's own may be a task of a library with other settings: `short_pendulum` of the ID
    Pendulum-v1 has `Synthetic-short_pendulum`.
    """
    name, task_id = task["name"].replace("_", ""), re.sub(r"\W", "", task["id"]).lower()
    own = not re.fullmatch(rf"{re.escape(name)}(v?\d+)?", task_id)
    return f"Synthetic-{task['name'] if own else task['id']}"


def about_task(section: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The real task that an environment was made for, in words that need no plan."""
    check_known(section["name"], groups("task"), "task", where, "conf/task")
    known = definition("task", section["name"])
    return {
        **{key: section[key] for key in ("name", "id", "action", "horizon", "options")},
        **{key: known[key] for key in ("observation_names", "solved", "reference")},
    }


def read_card(path: Path) -> dict[str, Any]:
    """A card; raises ValueError where the file is none, or says what no card can."""
    card = read_json(path)
    words = ("name", "variant", "version", "sha256")
    if not isinstance(card, dict) or not all(isinstance(card.get(word), str) for word in words):
        raise ValueError(f"{path} is not the card of an environment.")
    if not isinstance(card.get("config"), dict):
        raise ValueError(f"{path}: config must be a mapping, not {short(card.get('config'))}.")
    _check_printable(card, path)
    for kind in (Card, Judged) if fields(Judged).keys() & card.keys() else (Card,):
        known = {name: value for name, value in card.items() if name in fields(kind)}
        check(known, kind, str(path), complete=list(fields(kind)))
    check(card["task"], About, f"{path}.task", complete=list(fields(About)))
    if "cost" in card:
        check(card["cost"], Cost, f"{path}.cost", complete=list(fields(Cost)))
        for part in ("transfer", "all_seeds", "real"):
            needed = (*SHOWN, "unseen") if part == "transfer" else SHOWN
            for agent, worth in card[part].items():
                check(worth, Worth, f"{path}.{part}.{agent}", complete=needed)
    return card


def _check_printable(value: object, path: Path) -> None:
    """Refuse words that would move the cursor of a terminal."""
    if isinstance(value, Mapping):
        for one in (*value, *value.values()):
            _check_printable(one, path)
    elif isinstance(value, list):
        for one in value:
            _check_printable(one, path)
    elif isinstance(value, str) and not value.isprintable():
        raise ValueError(f"{path}: has characters that cannot be shown: {short(value)}.")
