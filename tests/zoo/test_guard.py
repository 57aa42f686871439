"""What is refused, in which words; and that nothing runs and memory stays bounded meanwhile."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import damage
from probes import section
from synthgym import zoo
from synthgym.__main__ import main
from synthgym.core import checkpoint
from synthgym.core.arrays import nested
from synthgym.core.settings import plain
from synthgym.synth.base import module_of
from synthgym.zoo import bounded, cards, folders, guard, legacy

NAME = "Synthetic-CartPole-v1"
GOOD = folders.file(NAME)
SENTENCE = re.compile(r"[^\n]+[.]")


@pytest.mark.parametrize("kind", ["bandit", "table_bandit", "exact_bandit", "mdp"])
@pytest.mark.parametrize("task", ["cartpole", "pendulum"])
def test_shapes_are_those_of_fresh_parameters(kind: str, task: str) -> None:
    settings, about_task = section("synth", kind), section("task", task)
    env = module_of(settings).make(settings, about_task)
    fresh = module_of(settings).init_theta(jax.random.key(0), env)
    leaves = jax.tree_util.tree_flatten_with_path(fresh)[0]
    named = {"/".join(key.key for key in path): leaf.shape for path, leaf in leaves}
    described = guard.described({"synth": plain(settings), "task": plain(about_task)}, "here")
    assert guard.shapes(described) == named


def test_every_environment_that_comes_along_is_what_its_card_says() -> None:
    files = [folders.file(name, v) for name in zoo.names() for v in zoo.variants(name)]
    assert len(files) >= len(zoo.names()) >= 1
    for file in files:
        env = guard.environment(file)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(env.theta))
    there = set(folders.own().glob("*/*/environment.safetensors"))
    assert there == set(files)  # none that the index does not name


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return damage.folder(GOOD, tmp_path_factory.mktemp("damaged"))


def test_verify_refuses_every_damaged_file_in_a_sentence(
    damaged: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["zoo", "verify", *map(str, damaged)])
    *lines, last = capsys.readouterr().out.splitlines()
    assert (status, last) == (1, f"0 in order, {damage.COUNT} refused")
    assert len(lines) == len(damaged)
    for path, line in zip(damaged, lines, strict=True):
        assert line.startswith(f"{path}: REFUSED. ")
        assert SENTENCE.fullmatch(line), line
    assert not (damaged[0].parent / damage.MARKER).exists()


def test_load_refuses_every_damaged_file_in_a_sentence(damaged: list[Path]) -> None:
    for path in damaged:
        with pytest.raises(ValueError, match=re.escape(str(path))) as refused:
            zoo.load(path)
        assert SENTENCE.fullmatch(str(refused.value)), refused.value
    assert not (damaged[0].parent / damage.MARKER).exists()


def test_import_refuses_every_damaged_file_in_a_sentence(
    damaged: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in damaged:
        out = tmp_path / "out" / "environment.safetensors"
        command = ["import", "synthetic-gymnax", str(path), "--task", "cartpole"]
        assert main([*command, "--out", str(out)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert SENTENCE.fullmatch(line), line
        assert not out.exists()
    assert not (damaged[0].parent / damage.MARKER).exists()


def test_verify_accepts_a_good_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo", "verify", str(GOOD)]) == 0
    assert capsys.readouterr().out == f"{GOOD}: in order\n"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused_although_the_card_agrees(
    value: float, tmp_path: Path
) -> None:
    arrays, about = checkpoint.read(GOOD)
    arrays["reward/Dense_0/bias"][3] = value
    card = json.loads((GOOD.parent / "card.json").read_text())
    file = tmp_path / "environment.safetensors"
    guard.write(file, nested(arrays), about, card)
    with pytest.raises(ValueError, match="reward/Dense_0/bias has values that are not finite"):
        zoo.load(file)


def test_a_file_larger_than_allowed_is_refused_by_its_size(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_bytes((GOOD.parent / "card.json").read_bytes())
    too_large = "has [0-9,]+ bytes, more than the [0-9,]+ allowed"
    file = damage.sparse(tmp_path / "environment.safetensors", bounded.LARGEST + 1)
    with pytest.raises(ValueError, match=too_large):
        guard.environment(file)
    with pytest.raises(ValueError, match=too_large):
        legacy.read(damage.sparse(tmp_path / "checkpoint.pkl", legacy.LARGEST + 1))
    with pytest.raises(ValueError, match=too_large):
        cards.read_card(damage.sparse(tmp_path / "card.json", bounded.LARGEST_TEXT + 1))


def test_memory_is_bounded(damaged: list[Path], tmp_path: Path) -> None:
    (tmp_path / "card.json").write_bytes((GOOD.parent / "card.json").read_bytes())
    huge = damage.sparse(tmp_path / "huge.safetensors", 2**34)
    script = """
import resource, sys
from pathlib import Path
from synthgym.zoo import guard, legacy
def tried(path):
    for read in (guard.environment, legacy.read):
        try:
            read(path)
        except ValueError:
            pass
good, *bad = map(Path, sys.argv[1:])
tried(good)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in bad:
    tried(path)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    command = [sys.executable, "-c", script, str(GOOD), *map(str, [*damaged, huge])]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert int(shown) < 50_000  # kB


def altered(tmp_path: Path, **changes: Any) -> Path:
    """A copy of a good environment whose card says something else; dots separate levels."""
    card = json.loads((GOOD.parent / "card.json").read_text())
    for name, value in changes.items():
        *parents, last = name.split("__")
        at = card
        for parent in parents:
            at = at[parent]
        at[last] = value
    (tmp_path / "card.json").write_text(json.dumps(card))
    file = tmp_path / "environment.safetensors"
    file.write_bytes(GOOD.read_bytes())
    return file


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sha256": "0" * 64}, "not that of its card"),
        ({"config": 3}, "config must be a mapping"),
        ({"config__synth__hidden": [10**12, 64]}, "at most 16,384 units"),
        ({"config__synth__hidden": [1] * 100}, "at most 64 entries"),
        ({"config__synth__hidden": [-1]}, "must be at least 1"),
        ({"config__synth__hidden": "64"}, "must be a list"),
        ({"config__synth__horizon": 10**400}, "at most 2,147,483,647 steps"),
        ({"config__synth__activation": "os.system"}, "must be one of tanh"),
        ({"config__synth__module": 1}, "must be a word"),
        ({"config__task__action": {"kind": "discrete"}}, "lacks size, low, high"),
        ({"config__task__action__low": 10**400}, "finite in 32 bits"),
        ({"config__task": {}}, "lacks name"),
        ({"name": None}, "is not the card of an environment"),
        ({"cost": None}, r"card\.json\.cost: must be a mapping, not None"),
        ({"cost": {"updates": 1}}, r"card\.json\.cost: lacks generations, real_steps"),
        ({"transfer__ppo__n": 0}, r"transfer\.ppo\.n: must be at least 1, not 0"),
        ({"transfer__ppo__iqm": float("nan")}, "is not JSON: NaN is no number"),
        ({"transfer__ppo__low": "1"}, r"transfer\.ppo\.low: must be a number"),
        ({"made": "evolved\x1b[2J"}, r"cannot be shown: 'evolved\\x1b\[2J'"),
        ({"limits": ["a\rb"]}, "cannot be shown"),
        ({"bytes": 3}, "has 25,204 bytes, not the 3 of its card"),
        ({"task__horizon": 3}, r"its card has two of task\.horizon"),
        ({"task__observation_names": ["x"]}, "other observation_names than observation_size"),
    ],
)
def test_a_card_that_says_nonsense_is_refused(
    changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=words):
        zoo.load(altered(tmp_path, **changes))


def test_a_module_that_a_card_names_is_not_imported(tmp_path: Path) -> None:
    for part in ("synth", "task"):
        zoo.load(altered(tmp_path, **{f"config__{part}__module": "this"}))
    assert "this" not in sys.modules


@pytest.mark.parametrize("text", ["", "[" * 100_000, "null", "[1]", "\ud800", "x" * 2**21])
def test_a_card_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    file = altered(tmp_path)
    (tmp_path / "card.json").write_text(text, errors="surrogatepass")
    with pytest.raises(ValueError, match=r"card\.json"):
        zoo.load(file)


def test_what_is_no_plain_file_is_refused(tmp_path: Path) -> None:
    altered(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="is no plain file"):
        zoo.load(tmp_path / "folder")
    with pytest.raises(ValueError, match="is not there"):
        zoo.load(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize("lost", ["cost", "task", "limits", "made", "transfer", "licence"])
def test_a_card_that_lacks_what_is_shown_is_refused(lost: str, tmp_path: Path) -> None:
    file = altered(tmp_path)
    card = json.loads((tmp_path / "card.json").read_text())
    del card[lost]
    (tmp_path / "card.json").write_text(json.dumps(card))
    with pytest.raises(ValueError, match=f"lacks {lost}"):
        guard.environment(file)


@pytest.mark.parametrize("about", [None, [], {"json": "{}"}, {"json": "[]"}, {"json": "null"}])
def test_a_file_that_says_nothing_of_itself_is_refused(
    about: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blob = GOOD.read_bytes()
    size = int.from_bytes(blob[:8], "little")
    header = {**json.loads(blob[8 : 8 + size]), "__metadata__": about}
    text = json.dumps(header).encode()
    file = tmp_path / "environment.safetensors"
    file.write_bytes(len(text).to_bytes(8, "little") + text + blob[8 + size :])
    assert main(["zoo", "verify", str(file)]) == 1
    assert SENTENCE.fullmatch(capsys.readouterr().out.strip())


def test_what_is_refused_moves_no_cursor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = altered(tmp_path, config__synth__hidden="\x1b[31m")
    assert main(["zoo", "verify", str(file)]) == 1
    assert capsys.readouterr().out.removesuffix("\n").isprintable()
