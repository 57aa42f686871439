"""The published pickles of synthetic-gymnax (Liesen et al. 2024), which no current JAX can load.

Read without Python's unpickler: a pickle is a program for a machine with a stack, and this machine
knows the instructions for numbers, texts, bytes, tuples, dictionaries and arrays. There is none
that calls or imports anything, so nothing in a file is executed. What an instruction names is a
word here, and the few words that make an array or a dictionary are known.
"""

import math
import pickletools
import warnings
from collections.abc import Callable, ItemsView, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from synthgym.core.checking import short
from synthgym.zoo.bounded import content

LARGEST = 16 * 2**20  # bytes of a pickle; the largest that was published has 98 thousand
MOST_ARRAYS = 1000  # a small pickle may name the same one again and again
MOST_INSTRUCTIONS = 50_000  # published ones have some hundred
MOST_ITEMS = 100  # of a tuple, those of tuples within counted
LONGEST = 100  # characters of a name
HEADS: Mapping[str, str] = MappingProxyType(  # synthetic-gymnax's name of a network -> ours
    {
        "initial_state": "initial_state",
        "reward": "reward",
        "next_state_delta": "transition",
        "done": "done",
    }
)


class Named(NamedTuple):
    """The name of what a pickle would import; only the name is ever used."""

    module: str
    name: str


class Numbers:
    """The type of an array's numbers, such as "f4", to which the order of bytes is added."""

    def __init__(self, code: str):
        self.code = code


class Box:
    """An array, before and after its content is set: as a pickle has it, in that order."""

    array: np.ndarray | None = None


class Items(tuple[Any, ...]):
    """A tuple that knows how many values are in it, and in the tuples within it."""

    held: int

    @classmethod
    def of(cls, values: Sequence[Any]) -> "Items":
        """The tuple of these; a small pickle may put the same one into itself again and again."""
        items = cls(values)
        items.held = sum(value.held if isinstance(value, Items) else 1 for value in values)
        if items.held + 1 > MOST_ITEMS:
            raise ValueError(f"it has a tuple of more than {MOST_ITEMS} items")
        items.held += 1
        return items


class Mark:
    """Where the items of a tuple or dictionary begin on the stack."""


def read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a published checkpoint, by our names: "reward/Dense_0/kernel".

    Raises ValueError, in a sentence, where the file is no such checkpoint.
    """
    blob = content(path, LARGEST)
    try:
        with warnings.catch_warnings(action="ignore"):  # of odd escapes in texts that are refused
            tree = _Machine().run(blob)
    except (ValueError, LookupError, TypeError, ArithmeticError, StopIteration) as error:
        raise ValueError(f"{path} is no checkpoint of synthetic-gymnax: {error}.") from None
    params = tree.get("params") if isinstance(tree, dict) else None
    if not isinstance(params, dict) or not params.keys() <= HEADS.keys():
        raise ValueError(f"{path} is no checkpoint of synthetic-gymnax: no networks in it.")
    arrays: dict[str, np.ndarray] = {}
    size = 0
    for head, layers in params.items():
        for layer, values in _items(layers, f"{path}: {head}"):
            for name, value in _items(values, f"{path}: {head}/{layer}"):
                if not isinstance(value, Box) or value.array is None:
                    raise ValueError(f"{path}: {head}/{layer}/{name} is no array.")
                arrays[f"{HEADS[head]}/{layer}/{name}"] = value.array
                size += value.array.nbytes
                if len(arrays) > MOST_ARRAYS:
                    raise ValueError(f"{path} has more than {MOST_ARRAYS} arrays.")
                if size > LARGEST:
                    raise ValueError(f"{path} has arrays of more than {LARGEST:,} bytes.")
    return arrays


def hidden(arrays: Mapping[str, np.ndarray], path: Path) -> list[int]:
    """Widths of the hidden layers, which all networks share. Raises ValueError."""
    layers = [name for name in arrays if name.startswith("reward/") and name.endswith("/kernel")]
    kernels = [arrays.get(f"reward/Dense_{i}/kernel") for i in range(len(layers))]
    if not kernels or any(kernel is None or kernel.ndim != 2 for kernel in kernels):
        raise ValueError(f"{path}: the reward network is not made of dense layers.")
    return [int(kernel.shape[1]) for kernel in kernels[:-1] if kernel is not None]


class _Machine:
    """Runs the instructions that it knows, and refuses the first other one."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, blob: bytes) -> object:
        for number, (opcode, argument, _) in enumerate(pickletools.genops(blob)):
            if number > MOST_INSTRUCTIONS:
                raise ValueError(f"it has more than {MOST_INSTRUCTIONS:,} instructions")
            if opcode.name == "STOP":
                (result,) = self.stack
                return result
            if opcode.name in CONSTANTS:
                self.stack.append(CONSTANTS[opcode.name])
            elif opcode.name in LITERALS:
                self.stack.append(argument)
            elif opcode.name in INSTRUCTIONS:
                INSTRUCTIONS[opcode.name](self, argument)
            elif opcode.name not in IGNORED:
                raise ValueError(f"its instruction {opcode.name} is not for plain arrays")
        raise ValueError("it has no end")

    def name(self, argument: str) -> None:
        module, name = argument.split(" ")
        self.stack.append(Named(module, name))

    def named(self, _: object) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(Named(str(module), str(name)))

    def remember(self, _: object) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def remember_as(self, number: int) -> None:
        self.memo[number] = self.stack[-1]

    def recall(self, number: int) -> None:
        self.stack.append(self.memo[number])

    def dictionary(self, _: object) -> None:
        self.stack.append({})

    def mark(self, _: object) -> None:
        self.stack.append(Mark)

    def since_mark(self) -> list[Any]:
        place = next(i for i in reversed(range(len(self.stack))) if self.stack[i] is Mark)
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items

    def tuple_since_mark(self, _: object) -> None:
        self.stack.append(Items.of(self.since_mark()))

    def set_item(self, _: object) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        _settable(self.stack[-1])[_text(key)] = value

    def set_items(self, _: object) -> None:
        items = self.since_mark()
        for key, value in zip(items[::2], items[1::2], strict=True):
            _settable(self.stack[-1])[_text(key)] = value

    def make(self, _: object) -> None:
        arguments, what = self.stack.pop(), self.stack.pop()
        if not isinstance(what, Named) or what not in MAKERS:
            name = short(tuple(what)) if isinstance(what, Named) else f"a {type(what).__name__}"
            raise ValueError(f"it wants {name}, which makes no array or dictionary")
        self.stack.append(MAKERS[what](*arguments))

    def fill(self, _: object) -> None:
        state = self.stack.pop()
        _fill(self.stack[-1], state)


def _tuple_of(count: int) -> Callable[[_Machine, object], None]:
    def instruction(machine: _Machine, _: object) -> None:
        if len(machine.stack) < count:
            raise ValueError("a tuple has too few items")
        items = machine.stack[-count:]
        del machine.stack[-count:]
        machine.stack.append(Items.of(items))

    return instruction


def _fill(what: object, state: Sequence[Any]) -> None:
    """Set a type's order of bytes, or an array: (version, shape, type, Fortran's order, bytes)."""
    if isinstance(what, Numbers):
        if state[1] not in ("<", ">", "=", "|"):
            raise ValueError("it has another order of bytes than there is")
        what.code = f"{state[1]}{what.code[-2:]}"
        return
    if not isinstance(what, Box):
        raise ValueError("it fills what is no array")
    _, shape, numbers, fortran, blob = state
    if not isinstance(numbers, Numbers) or numbers.code != "<f4":
        raise ValueError("it has numbers that are not floating point ones of 32 bits")
    if not isinstance(shape, tuple) or not isinstance(blob, bytes):
        raise ValueError("it has an array without shape or numbers")
    if not all(isinstance(n, int) and n >= 0 for n in shape) or 4 * math.prod(shape) != len(blob):
        raise ValueError("it has an array of another size than it says")
    what.array = np.frombuffer(blob, "<f4").reshape(shape, order="F" if fortran else "C")


def _box(*_: object) -> Box:
    return Box()


def _numbers(code: object, *_: object) -> Numbers:
    return Numbers(_text(code))


def _jax_array(_make: object, _arguments: object, state: Sequence[Any], *_: object) -> Box:
    box = Box()
    _fill(box, state)
    return box


def _frozen(value: object = None) -> dict[str, Any]:
    return _settable({} if value is None else value)


def _settable(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("it sets items of what is no dictionary")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST or not value.isprintable():
        raise ValueError(f"it has a name that is no text of {LONGEST} characters at most")
    return value


def _items(value: object, where: str) -> ItemsView[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is no dictionary.")
    return value.items()


IGNORED = ("PROTO", "FRAME")
CONSTANTS: Mapping[str, object] = MappingProxyType(
    {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
)
LITERALS = (
    *("BININT", "BININT1", "BININT2", "LONG1"),
    *("SHORT_BINUNICODE", "BINUNICODE", "SHORT_BINBYTES", "BINBYTES"),
)
INSTRUCTIONS: Mapping[str, Callable[[_Machine, Any], None]] = MappingProxyType(
    {
        "GLOBAL": _Machine.name,
        "STACK_GLOBAL": _Machine.named,
        "MEMOIZE": _Machine.remember,
        "BINPUT": _Machine.remember_as,
        "LONG_BINPUT": _Machine.remember_as,
        "BINGET": _Machine.recall,
        "LONG_BINGET": _Machine.recall,
        "EMPTY_DICT": _Machine.dictionary,
        "MARK": _Machine.mark,
        "TUPLE": _Machine.tuple_since_mark,
        "TUPLE1": _tuple_of(1),
        "TUPLE2": _tuple_of(2),
        "TUPLE3": _tuple_of(3),
        "SETITEM": _Machine.set_item,
        "SETITEMS": _Machine.set_items,
        "REDUCE": _Machine.make,
        "BUILD": _Machine.fill,
    }
)
MAKERS: Mapping[Any, Callable[..., Any]] = MappingProxyType(
    {
        Named("flax.core.frozen_dict", "FrozenDict"): _frozen,
        Named("jax._src.array", "_reconstruct_array"): _jax_array,
        Named("numpy", "dtype"): _numbers,
        Named("numpy.core.multiarray", "_reconstruct"): _box,
        Named("numpy._core.multiarray", "_reconstruct"): _box,
    }
)
