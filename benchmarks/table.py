"""What benchmarks/README.md shows: the measurements of each machine, between two marks."""

from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

from tabulate import tabulate

NAMES = {"rejax": "rejax", "rejax_spread": "rejax, all devices"}


def block(measurements: Iterable[Mapping[str, Any]]) -> str:
    """All machines, one after the other."""
    return "\n\n".join(_machine(measured) for measured in measurements)


def _machine(measured: Mapping[str, Any]) -> str:
    machine = measured["machine"]
    parts = [f"### {machine['cpu']}, {machine['cores']} core{'s' * (machine['cores'] > 1)}"]
    if machine["device"] != "cpu":
        parts = [f"### {machine['device']}"]
    if agents := measured.get("agents", {}):
        rows = [_generation(name, result) for name, result in agents.items()]
        parts.append(tabulate(rows, "keys", tablefmt="github", disable_numparse=True))
        rows = [_limits(name, result) for name, result in agents.items()]
        parts.append(tabulate(rows, "keys", tablefmt="github", disable_numparse=True))
        parts.append(_measured_with(agents))
    if tasks := measured.get("tasks", {}):
        rows = [
            {"task": name, "steps per second": _thousands(task["steps_per_second"])}
            for name, task in tasks.items()
        ]
        parts.append(tabulate(rows, "keys", tablefmt="github", disable_numparse=True))
        parts.append(_measured_with(tasks))
    if clients := measured.get("clients", {}):
        rows = [_client(place, result["runs"]) for place, result in clients.items()]
        parts.append(tabulate(rows, "keys", tablefmt="github", disable_numparse=True))
        parts.append(_measured_with(clients))
    if cold := measured.get("cold", {}):
        rows = [_cold(way, result["runs"]) for way, result in cold.items()]
        parts.append(tabulate(rows, "keys", tablefmt="github", disable_numparse=True))
        parts.append(_measured_with(cold))
    return "\n\n".join(parts)


def _client(place: str, runs: list[Mapping[str, float]]) -> dict[str, str]:
    """One row: steps per second, the median over runs."""
    speeds = {size: _thousands(median(run[size] for run in runs)) for size in runs[0]}
    alone = speeds.pop("alone")
    vectors = {f"vector of {size}": speed for size, speed in speeds.items()}
    first = {"environment": place, "runs": str(len(runs)), "steps per second, alone": alone}
    return first | vectors


def _cold(way: str, runs: list[Mapping[str, Any]]) -> dict[str, str]:
    """One row: seconds until there is a bandit, and the least return of each algorithm in it."""
    row = {"bandit of CartPole": way, "seeds": str(len(runs))}
    row["seconds from nothing"] = _spread([run["seconds"] for run in runs])
    for agent in runs[0]["returns"]:
        row[f"{agent}: least return"] = f"{min(run['returns'][agent] for run in runs):.1f}"
    return row


def _generation(name: str, result: Mapping[str, Any]) -> dict[str, str]:
    """One row: seconds per generation, and how many times longer rejax takes."""
    ours, case = result["sides"]["ours"], result["case"]
    row = {
        "agent": name,
        "task": result["task"],
        "population": str(case["population"]),
        "runs": str(len(ours)),
        "ours (s)": _spread([run["seconds"] for run in ours]),
    }
    for side, title in NAMES.items():
        there = result["sides"].get(side, [])
        pairs = [b["seconds"] / a["seconds"] for a, b in zip(ours, there, strict=False)]
        row[f"{title} (s)"] = _spread([run["seconds"] for run in there])
        row["ratio" if side == "rejax" else "ratio, all devices"] = _spread(pairs)
    return row


def _limits(name: str, result: Mapping[str, Any]) -> dict[str, str]:
    """One row: was the work the same, and how fast is its arithmetic?"""
    ours, theirs = result["sides"]["ours"], result["sides"].get("rejax", [])
    speed = median([run["flops"] / run["seconds"] / 1e9 for run in ours])
    most = median([run["products"] / 1e9 for run in ours])
    row = {"agent": name}
    for title, key, form in (
        ("updates per agent", "updates", "{:.0f}"),
        ("return", "return", "{:.0f}"),
        ("test steps", "test_steps", "{:.3g}"),
    ):
        said = [
            form.format(median(run[key] for run in runs)) if runs else "-"
            for runs in (ours, theirs)
        ]
        row[f"{title}: ours, rejax"] = ", ".join(said)
    busy = [[run["core_seconds"] / run["seconds"] for run in runs] for runs in (ours, theirs)]
    row["cores busy: ours, rejax"] = ", ".join(f"{median(x):.1f}" if x else "-" for x in busy)
    return row | {
        "products (TFLOP)": f"{ours[0]['flops'] / 1e12:.2f}",
        "ours (GFLOP/s)": f"{speed:.0f}",
        "64 x 64 products (GFLOP/s)": f"{most:.0f}",
        "share": f"{speed / most:.0%}",
    }


def _measured_with(results: Mapping[str, Any]) -> str:
    """Versions, each with what was measured with it where they differ."""
    said: dict[str, list[str]] = {}
    for name, result in results.items():
        words = ", ".join(f"{k} {v}" for k, v in sorted(result["versions"].items()))
        said.setdefault(words, []).append(name)
    if len(said) == 1:
        return f"With {next(iter(said))}."
    return " ".join(f"{', '.join(names)}: with {words}." for words, names in said.items())


def _spread(values: list[float]) -> str:
    """Median, and from the least to the most."""
    if not values:
        return "-"
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _thousands(value: float) -> str:
    return f"{value:,.0f}" if value < 1e6 else f"{value / 1e6:.1f} million"
