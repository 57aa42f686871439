"""A process that measures when it is told to: `python -m benchmarks.worker <side> <what, as JSON>`.

One line in (run or products), one line of JSON out. Each side has its process, because XLA's flags
differ, and waits while the other is measured.
"""

import contextlib
import json
import sys
from collections.abc import Callable
from typing import Any

from synthgym.jobs.run import prepare_devices

Run = Callable[[], dict[str, Any]]
SIDES = ("ours", "rejax", "rejax_spread")


def serve(side: str, about: dict[str, Any]) -> None:
    """Compile, say which device it is, answer until the input ends."""
    if side != "rejax":
        prepare_devices()  # each core is a device
    out = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # what libraries print is no answer
        import jax

        from benchmarks import ours

        does = {"run": _prepared(side, about), "products": _products(ours)}
        _answer(out, {"devices": len(jax.devices()), "device": jax.devices()[0].device_kind})
        for line in sys.stdin:
            _answer(out, does[line.strip()]())


def _prepared(side: str, about: dict[str, Any]) -> Run:
    from benchmarks import ours
    from benchmarks.cases import Case

    if side == "clients":
        from benchmarks import clients

        return lambda: clients.rates(about["place"])
    if side == "tasks":
        return lambda: {"steps_per_second": ours.steps_per_second(about["name"])}
    if side == "ours":
        return ours.generation(Case(**about))
    from benchmarks import rejax_side

    return rejax_side.generation(Case(**about), spread=side == "rejax_spread")


def _products(ours: Any) -> Run:
    return lambda: {"products": ours.products_per_second()}


def _answer(out: Any, value: dict[str, Any]) -> None:
    out.write(json.dumps(value) + "\n")
    out.flush()


if __name__ == "__main__":
    serve(sys.argv[1], json.loads(sys.argv[2]))
