"""Progress of long work: a bar in a terminal, a line every few seconds in a log."""

import sys
import time
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)


def duration(seconds: float) -> str:
    """As h:mm:ss, or m:ss under an hour."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def say(text: str) -> None:
    """A line for the reader, at once."""
    print(text, flush=True)


class Work:
    """`with Work("cartpole", total=60, unit="generation") as work: work.done(3, "fitness 12")`.

    `already` units were done by an earlier run that was killed: they say nothing of the time left.
    """

    def __init__(self, title: str, total: int, unit: str, already: int = 0, every: float = 10.0):
        self.title, self.total, self.unit, self.every = title, total, unit, every
        self._already = self.count = already  # units done
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._begun = self._told = time.monotonic()

    def __enter__(self) -> Self:
        if sys.stdout.isatty():
            columns = (
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("{task.fields[note]}"),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=Console())
            self._bar.start()
            self._task = self._bar.add_task(
                self.title, total=self.total, completed=self._already, note=""
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def done(self, count: int, note: str = "") -> None:
        """Say that `count` units are done, those that were `already` included."""
        self.count, now = count, time.monotonic()
        if self._bar:
            self._bar.update(self._task, completed=count, note=note)
        elif now - self._told >= self.every or count == self.total:
            left = (now - self._begun) / max(1, count - self._already) * (self.total - count)
            ending = f"{duration(left)} left" if count < self.total else "done"
            counted = f"{self.title}: {self.unit} {count}/{self.total}"
            say("  ".join(filter(None, [counted, note, ending])))
            self._told = now
