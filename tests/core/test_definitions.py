"""YAML as people write it: by the rules of YAML 1.2, or refused in a sentence, soon."""

import resource
import time
from pathlib import Path
from typing import Any

import pytest

from synthgym.core.definitions import LONGEST, definition, read_yaml
from synthgym.core.settings import ConfigError

SECONDS, MEGABYTES = 2, 500


@pytest.fixture
def params(tmp_path: Path) -> Path:
    return tmp_path / "params.yaml"


def doubling(first: str, other: str, count: int = 12) -> str:
    """Return anchors of which each names the one before it nine times."""
    lines = [f"a0: &a0 {first}"]
    for i in range(1, count):
        before = ", ".join([f"*a{i - 1}"] * 9)
        lines.append(f"a{i}: &a{i} {other.replace('BEFORE', before)}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 10),
        ("10:00", "10:00"),
        ("1e3", 1000.0),
        ("1e-3", 0.001),
        ("0x10", 16),
        ("yes", "yes"),
        ("NO", "NO"),
        ("on", "on"),
        ("~", None),
        ("true", True),
        ("{<<: {a: 1, b: 2}, b: 3}", {"a": 1, "b": 3}),
        ("&x {a: 1}", {"a": 1}),
        ("\ufeff[1]", [1]),
        ("[1,\r\n 2]", [1, 2]),
        ("", None),
    ],
)
def test_values_are_those_of_yaml_1_2(text: str, value: Any, params: Path) -> None:
    params.write_bytes(text.encode())
    found = read_yaml(params)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\nb: 2\na: 3", ', line 3, column 1: is not YAML: .* found duplicate key "a"'),
        ("a: {b: 1, b: 2}", ", line 1, column 11: is not YAML: .* duplicate key"),
        ("a: .inf", r", line 1, column 4: inf is no setting\."),
        ("a: 1e400", r", line 1, column 4: inf is no setting\."),
        ("a: .nan", r", line 1, column 4: nan is no setting\."),
        ("a:\n\t- b", ", line 2, column 1: is not YAML: .* character '.t' that cannot start"),
        ("a: 2026-11-27", r", line 1, column 4: a date is no setting\."),
        ("a: !!set {b}", r", line 1, column 4: a set is no setting\."),
        ("a: !!python/object/apply:os.getcwd []", ", line 1, column 4: is not YAML: could not "),
        ("a: 1\n---\nb: 2", ", line 2, column 1: is not YAML: expected a single document"),
        ("a: [", ", line 1, column 5: is not YAML: "),
        ("a: " + "9" * 5000, ": is not YAML: Exceeds the limit"),
        ("a: \x07", ": is not YAML: unacceptable character #x0007"),
        ("a: *b", ", line 1, column 4: is not YAML: found undefined alias 'b'"),
        ("a: &a [*a]", ", line 1, column 4: has more within each other than 50 levels"),
        ("&a {<<: *a}", ", line 1, column 1: has more within each other than 50 levels"),
        ("[" * 60_000, ": has more within each other than 50 levels"),
        ("\n".join(" " * i + "a:" for i in range(300)), ".*: has more within each other than 50"),
        (doubling("[1]", "[BEFORE]"), ": has more than 50,000 values, as its anchors repeat them"),
        (doubling("{b: 1}", "{<<: [BEFORE]}"), ": has more than 50,000 values"),
        ("#" * (LONGEST + 1), ": has more than the 65,536 bytes allowed"),
        (b"a: 1\nb: caf\xe9", ", line 2: is not UTF-8; save it as such"),
        ("a: 1".encode("utf-16"), ", line 1: is not UTF-8; save it as such"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(
    text: str | bytes, says: str, params: Path
) -> None:
    params.write_bytes(text.encode() if isinstance(text, str) else text)
    begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ConfigError, match=f"params.yaml{says}") as error:
        read_yaml(params)
    assert time.monotonic() - begun < SECONDS * 5  # of a machine that does other things as well
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEGABYTES * 1000
    sentence = str(error.value)
    assert sentence.isprintable()
    assert sentence.endswith(".")


def test_a_folder_and_a_file_that_may_not_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_yaml(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_yaml(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("name", ["nosuch", "../task/cartpole", "", "_nosuch"])
def test_only_files_that_are_there_are_looked_for(name: str) -> None:
    with pytest.raises(ConfigError, match=f"conf/agent: has no {name}.yaml"):
        definition("agent", name)
