"""Is a file the environment that its card describes?

From the outside in: sizes, header, names, shapes, values, checksum. Each step reads no more than
the one before allows, so memory is bounded; nothing in a file is executed, and the modules that it
names are not imported. Nor is JAX, but where an `Env` is asked for.
"""

import dataclasses
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from synthgym.core.arrays import nested
from synthgym.core.arrays import read as arrays_and_about
from synthgym.core.checking import check, short
from synthgym.core.io import sha256, write_json
from synthgym.core.settings import Synth, Task
from synthgym.core.spec import num_names
from synthgym.synth.heads import heads
from synthgym.synth.in_numpy import NumpyEnv, make
from synthgym.zoo.bounded import LARGEST, LARGEST_TEXT, content, parsed
from synthgym.zoo.cards import about_task, name_of, read_card
from synthgym.zoo.folders import CARD

if TYPE_CHECKING:
    from synthgym.synth.env import SyntheticEnv

SECTIONS: Mapping[str, tuple[type, tuple[str, ...]]] = {  # of a card's config, and what each needs
    "synth": (Synth, ("name", "horizon", "initial_states", "hidden", "activation")),
    "task": (Task, ("name", "id", "observation_size", "num_states", "action", "horizon")),
}
ACTION = ("kind", "size", "low", "high")
LONGEST = 2**31 - 1  # steps, which are counted in 32 bits


def environment(path: Path) -> "SyntheticEnv":
    """The environment in a file; errors as those of `in_numpy`."""
    import jax

    from synthgym.synth.env import SyntheticEnv
    from synthgym.synth.exact import ExactBandit

    known = dict(vars(in_numpy(path)))
    kind = ExactBandit if known.pop("exact") else SyntheticEnv
    return kind(**known | {"theta": jax.tree.map(jax.numpy.asarray, known["theta"])})


def in_numpy(path: Path) -> NumpyEnv:
    """The environment in a file, without JAX.

    Raises ValueError, in a sentence, where the file is not what its card describes.
    """
    card = card_of(path)
    env = described(card["config"], str(path))
    _check_agreement(card, str(path))
    arrays = read_arrays(path)
    fit(arrays, shapes(env), str(path))
    if (size := path.stat().st_size) != card.get("bytes", size):
        raise ValueError(f"{path} has {size:,} bytes, not the {card['bytes']:,} of its card.")
    if (found := sha256(path)) != card["sha256"]:
        raise ValueError(f"{path} has the SHA-256 {found[:16]}..., not that of its card.")
    return dataclasses.replace(env, theta=nested(arrays))


def card_of(path: Path) -> dict[str, Any]:
    """The card beside a file; of one that was made here, what it says of itself.

    Raises ValueError where the file does not say that it is an environment, or of which task.
    """
    if (path.parent / CARD).exists():
        return read_card(path.parent / CARD)
    config = read(path)[1].get("config")
    if not isinstance(config, dict) or not {"synth", "task"} <= config.keys():
        raise ValueError(f"{path} is no environment, by what it says of itself.")
    described(config, str(path))
    return {
        "name": name_of(config["task"]),
        "variant": str(path),
        "version": "made here",
        "sha256": sha256(path),
        "config": config,
        "task": about_task(config["task"], str(path)),
    }


def described(config: Mapping[str, Any], where: str) -> NumpyEnv:
    """The environment, without parameters, of config sections from anywhere.

    Raises ValueError where a section is not what it must be.
    """
    try:
        for name, (kind, needed) in SECTIONS.items():
            section = config.get(name)
            if isinstance(section, dict):  # its module is compared, never imported
                check(section.get("module", ""), str, f"{where}: config.{name}.module")
                section = {key: value for key, value in section.items() if key != "module"}
            check(section, kind, f"{where}: config.{name}", complete=needed)
        action, horizon = config["task"]["action"], config["synth"]["horizon"]
        if lacking := [name for name in ACTION if name not in action]:
            raise ValueError(f"{where}: config.task.action lacks {', '.join(lacking)}.")
        if horizon > LONGEST:
            raise ValueError(f"{where}: config.synth.horizon must be at most {LONGEST:,} steps.")
        return make(Synth.read(config["synth"]), Task.read(config["task"]))
    except RecursionError:
        raise ValueError(f"{where} is nested too deeply to be read.") from None


def _check_agreement(card: Mapping[str, Any], where: str) -> None:
    """Refuse a card that says two things of its task."""
    task, known = card["config"]["task"], card["task"]
    for name in ("name", "id", "action", "horizon"):
        if task[name] != known[name]:
            raise ValueError(f"{where}: its card has two of task.{name}, which differ.")
    if len(known["observation_names"]) != num_names({"options": {}, **task}):
        raise ValueError(f"{where}: its card has other observation_names than observation_size.")


def shapes(env: NumpyEnv) -> dict[str, tuple[int, ...]]:
    """Shapes of an environment's arrays: "reward/Dense_0/kernel" -> (inputs, units), ..."""
    expected: dict[str, tuple[int, ...]] = {}
    if env.exact:
        sizes = (env.spec.observation_size, env.spec.num_actions or env.spec.action_size)
        tables = zip(("initial_state", "reward"), sizes, strict=True)
        return {f"{name}/table": (env.initial_states, size) for name, size in tables}
    for head, (inputs, outputs) in heads(env.spec).items():
        if head == "initial_state" and env.initial_states:
            expected[f"{head}/table"] = (env.initial_states, outputs)
            continue
        widths = [inputs, *env.hidden, outputs]
        for i, shape in enumerate(itertools.pairwise(widths)):
            expected[f"{head}/Dense_{i}/kernel"] = shape
            expected[f"{head}/Dense_{i}/bias"] = shape[1:]
    return expected


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file, by name; errors as those of `read`."""
    return read(path)[0]


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays of a file, and what it says of itself; its header is checked before the rest.

    Raises ValueError where the file is damaged or of another kind.
    """
    begin = content(path, LARGEST, begin=8)
    header, size = int.from_bytes(begin, "little"), path.stat().st_size
    if len(begin) < 8 or header > min(size - 8, LARGEST_TEXT):
        raise ValueError(f"{path} is no safetensors file, or is cut off: {size:,} bytes.")
    said = parsed(content(path, LARGEST, begin=8 + header)[8:], f"the header of {path}")
    said = said.get("__metadata__") if isinstance(said, dict) else None
    said = said.get("json") if isinstance(said, dict) else None
    about = parsed(said.encode(), f"what {path} says of itself") if isinstance(said, str) else None
    if not isinstance(about, dict):
        raise ValueError(f"{path} is not a file that SynthGym wrote: it says nothing of itself.")
    try:
        return arrays_and_about(path)
    except RecursionError:
        raise ValueError(f"{path}: what it says of itself is nested too deeply.") from None
    except ValueError as error:
        raise ValueError(f"{' '.join(str(error).split()).rstrip('.')}.") from None


def fit(
    arrays: Mapping[str, np.ndarray], expected: Mapping[str, tuple[int, ...]], where: str
) -> None:
    """Refuse other arrays than expected, of another shape or type, or with values not finite."""
    if missing := sorted(arrays.keys() ^ expected.keys()):
        raise ValueError(f"{where}: other arrays than expected: {short(missing[:3])}.")
    for name, shape in expected.items():
        array = arrays[name]
        if (array.shape, array.dtype) != (shape, np.dtype(np.float32)):
            found = f"{array.shape} {array.dtype}"
            raise ValueError(f"{where}: {name} is {found}, not {shape} float32.")
        if not np.isfinite(array).all():
            raise ValueError(f"{where}: {name} has values that are not finite.")


def write(
    path: Path, theta: Mapping[str, Any], about: dict[str, Any], card: dict[str, Any]
) -> None:
    """Write an environment, and beside it its card, with size and SHA-256."""
    from synthgym.core import checkpoint

    checkpoint.save(path, theta, about)
    card = {**card, "bytes": path.stat().st_size, "sha256": sha256(path)}
    write_json(path.parent / CARD, card)
