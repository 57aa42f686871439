"""The stages of the method: stages.yaml, the table that everything which lists stages reads.

Command line, manifests, rules, resources on a cluster, page, captions, tests. A new stage is its
module, a row of the table, its jobs in a plan (`plan/`), a line in workflow/rules/, its tests.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PACKAGE = "synthgym"
# Settings of a task that matter to an agent that learns in it, not to how it is judged or drawn.
TASK = tuple(
    f"task.{name}"
    for name in (
        *("name", "id", "module", "observation_size", "num_states", "action", "horizon"),
        "options",
    )
)
EXPERIMENT = "results/{scale}/{family}/{experiment}"
ARM = f"{EXPERIMENT}/{{arm}}"  # environments that were made in the same way
RUN = f"{ARM}/seed{{seed}}"  # one of them
GROUP = f"{ARM}/group{{group}}"  # several that are made side by side
OBJECTIVE = "results/{scale}/objectives/{objective}"
SEARCH = "results/{scale}/search/{task}/{search}"
FAMILIES = ("tasks", "comparisons", "mdps", "rewards")
PLACES = {
    "EXPERIMENT": EXPERIMENT,
    "ARM": ARM,
    "RUN": RUN,
    "OBJECTIVE": OBJECTIVE,
    "SEARCH": SEARCH,
}
ALL_CORES = "all"
REPORT = "--scale smoke --out outputs/report"  # example of most reports


@dataclass(frozen=True)
class Figure:
    """A picture among the outputs of a stage; its caption is workflow/report/<caption>.rst."""

    name: str  # without its suffix
    title: str
    alt: str  # told to somebody who does not see it
    caption: str = ""  # name of the caption, where it is not the figure's own
    family: str = ""  # `{experiment}` in the name stands for each experiment of this family

    @property
    def file(self) -> str:
        return f"{self.name}.png"

    @property
    def explained(self) -> str:
        """Name of its caption."""
        return self.caption or self.name


@dataclass(frozen=True)
class Stage:
    """A step of the method."""

    module: str  # has its `run`
    uses: tuple[str, ...]  # sections of the configuration, or settings as `task.horizon`
    places: tuple[str, ...]  # directories of its jobs, with wildcards
    outputs: tuple[str, ...]  # files in them, besides manifest.json and figures
    help: str  # what it does, as an order
    example: str  # arguments of a command that runs where `smoke` has been computed
    options: tuple[str, ...] = ()  # labels of a job that say which one it is, the main ones
    gpu: bool = True  # whether it computes on a GPU where there is one
    threads: str | int = 1  # cores; ALL_CORES: as many as there are
    memory: int = 2000  # MB
    figures: tuple[Figure, ...] = ()
    # Made again whenever what it shows is: it is cheap, and shows seconds, which no key foretells.
    report: bool = False
    category: str = ""  # its chapter in Snakemake's report; empty: it is not in there
    caption: str = ""  # name of the caption of its tables there
    together: bool = False  # does several jobs side by side, and on several hosts
    package: str = ""  # an extra without which it cannot run, and is left out of the reports

    def cores(self, family: str, available: int) -> int:
        """Cores of a job; one where an experiment has many small jobs, as all but `tasks` have."""
        if self.threads == ALL_CORES:
            return 1 if family not in ("", "tasks") else available
        return int(self.threads)

    def drawn(self, experiments: Mapping[str, Iterable[str]]) -> list[tuple[str, Figure]]:
        """Files of its figures, where a plan has these experiments of each family."""
        return [
            (figure.file.format(experiment=experiment), figure)
            for figure in self.figures
            for experiment in (experiments.get(figure.family, ()) if figure.family else ("",))
        ]

    def labels(self) -> list[str]:
        """Labels that say which of its jobs is meant, besides the scale; the main ones first."""
        named = dict.fromkeys((*self.options, *self.wildcards()))
        return [name for name in named if name not in ("scale", "arm")]

    def wildcards(self) -> tuple[str, ...]:
        """Names in its places."""
        return tuple(dict.fromkeys(re.findall(r"{(\w+)}", " ".join(self.places))))


def _row(phase: str, name: str, row: dict[str, Any]) -> Stage:
    """A row of stages.yaml, with what reports have in common."""
    row |= row.pop("resources", {})
    uses = [setting for part in row["uses"] for setting in (TASK if part == "TASK" else (part,))]
    figures = tuple(Figure(**figure) for figure in row.pop("figures", ()))
    if phase == "report":
        own = {key: row.pop(key) for key in ("places", "outputs", "caption") if key in row}
        row = {"gpu": False, "memory": 1000, "example": REPORT, **row, "report": True}
        row["caption"] = own.get("caption") or (figures[0].explained if figures else "")
        row["outputs"] = own.get("outputs", ["summary.json", "table.md"])
        row["places"] = own.get("places", [name])
        uses = ["scale", *uses]
    elif "package" in row:
        row["gpu"] = False
    row |= {"module": f"{PACKAGE}.{row['module']}", "uses": uses, "figures": figures}
    row["places"] = [_place(place) for place in row["places"]]
    columns: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    return Stage(**columns)


def _place(place: str) -> str:
    """A directory with wildcards; those of the table begin with RUN, ARM, ..., or below a scale."""
    first, _, rest = place.partition("/")
    directory = PLACES.get(first, f"results/{{scale}}/{first}" if first else "results/{scale}")
    return f"{directory}/{rest}" if rest else directory


_TABLE = yaml.load(
    Path(__file__).with_suffix(".yaml").read_text("utf-8"),
    getattr(yaml, "CSafeLoader", yaml.SafeLoader),  # ten times as fast, where it was built
)
PHASES: Mapping[str, Mapping[str, Stage]] = {  # step of the method -> its stages
    phase: {name: _row(phase, name, row) for name, row in rows.items()}
    for phase, rows in _TABLE.items()
}
STAGES: Mapping[str, Stage] = {
    name: stage for stages in PHASES.values() for name, stage in stages.items()
}


CAPTIONS = (  # of all pictures, and of the page itself
    *dict.fromkeys(figure.explained for stage in STAGES.values() for figure in stage.figures),
    "workflow",
)
NAME = "[a-z][a-z0-9_]*"  # in a plan
CONSTRAINTS = {  # what a wildcard of a place may stand for
    "family": "|".join(FAMILIES),
    "arm": f"(?!(real|teacher)/){NAME}",
    "environment": f"(?!(real|teacher)/){NAME}",
    "seed": "[0-9]+",
    "group": "[0-9]+",
}


@cache
def pattern(place: str) -> re.Pattern[str]:
    """The regular expression of the directories that a place with wildcards stands for."""
    escaped = re.escape(place).replace(r"\{", "{").replace(r"\}", "}")
    named = re.sub(r"{(\w+)}", lambda m: f"(?P<{m[1]}>{CONSTRAINTS.get(m[1], NAME)})", escaped)
    return re.compile(rf"(?:.*/)?{named}/?")


def labels(directory: str) -> dict[str, str]:
    """What says which job a directory of results belongs to: stage, family, arm, seed, ...

    Empty for a directory that is no job's.
    """
    for name, stage in STAGES.items():
        for place in stage.places:
            if found := pattern(place).fullmatch(directory):
                return {"stage": name, **found.groupdict()}
    return {}
