"""What is on the page of a scale? Chapters of text, tables and pictures, each with its origin."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from synthgym.analysis import style, summary_text
from synthgym.analysis.core.tables import place, read_runs
from synthgym.analysis.figures import rollout
from synthgym.analysis.page import glance, origins, text
from synthgym.analysis.page.origins import Entry, Origins
from synthgym.core.io import read_json
from synthgym.jobs.provenance import STAGES

FIGURES = {  # file, without suffix -> its title, and what somebody is told who does not see it
    "meta_training": ("Meta-training", "Line charts of return over generations"),
    "returns": ("Density of returns", "Densities of return on the real task"),
    "effort": ("Training until solved", "Bars of steps and episodes, with intervals"),
    "behaviour": ("Observations and rewards", "Histograms, one per quantity and environment"),
    "reward_surface": ("Rewards", "Maps of reward over two of the observations"),
    "rollout": ("An episode", "Traces of one episode per environment over its steps"),
    "transfer_profiles": (
        "Performance profiles",
        "Line charts of the share of agents over normalised score, per task",
    ),
    "transfer_improvement": (
        "Probability of improvement",
        "Points with intervals, one per pair of places where agents were trained",
    ),
    "transfer_efficiency": (
        "Steps for the same return",
        "Line charts of return over training steps, per task and agent",
    ),
    "learning_curves": ("Learning curves", "Line charts of return over training steps, per task"),
    "choices": ("Choices", "Charts of return over the values of each choice"),
    "reward_curves": ("Learning curves", "Line charts of return over training steps, per reward"),
    "reward_map": ("Learned rewards", "Maps of reward per cell and action, per kind of network"),
    "insight": (
        "What bandits know",
        "Returns, importance of observations, and contexts, per bandit",
    ),
    "mdp_feasibility": ("Feasibility", "Line charts of return over generations, per task"),
    "mdp_returns": ("Returns and training", "Densities of return and bars of steps, per agent"),
    "mdp_histograms": ("Observations and rewards", "Histograms, one per quantity and arm"),
    "mdp_ranking": ("Ranking of settings", "Returns from MDPs against returns from the task"),
    "mdp_noise": ("Disturbed training", "Line charts of return over the intensity of noise"),
    "objective_learning": (
        "Learning by each objective",
        "Line charts of return over training steps, per task",
    ),
    "transforms": ("Score over step size", "Line charts of score over step size, per transform"),
    "drifts": ("Drift functions", "Maps of drift over ratio and advantage, and two cuts"),
    "search": (
        "Search for settings",
        "Return over real steps, bars of importance, and configurations as parallel coordinates",
    ),
}
COMPARISON = "comparison_"  # begins the name of a figure that a plan names
COMPARED = "Returns by the place of training, with intervals, and the course of meta-training"
CAPTIONS = {
    "learning_curves": "experts",
    "objective_learning": "objectives",
}  # where the caption is not called as the figure
TABLES = {  # anchor -> title, the same for the contents, and which table of a task it is
    "returns": ("Return on the real task", "Return", summary_text.returns_table),
    "clients": ("Agents of another library", "Other library", summary_text.clients_table),
    "verdicts": (
        "What the making of an environment changes",
        "By its making",
        summary_text.differences_table,
    ),
    "effort": ("Training until the task is solved", "Until solved", summary_text.effort_table),
    "cost": (
        "Cost of meta-training, and after how many agents it has paid",
        "Cost",
        summary_text.cost_table,
    ),
}
REPORTS = {  # input -> title, its first part, stages, and what is said of a scale without it
    "transfers": (
        "Transfer, all tasks together",
        "How intervals are made",
        ("transfer_report",),
        "This scale has no tasks.",
    ),
    "experts": (
        "Experts in the real tasks",
        "Return of experts",
        ("expert", "experts"),
        "This scale trains no experts in the real tasks.",
    ),
    "choices": (
        "Choices in distilling",
        "What is varied",
        ("choices", "choice_report"),
        "This scale varies no choices in distilling.",
    ),
    "rewards": (
        "Reward networks",
        "What is compared",
        ("reward_study", "tune", "reward_map", "reward_report"),
        "This scale has no reward networks.",
    ),
    "insight": (
        "What bandits know",
        "Policies without training",
        ("insight", "insight_report"),
        "This scale looks into no bandit.",
    ),
    "mdps": (
        "Synthetic MDPs",
        "What is claimed",
        ("model", "mdp_study", "noise", "mdp_report"),
        "This scale has no arms of synthetic MDPs.",
    ),
    "objectives": (
        "Meta-trained objectives",
        "What is compared",
        ("objective", "judge", "objective_report"),
        "This scale meta-trains no objectives.",
    ),
    "transforms": (
        "Score transforms and step sizes",
        "What is compared",
        ("transform_study", "transform_report"),
        "This scale studies no transforms of scores.",
    ),
    "comparisons": (
        "Comparisons",
        "What is compared",
        ("comparison_study", "comparison_report"),
        "This scale compares no ways of making environments.",
    ),
    "searches": (
        "Settings found for meta-training",
        "What is compared",
        ("search", "search_comparison", "search_report"),
        "This scale searches for no settings.",
    ),
}
OF_REPORTS = {stage for _, _, stages, _ in REPORTS.values() for stage in stages}


@dataclass(frozen=True)
class Picture:
    """A figure with everything that belongs to it; `data` is its PNG in base64."""

    anchor: str
    title: str
    alt: str
    data: str
    width: int  # pixels
    height: int
    caption: list[list[text.Piece]]
    origin: list[Entry]


@dataclass(frozen=True)
class Part:
    """Text and tables under one heading; `short` is what the contents call it."""

    anchor: str
    title: str
    blocks: Sequence[text.Block]
    origin: list[Entry]
    short: str = ""
    task: str = ""
    agent: str = ""


@dataclass(frozen=True)
class Chapter:
    """All of a task, or of a report that is about several."""

    anchor: str
    title: str
    parts: list[Part]
    pictures: list[Picture]
    provenance: list[Entry]
    task: str = ""
    agents: Sequence[str] = ()
    missing: Sequence[str] = ()  # what is said of that which is not there


class Content:
    """Everything that the template shows, read from the inputs of the stage."""

    def __init__(self, config: Mapping[str, Any], inputs: Mapping[str, list[Path]], work: Path):
        self.config, self.inputs, self.work = config, inputs, work
        self.scale: str = config["scale"]
        self.origins: Origins = origins.read(inputs["manifests"], STAGES)
        self.captions = {path.stem: path.read_text("utf-8") for path in inputs["captions"]}
        (summary,) = inputs["summary"]
        self.summary = read_json(summary)
        if not isinstance(self.summary, dict):
            raise ValueError(f"{summary} is not there, or is not JSON: run the workflow first.")
        self.of_scale = [self.origins.at(summary.parent)]
        sections = {**config["expert_tasks"], **config["tasks"]}
        ids: dict[str, str] = {name: section["id"] for name, section in sections.items()}
        self.tasks = {name: ids[name] for name in self.summary["about"]["tasks"]}
        self.more_tasks = {name: id_ for name, id_ in ids.items() if name not in self.tasks}
        self.called = {id_: name for name, id_ in ids.items()}
        judged = {agent for task in self.tasks for agent in self.judged(task)}
        self.agents = sorted(judged | {e.agent for e in self.origins.entries if e.agent})
        self.about = self.caption("workflow")
        self.reading = text.pieces(summary_text.reading(self.summary))
        self.glance = glance.table(self.summary)
        self.chapters = [*map(self.task, self.tasks), *map(self.report, REPORTS)]

    def judged(self, task: str) -> list[str]:
        """The agents that were judged on a task, wherever they were trained."""
        tables = (self.summary["transfer"][task], self.summary["clients"][task])
        places = [agents for table in tables for agents in table.values()]
        return sorted({agent for agents in places for agent in agents})

    def task(self, name: str) -> Chapter:
        """Tables, figures and an episode of one task."""
        parts = [
            Part(f"{name}-{anchor}", title, self.blocks(markdown), self.of_scale, short)
            for anchor, (title, short, table) in TABLES.items()
            if (markdown := table(self.summary, name))
        ]
        without = () if self.config["tasks"][name]["surface"] else ("reward_surface",)
        figures = [path for path in self.inputs["figures"] if path.parent.name == name]
        drawn = [path for path in figures if path.stem not in without]
        order = list(FIGURES)
        drawn.sort(key=lambda path: order.index(_known(path)))
        pictures = [self.picture(path, [self.origins.at(path.parent)], name) for path in drawn]
        missing = [] if drawn else ["No figures of this task are among the results."]
        missing += ["It names no two observations to draw rewards over."] if without else []
        episodes = self.episodes(name)
        missing += [] if episodes else ["No episode of an agent was recorded."]
        jobs = [entry for entry in self.origins.of(name) if entry.stage not in OF_REPORTS]
        return Chapter(
            f"task-{name}",
            self.tasks[name],
            parts,
            [*pictures, *episodes],
            [*jobs, *self.of_scale],
            name,
            self.judged(name),
            missing,
        )

    def episodes(self, task: str) -> list[Picture]:
        """The figure of the recorded episodes of a task, if there are any."""
        mine = [path for path in self.inputs["rollouts"] if place(path)[0] == task]
        if not mine:
            return []
        path = self.work / task / "rollout.png"
        steps = read_runs("rollouts", mine)
        style.save(rollout.draw(steps, self.config["tasks"][task], self.scale), path)
        return [self.picture(path, [self.origins.at(of.parent) for of in mine], task)]

    def report(self, name: str) -> Chapter:
        """A report that is about several tasks: a part for each of its headings."""
        title, first, stages, otherwise = REPORTS[name]
        jobs = [entry for entry in self.origins.entries if entry.stage in stages]
        if not self.inputs[name]:
            return Chapter(name, title, [], [], jobs, missing=[otherwise])
        origin = [self.origins.at(self.inputs[name][0].parent)]
        markdown = [path.read_text("utf-8") for path in self.inputs[name] if path.suffix == ".md"]
        _, *blocks = self.blocks("".join(markdown))  # its title is ours
        sections: list[tuple[str, list[text.Block]]] = [(first, [])]
        for block in blocks:
            if isinstance(block, text.Heading):
                sections.append((text.plain(block.words), []))
            else:
                sections[-1][1].append(block)
        parts = [
            Part(f"{name}-{i}", heading, below, origin, "", *self.subject(heading))
            for i, (heading, below) in enumerate(sections)
        ]
        drawn = [path for path in self.inputs[name] if path.suffix == ".png"]
        return Chapter(name, title, parts, [self.picture(path, origin) for path in drawn], jobs)

    def subject(self, heading: str) -> tuple[str, str]:
        """Task and agent of a heading such as `CartPole-v1, ppo, seen`; empty for any other."""
        id_, *more = heading.split(", ")
        if id_ not in self.called:
            return "", ""
        return self.called[id_], next((word for word in more if word in self.agents), "")

    def blocks(self, markdown: str) -> list[text.Block]:
        """Text and tables, in which it is known what is about a task or an agent."""
        return text.blocks(markdown, self.agents, self.called)

    def picture(self, path: Path, origin: list[Entry], task: str = "") -> Picture:
        """A figure from its PNG, with its caption. Raises ValueError if it has none."""
        title, alt = _titled(path)
        with Image.open(path) as image:
            width, height = image.size
        return Picture(
            "-".join(filter(None, ["figure", task, path.stem])),
            title,
            f"{alt}; {', '.join(filter(None, [self.tasks.get(task), f'scale {self.scale}']))}.",
            b64encode(path.read_bytes()).decode(),
            width,
            height,
            self.caption(_captioned(path), task=task),
            origin,
        )

    def caption(self, name: str, **wildcards: str) -> list[list[text.Piece]]:
        """The paragraphs of a caption of workflow/report/. Raises ValueError if there is none."""
        if name not in self.captions:
            raise ValueError(f"{name} has no caption: write workflow/report/{name}.rst.")
        return text.caption(self.captions[name], scale=self.scale, **wildcards)


def _titled(figure: Path) -> tuple[str, str]:
    """The title of a figure, and what somebody is told who does not see it."""
    if figure.stem.startswith(COMPARISON):
        return figure.stem.removeprefix(COMPARISON).replace("_", " ").capitalize(), COMPARED
    return FIGURES[_known(figure)]


def _captioned(figure: Path) -> str:
    """The name of a figure's caption."""
    if figure.stem.startswith(COMPARISON):
        return "comparisons"
    return CAPTIONS.get(figure.stem, figure.stem)


def _known(figure: Path) -> str:
    """The name of a figure. Raises ValueError if the page does not know it."""
    if figure.stem not in FIGURES:
        known = "analysis/page/content.py (FIGURES)"
        raise ValueError(f"{figure} is a figure without a title: give it one in {known}.")
    return figure.stem
