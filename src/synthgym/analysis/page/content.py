"""Content of the page of a scale: chapters of text, tables and pictures, each with its origin."""

from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from synthgym.analysis.page import origins, text
from synthgym.analysis.page.origins import Entry, Origins
from synthgym.analysis.transfer_text import IN_SHORT
from synthgym.core.io import read_json
from synthgym.stages import STAGES, Figure, labels, pattern

OF_TASK, OF_SCALE = "figures", "summary"  # stages: figures of one task, numbers of all of them
OF_ALL, OVERVIEW = "transfer_report", "overview"  # report and figure that the page begins with
SURFACE = "reward_surface"  # a figure that not every task has
Picture = Mapping[str, Any]  # a figure with everything that belongs to it


@dataclass(frozen=True)
class Part:
    """Text and tables under one heading."""

    anchor: str
    title: str
    blocks: Sequence[text.Block]
    origin: list[Entry]
    task: str = ""
    agent: str = ""


@dataclass(frozen=True)
class Chapter:
    """Results of a task, or a report that is about several."""

    anchor: str
    title: str
    parts: list[Part]
    pictures: list[Picture]
    provenance: list[Entry]
    task: str = ""
    agents: Sequence[str] = ()
    missing: Sequence[str] = ()  # sentences on what is not there

    @property
    def claims(self) -> str:
        """How many of its claims have each verdict."""
        tables = [b for part in self.parts for b in part.blocks if isinstance(b, text.Table)]
        verdicts = Counter(
            text.plain(row.cells[table.header.index("verdict")])
            for table in tables
            if "verdict" in table.header
            for row in table.rows
        )
        return ", ".join(f"{verdict}: {n}" for verdict, n in verdicts.most_common())


class Content:
    """Everything that the template shows, read from the inputs of the stage."""

    def __init__(self, config: Mapping[str, Any], inputs: Mapping[str, list[Path]]):
        self.config = config
        self.scale: str = config["scale"]
        self.origins: Origins = origins.read(inputs["manifests"])
        self.captions = {path.stem: path.read_text("utf-8") for path in inputs["captions"]}
        self.files: dict[tuple[str, str], list[Path]] = {}  # stage, task or "" -> what is shown
        for path in inputs["reports"]:
            about = labels(str(path.parent))
            if not about or not STAGES[about["stage"]].report:
                raise ValueError(f"{path} is in no directory of a report.")
            self.files.setdefault((about["stage"], about.get("task", "")), []).append(path)
        (numbers,) = self.of(".json", OF_SCALE)
        self.summary = read_json(numbers)
        if not isinstance(self.summary, dict):
            raise ValueError(f"{numbers} is not there, or is not JSON: run the workflow first.")
        self.of_scale = [self.origins.at(numbers.parent)]
        sections = {**config["expert_tasks"], **config["tasks"]}
        ids: dict[str, str] = {name: section["id"] for name, section in sections.items()}
        self.tasks = {name: ids[name] for name in self.summary["about"]["tasks"]}
        self.more_tasks = {name: id_ for name, id_ in ids.items() if name not in self.tasks}
        self.called = {id_: name for name, id_ in ids.items()}
        judged = {agent for task in self.tasks for agent in self.judged(task)}
        self.agents = sorted(judged | {e.agent for e in self.origins.entries if e.agent})
        self.about = self.caption("workflow")
        _, reading, *blocks = self.markdown(OF_SCALE)
        self.reading = text.words(reading)
        tables = [below for _, below in _split(blocks, 2)]
        self.chapters = [
            self.task(name, below) for name, below in zip(self.tasks, tables, strict=True)
        ]
        listed = [entry for chapter in self.chapters for entry in chapter.provenance]
        reports = [name for name, row in STAGES.items() if row.report and row.category]
        reports = [name for name in reports if name not in (OF_TASK, OF_SCALE)]
        self.missing = [STAGES[name].category for name in reports if (name, "") not in self.files]
        at = len(self.chapters)
        for name in reversed(reports):
            if (name, "") in self.files:
                self.chapters.insert(at, self.report(name, listed))
                listed += self.chapters[at].provenance
        # the page begins with the message of one report, which that does not repeat
        first = next((one for one in self.chapters if one.anchor == OF_ALL), self.chapters[0])
        message = [part for part in first.parts if part.title == IN_SHORT]
        self.lead = [text.words(block) for part in message for block in part.blocks]
        self.overview = [picture for picture in first.pictures if picture["name"] == OVERVIEW]
        for part in message:
            first.parts.remove(part)
        for picture in self.overview:
            first.pictures.remove(picture)

    def of(self, suffix: str, stage: str, task: str = "") -> list[Path]:
        """Files of a report with this suffix."""
        return [path for path in self.files.get((stage, task), ()) if path.suffix == suffix]

    def markdown(self, stage: str) -> list[text.Block]:
        """Text and tables of a report, in which it is known what is about a task or an agent."""
        (path,) = self.of(".md", stage)
        return text.blocks(path.read_text("utf-8"), self.agents, self.called)

    def judged(self, task: str) -> list[str]:
        """The agents that were judged on a task, wherever they were trained."""
        tables = (self.summary["transfer"][task], self.summary["clients"][task])
        places = [agents for table in tables for agents in table.values()]
        return sorted({agent for agents in places for agent in agents})

    def task(self, name: str, blocks: Sequence[text.Block]) -> Chapter:
        """Tables and figures of one task."""
        parts = [
            Part(f"{name}-{i}", title, below, self.of_scale)
            for i, (title, below) in enumerate(_split(blocks, 3))
        ]
        without = () if self.config["tasks"][name]["surface"] else (SURFACE,)
        pictures = self.pictures(OF_TASK, name, without)
        missing = [] if pictures else ["No figures of this task are among the results."]
        missing += ["It names no two observations to draw rewards over."] if without else []
        of_figures = [str(path.parent) for path in self.of(".png", OF_TASK, name)[:1]]
        jobs = self.origins.behind(*of_figures, *self.of_scale[0].places)
        jobs = [*(entry for entry in jobs if entry.task == name), *self.of_scale]
        about = (name, self.judged(name), missing)
        return Chapter(f"task-{name}", self.tasks[name], parts, pictures, jobs, *about)

    def report(self, stage: str, listed: Sequence[Entry]) -> Chapter:
        """A report that is about several tasks: a part for each of its headings.

        Jobs behind it that are `listed` elsewhere are not listed again.
        """
        title, *blocks = self.markdown(stage)
        (path,) = self.of(".md", stage)
        origin = [self.origins.at(path.parent)]
        parts = [
            Part(f"{stage}-{i}", heading, below, origin, *self.subject(heading))
            for i, (heading, below) in enumerate(_split(blocks, 2, "Overview"))
        ]
        jobs = [entry for entry in self.origins.behind(*origin[0].places) if entry not in listed]
        name = text.plain(text.words(title))
        return Chapter(stage, name, parts, self.pictures(stage), jobs)

    def subject(self, heading: str) -> tuple[str, str]:
        """Task and agent of a heading such as `CartPole-v1, ppo, seen`; empty for any other."""
        id_, *more = heading.split(", ")
        if id_ not in self.called:
            return "", ""
        return self.called[id_], next((word for word in more if word in self.agents), "")

    def pictures(self, stage: str, task: str = "", without: Sequence[str] = ()) -> list[Picture]:
        """The figures of a report, in the order of its row in the table of stages.

        Raises ValueError if that does not have one of them.
        """
        rest = self.of(".png", stage, task)
        found = []
        for row in STAGES[stage].figures:
            matches = {path: pattern(row.name).fullmatch(path.stem) for path in rest}
            named = {path: match.groupdict() for path, match in matches.items() if match}
            rest = [path for path in rest if path not in named]
            found += [(path, row, named[path]) for path in named if path.stem not in without]
        if rest:
            known = f"src/synthgym/stages.yaml ({stage})"
            raise ValueError(f"{rest[0]} is a figure without a title: give it a row in {known}.")
        return [self.picture(path, row, names, task) for path, row, names in found]

    def picture(self, path: Path, row: Figure, names: Mapping[str, str], task: str) -> Picture:
        """A figure from its PNG, with its caption. Raises ValueError if it has none."""
        with Image.open(path) as image:
            width, height = image.size
        about = [*([self.tasks[task]] if task else []), f"scale {self.scale}"]
        return {
            "name": path.stem,
            "anchor": "-".join(filter(None, ["figure", task, path.stem])),
            "title": ": ".join([row.title, *(name.replace("_", " ") for name in names.values())]),
            "alt": f"{row.alt}; {', '.join(about)}.",
            "data": b64encode(path.read_bytes()).decode(),
            "width": width,
            "height": height,
            "caption": self.caption(row.explained, task=task),
            "origin": [self.origins.at(path.parent)],
        }

    def caption(self, name: str, **wildcards: str) -> list[list[text.Piece]]:
        """The paragraphs of a caption of workflow/report/. Raises ValueError if there is none."""
        if name not in self.captions:
            raise ValueError(f"{name} has no caption: write workflow/report/{name}.rst.")
        return text.caption(self.captions[name], scale=self.scale, **wildcards)


def _split(
    blocks: Sequence[text.Block], level: int, first: str = ""
) -> list[tuple[str, list[text.Block]]]:
    """Headings of a level, each with what is below it; `first` is that of what comes before."""
    parts: list[tuple[str, list[text.Block]]] = [(first, [])]
    for block in blocks:
        if isinstance(block, text.Heading) and block.level == level:
            parts.append((text.plain(block.words), []))
        else:
            parts[-1][1].append(block)
    return [part for part in parts if part[0]]
