"""Numbers of the README: those of a summary, between two marks, and no others."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthgym.analysis import summary_text
from synthgym.core.io import atomic, read_json

BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"


def update(readme_path: Path, summary_path: Path) -> None:
    """Put the numbers of a summary.json in the place of those that are there.

    Raises ValueError if there is no summary, or no place for it in the README.
    """
    summary = read_json(summary_path)
    if summary is None:
        raise ValueError(f"{summary_path} is not there, or is not JSON: run the workflow first.")
    text = replaced(readme_path.read_text(encoding="utf-8"), block(summary))
    with atomic(readme_path) as partial:
        partial.write_text(text, encoding="utf-8")


def block(summary: Mapping[str, Any]) -> str:
    """Text between the marks."""
    parts = [summary_text.reading(summary)]
    for task, section in summary["about"]["tasks"].items():
        parts += [
            f"### {section['id']}",
            summary_text.returns_table(summary, task),
            summary_text.cost_table(summary, task),
        ]
    return "\n\n".join(parts)


def shown(text: str) -> str:
    """Text between the marks of a README."""
    return _split(text)[1].strip()


def replaced(text: str, new: str) -> str:
    """Text of a README with something new between the marks."""
    before, _, after = _split(text)
    return f"{before}{BEGIN}\n{new}\n{END}{after}"


def _split(text: str) -> tuple[str, str, str]:
    before, begin, rest = text.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in after + old:
        raise ValueError(f"The README must have the lines {BEGIN} and {END}, each once.")
    return before, old, after
