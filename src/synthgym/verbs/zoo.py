"""`synthgym zoo`: what there is, what is known of it, and whether a file is what it should be."""

import argparse
import importlib
import importlib.metadata
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tabulate import tabulate

from synthgym import zoo
from synthgym.core.checking import check_known
from synthgym.core.display import say
from synthgym.core.settings import printable

Card = dict[str, Any]


def list_(arguments: argparse.Namespace) -> None:
    """A row per environment, the default one of each name first."""
    rows = []
    for name in zoo.names():
        for number, variant in enumerate(zoo.variants(name)):
            card = zoo.card(name, variant)
            reached = ", ".join(f"{a} {_short(card, a)}" for a in sorted(card["transfer"]))
            solved = card["task"]["solved"]
            rows.append(["" if number else name, variant, card["made"], reached, solved])
    columns = ["name", "variant", "made", "return in the real task after training", "solved"]
    say(tabulate(rows, columns, tablefmt="plain", missingval="-"))
    say("\n† unseen: the agent took no part in its making. `synthgym zoo show NAME` says more.")


def show_(arguments: argparse.Namespace) -> None:
    """The card of one environment, for people or as JSON."""
    card = zoo.card(arguments.name, arguments.variant, arguments.version)
    if "transfer" not in card and not arguments.json:
        raise ValueError(f"{arguments.name} was not judged; --json shows what its card says.")
    say(json.dumps(card, indent=1, sort_keys=True) if arguments.json else readable(card))


def verify_(arguments: argparse.Namespace) -> int:
    """A sentence for each file; status 1 if one is not what its card says."""
    from synthgym.zoo import guard

    bad = 0
    for path in arguments.files:
        try:
            guard.environment(path)
            say(f"{path}: in order")
        except ValueError as error:
            bad += 1
            say(printable(f"{path}: REFUSED. {error}"))
    if len(arguments.files) > 1:
        say(f"{len(arguments.files) - bad} in order, {bad} refused")
    return 1 if bad else 0


def pull_(arguments: argparse.Namespace) -> None:
    """Fetch environments of a version, and verify them."""
    # By its name, as everything that needs an extra.
    pull = importlib.import_module("synthgym.zoo.pull").pull
    for path in pull(arguments.repo, arguments.rev, arguments.name):
        say(f"fetched {path}")
    say(f"load them by `zoo.load(name, version={arguments.rev!r})`")


def collect_(arguments: argparse.Namespace) -> None:
    """Make the zoo of a scale from its results."""
    from synthgym.plan.plan import Plan
    from synthgym.verbs.collect import collect

    plan = Plan.load()
    scale = arguments.scale or plan.scale
    check_known(scale, plan.scales, "scale", "--scale", "params.yaml")
    plan.check(scale)
    version = importlib.metadata.version("synthgym")
    cards = collect(plan, scale, Path("results", scale), arguments.out, version)
    kilobytes = sum(card["bytes"] for card in cards) / 1000
    say(f"{arguments.out}: {len(cards)} environments of scale {scale}, {kilobytes:.0f} kB")


def readable(card: Card) -> str:
    """A card for people."""
    parts = [
        f"{card['name']}, variant {card['variant']}, version {card['version']}\n",
        tabulate(list(_facts(card)), tablefmt="plain"),
        f"\nReturn per episode on the real task: IQM [{_level(card)} interval] of n agents, each "
        "with settings of its own; † unseen.\n",
        tabulate(
            [_row(card, agent) for agent in sorted(card["transfer"])],
            ["agent", "trained in it", "in those of all seeds", "in the real task", "steps"],
            tablefmt="plain",
        ),
        "\nSettings of those trained in it:\n",
        tabulate(_settings(card), tablefmt="plain", maxcolwidths=[None, 100]),
        "\nLimits:",
        *(f"- {sentence}" for sentence in card["limits"]),
        f"\nSettings of the environment:\n{json.dumps(card['config'], sort_keys=True)}",
    ]
    return "\n".join(parts)


def _facts(card: Card) -> Iterator[tuple[str, str]]:
    task, cost = card["task"], card["cost"]
    solved = "" if task["solved"] is None else f", solved from {task['solved']}"
    yield "made for", f"{task['id']} ({task['name']}){solved}"
    yield "made", f"{card['made']}; meta-trained with {', '.join(card['seen']) or 'no agent'}"
    steps = [f"{cost[f'{kind}_steps']:,} {kind} steps" for kind in ("real", "synthetic")]
    yield "cost", f"{', '.join(steps)}, {cost['updates']:,} updates, {cost['seconds']:.0f} s"
    yield "from", f"scale {card['scale']}, seed {card['seed']}, code {card['code']}"
    yield "by", card["command"]
    yield "file", f"{card['bytes']:,} bytes, SHA-256 {card['sha256']}"
    yield "licence", card["licence"]
    yield "versions", ", ".join(f"{k} {v}" for k, v in sorted(card["versions"].items()))


def _row(card: Card, agent: str) -> list[str]:
    transfer = card["transfer"][agent]
    mark = " †" if transfer["unseen"] else ""
    numbers = (transfer, card["all_seeds"].get(agent), card["real"].get(agent))
    return [f"{agent}{mark}", *map(_interval, numbers), f"{transfer['steps']:,}"]


def _settings(card: Card) -> list[list[str]]:
    """A row for each agent: hyperparameters from and to, and the settings that all have."""
    rows = []
    for agent, worth in sorted(card["transfer"].items()):
        spans = [
            f"{name} {' to '.join(f'{x:g}' for x in sorted(set(ends)))}"
            for name, ends in sorted(worth.get("ranges", {}).items())
        ]
        fixed = [f"{name} {value}" for name, value in sorted(worth.get("static", {}).items())]
        rows.append([agent, ", ".join([*spans, *fixed])])
    return rows


def _interval(numbers: Mapping[str, Any] | None) -> str:
    if not numbers:
        return "-"
    low, high = numbers["low"], numbers["high"]
    return f"{numbers['iqm']:.1f} [{low:.1f}, {high:.1f}], n = {numbers['n']}"


def _short(card: Card, agent: str) -> str:
    numbers = card["transfer"][agent]
    return f"{numbers['iqm']:.1f}{' †' if numbers['unseen'] else ''}"


def _level(card: Card) -> str:
    return next((f"{100 * n['level']:.0f} %" for n in card["transfer"].values()), "95 %")
