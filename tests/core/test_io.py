"""Files are whole or not there."""

import os
from pathlib import Path

import pandas as pd
import pytest

from synthgym.core.io import atomic, read_json, read_table, write_json, write_table


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def write_half() -> None:
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        write_half()
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"


def test_a_link_is_replaced_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("old")
    os.link(tmp_path / "cache", tmp_path / "hard.json")
    (tmp_path / "soft.json").symlink_to(tmp_path / "cache")
    for name in ("hard.json", "soft.json"):
        write_json(tmp_path / name, 1)
        assert read_json(tmp_path / name) == 1
    assert (tmp_path / "cache").read_text() == "old"


def test_json_that_is_missing_or_cut_off_is_none(tmp_path: Path) -> None:
    (tmp_path / "half.json").write_text('{"a": ')
    assert read_json(tmp_path / "half.json") is None
    assert read_json(tmp_path / "missing" / "file.json") is None


def test_a_table_survives_and_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    table = pd.DataFrame({"agent": ["ppo", "dqn"], "return_": [1.5, -2.0], "step": [1, 2]})
    for name in ("one", "two"):
        write_table(tmp_path / name / "table.parquet", table)
    one, two = (tmp_path / name / "table.parquet" for name in ("one", "two"))
    pd.testing.assert_frame_equal(read_table(one), table)
    assert one.read_bytes() == two.read_bytes()
