"""The verbs for trained environments: zoo, import, train, compare, doctor. Imports lazily."""

import argparse
import importlib
import os
from pathlib import Path
from typing import Any

from synthgym.core.settings import HIGHEST_SEED

EXAMPLES = {
    "zoo": "synthgym zoo show Synthetic-CartPole-v1",
    "import": "synthgym import synthetic-gymnax checkpoint.pkl --task hopper",
    "train": "synthgym train --env Synthetic-CartPole-v1 --agent ppo",
    "compare": "synthgym compare --env Synthetic-CartPole-v1 --agent ppo",
    "doctor": "synthgym doctor my_agents:train_ppo  # def train_ppo(env, seed, steps, gamma): ...",
}
NEEDS = ("memory", "normalisation")  # of agents, which processes of the battery ask for
ENV = "as in `synthgym zoo list`, or a file environment.safetensors"
VERBS = {
    "zoo": "list, show, fetch and verify trained environments",
    "import": "read a trained environment of another library",
    "train": "train agents in a trained environment, judge them, film one",
    "compare": "train agents there and in the real task, draw both",
    "doctor": "say which part of an agent of one's own looks broken",
}


def add(verbs: Any) -> None:
    """Add the parsers of these verbs to those of the command line."""
    _zoo(_verb(verbs, "zoo"))
    _import(_verb(verbs, "import"))
    _training(_verb(verbs, "train"), agents=10)
    compare = _verb(verbs, "compare")
    _training(compare, agents=10)
    points = "points of a curve (default: 10)"
    compare.add_argument("--evaluations", type=_count, default=10, metavar="N", help=points)
    _doctor(_verb(verbs, "doctor"))


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked for; the exit status. Raises ValueError where it cannot be done."""
    verb = {"import": "convert"}.get(arguments.verb, arguments.verb)
    module = "training" if verb in ("train", "compare") else verb
    if module == "training":
        _prepare()
    does = importlib.import_module(f"synthgym.verbs.{module}")
    status: int | None = getattr(does, f"{getattr(arguments, 'action', verb)}_")(arguments)
    return status or 0


def _prepare() -> None:
    """All cores, and programs compiled once for all working directories."""
    from synthgym.jobs.run import prepare_devices
    from synthgym.zoo.folders import cache

    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache() / "jax"))
    prepare_devices()


def _verb(verbs: Any, name: str) -> argparse.ArgumentParser:
    text = VERBS[name]
    parser: argparse.ArgumentParser = verbs.add_parser(
        name,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"example:\n  {EXAMPLES[name]}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def _zoo(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    actions.add_parser("list", help="what environments there are, and what agents reach in them")
    show = actions.add_parser("show", help="all that is known of one: its card")
    show.add_argument("name", metavar="NAME")
    _which(show)
    show.add_argument("--json", action="store_true", help="the card as it is stored")
    pull = actions.add_parser("pull", help="fetch another version from a repository, through DVC")
    pull.add_argument("name", metavar="NAME", nargs="*", help="default: all that there are")
    pull.add_argument("--repo", required=True, help="address or path of a Git repository")
    pull.add_argument("--rev", required=True, help="tag, branch or commit: the version")
    verify = actions.add_parser("verify", help="say which files are not what their card says")
    verify.add_argument("files", metavar="FILE", nargs="+", type=Path)
    collect = actions.add_parser("collect", help="make the folder zoo/ from the results of a scale")
    collect.add_argument("--scale", help="whose results (default: the one params.yaml names)")
    collect.add_argument("--out", type=Path, default=Path("zoo"), help="default: zoo")


def _import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("library", choices=["synthetic-gymnax"], help="whose file it is")
    parser.add_argument("file", type=Path, metavar="FILE", help="checkpoint.pkl; not executed")
    parser.add_argument("--task", required=True, help="what it was made for: conf/task/<name>.yaml")
    horizon = "steps per episode of a full MDP, which the file does not say"
    parser.add_argument("--horizon", type=_count, metavar="N", help=horizon)
    out = "file to write, in a folder of its own (default: outputs/<task>/environment.safetensors)"
    parser.add_argument("--out", type=Path, metavar="FILE", help=out)


def _training(parser: argparse.ArgumentParser, agents: int) -> None:
    parser.add_argument("--env", required=True, metavar="NAME", help=ENV)
    _which(parser)
    parser.add_argument("--agent", required=True, help="as in conf/agent/<name>.yaml")
    parser.add_argument(
        "--agents", type=_count, default=agents, metavar="N", help=f"how many (default: {agents})"
    )
    steps = "of training for each (default: 10000)"
    parser.add_argument("--steps", type=_count, default=10_000, metavar="N", help=steps)
    parser.add_argument("--episodes", type=_count, default=20, help="of each test (default: 20)")
    parser.add_argument("--seed", type=seed, default=0, help="default: 0")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: outputs/<NAME>-<agent>")


def _doctor(parser: argparse.ArgumentParser) -> None:
    function = "trains an agent: function(env, seed) is its policy, as for synthgym.testing"
    parser.add_argument("function", metavar="MODULE:FUNCTION", help=function)
    one = "only this one, of the zoo or the battery; may be repeated"
    parser.add_argument("--env", action="append", metavar="NAME", help=one)
    parser.add_argument("--continuous", action="store_true", help="the agent's actions are numbers")
    has = "what else the agent can do, and is tested for; may be repeated"
    parser.add_argument("--agent-has", action="append", default=[], choices=NEEDS, help=has)
    steps = "of training (default: those of each environment)"
    parser.add_argument("--steps", type=_count, metavar="N", help=steps)
    parser.add_argument("--seeds", type=_count, default=20, help="at most (default: 20)")


def _which(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--variant", help="how it was made (default: the first that is listed)")
    parser.add_argument("--version", help="one that was fetched (default: what came along)")


def seed(text: str) -> int:
    """Read a seed; JAX takes larger ones for smaller ones."""
    if not text.isdecimal() or int(text) > HIGHEST_SEED:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 to 2**32 - 1")
    return int(text)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return number
