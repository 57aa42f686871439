"""The stages of the method: for each its code, settings, outputs, places, command line, resources.

Everything that lists stages reads this table: command line, manifests, rules, resources on a
cluster, page, captions, tests. A new stage is its module, a row here, its jobs in a plan (`plan/`),
a line in workflow/rules/, its tests.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

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
ALL_CORES = "all"


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
    places: tuple[str, ...] = ()  # directories of its jobs, with wildcards
    outputs: tuple[str, ...] = ()  # files in them, besides manifest.json and figures
    help: str = ""  # what it does, as an order
    example: str = ""  # arguments of a command that runs where `smoke` has been computed
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


def _study(
    module: str,
    uses: tuple[str, ...],
    places: tuple[str, ...],
    help: str,  # noqa: A002 - as the field is called
    example: str,
    options: tuple[str, ...],
    memory: int = 2000,
    package: str = "",
) -> Stage:
    """A stage that trains agents and judges them."""
    return Stage(
        module=f"{PACKAGE}.evaluation.{module}",
        uses=uses,
        places=places,
        outputs=("curves.parquet", "episodes.parquet"),
        help=help,
        example=example,
        options=options,
        gpu=not package,
        memory=memory,
        package=package,
    )


def _report(
    module: str,
    uses: str,
    place: str,
    help: str,  # noqa: A002 - as the field is called
    *figures: Figure,
    category: str = "",
    caption: str = "",
    outputs: tuple[str, ...] = ("summary.json", "table.md"),
    options: tuple[str, ...] = (),
    example: str = "--scale smoke --out outputs/report",
    memory: int = 1000,
) -> Stage:
    """A stage that puts numbers together and draws them."""
    return Stage(
        module=f"{PACKAGE}.analysis.{module}",
        uses=("scale", *uses.split()),
        places=(f"results/{{scale}}{place}",),
        outputs=outputs,
        help=help,
        example=example,
        options=options,
        gpu=False,
        memory=memory,
        figures=figures,
        report=True,
        category=category,
        caption=caption or (figures[0].explained if figures else ""),
    )


MADE = ("environment.safetensors", "progress.parquet", "evaluations.parquet")
SEARCHED = ("trials.parquet", "best.json", "importance.json")
_IN = "--scale smoke --task cartpole --environment bandit_ppo"

SEARCHES = {  # how settings are found
    "search": Stage(
        module=f"{PACKAGE}.search.hyperparameters",
        uses=("seed", *TASK, "synth", "meta", "agents", "search"),
        places=(SEARCH,),
        outputs=SEARCHED,
        help="search for settings of a meta-training: BOHB, with generations as its budget",
        example="--scale smoke --task cartpole --search se --out outputs/search meta.population=2",
        options=("task", "search"),
        threads=ALL_CORES,
        memory=4000,
    ),
    "search_comparison": Stage(
        module=f"{PACKAGE}.search.comparison",
        uses=(*TASK, "synth", "meta", "agents", "comparison"),
        places=(f"{SEARCH}/comparison",),
        outputs=("comparison.parquet",),
        help="meta-train with the best settings found and with the plan's, and compare",
        example="--scale smoke --task cartpole --search se --out outputs/compared",
        options=("task", "search"),
        threads=ALL_CORES,
        memory=4000,
    ),
    "tune": Stage(
        module=f"{PACKAGE}.search.agents",
        uses=("seed", *TASK, "agents", "baseline", "search"),
        places=(f"{EXPERIMENT}/tuned/{{baseline}}/{{trial}}",),
        outputs=SEARCHED,
        help="search for settings of agents that learn in the real task: BOHB",
        example="--scale smoke --task cliff --baseline plain_tuned --trial fixed "
        "--out outputs/tuned",
        options=("task", "baseline", "trial"),
    ),
    "transform_study": Stage(
        module=f"{PACKAGE}.meta.transforms",
        uses=(*TASK, "synth", "meta", "agents", "transforms"),
        places=("results/{scale}/transforms/{task}",),
        outputs=("runs.parquet",),
        help="meta-train with each transform of scores and step size",
        example="--scale smoke --task empty_room --out outputs/transforms",
        options=("task",),
        threads=ALL_CORES,
        memory=3000,
    ),
}
MAKERS = {  # how environments are made
    "teacher": Stage(
        module=f"{PACKAGE}.meta.teacher",
        uses=("seed", *TASK, "teacher"),
        places=("results/{scale}/tasks/{task}/teacher/seed{seed}",),
        outputs=("policy.safetensors", "progress.parquet", "episodes.parquet"),
        help="train an agent in the real task, to distil from",
        example="--scale smoke --task acrobot --out outputs/teacher",
        options=("task",),
        memory=3000,
    ),
    "distil": Stage(
        module=f"{PACKAGE}.meta.distillation",
        uses=("seed", *TASK, "synth", "distil", "teacher.agents"),
        places=(f"{RUN}/distil",),
        outputs=MADE,
        help="make a synthetic environment from what a teacher does",
        example="--scale smoke --task acrobot --environment distilled --out outputs/try "
        "distil.noise=0.5",
        options=("task", "environment"),
    ),
    "metatrain": Stage(
        module=f"{PACKAGE}.meta.evolve",
        uses=("seed", *TASK, "synth", "meta", "agents"),
        places=(f"{RUN}/metatrain",),
        outputs=MADE,
        help="meta-train a synthetic environment with an evolution strategy",
        example=f"{_IN} --out outputs/try meta.generations=2",
        options=("task", "environment"),
        threads=ALL_CORES,
        memory=4000,
        together=True,
    ),
    "model": Stage(
        module=f"{PACKAGE}.meta.model",
        uses=("seed", *TASK, "synth", "model", "agents"),
        places=(f"{RUN}/model",),
        outputs=("environment.safetensors", "progress.parquet"),
        help="fit a synthetic environment to what agents meet in the real task",
        example="--scale smoke --task cartpole_v0 --environment modelled --out outputs/model",
        options=("task", "environment"),
    ),
    "objective": Stage(
        module=f"{PACKAGE}.meta.objectives",
        uses=("seed", *TASK, "synth", "meta", "agents", "objective"),
        places=(f"{OBJECTIVE}/seed{{seed}}",),
        outputs=(
            "objective.safetensors",
            "progress.parquet",
            "evaluations.parquet",
            "drift.parquet",
        ),
        help="meta-train an objective: the drift of PPO",
        example="--scale smoke --objective lpo_task --out outputs/objective",
        options=("objective",),
        threads=ALL_CORES,
        memory=3000,
    ),
}
JUDGES = {  # how agents are judged
    "transfer": _study(
        "transfer",
        ("seed", *TASK, "synth", "transfer", "agents"),
        (f"{RUN}/transfer/{{agent}}",),
        "train agents in a synthetic environment, judge them on the real task",
        f"{_IN} --agent dqn --out outputs/try seed=3",
        ("task", "environment", "agent"),
    ),
    "study": _study(
        "family",
        (*TASK, "synth", "transfer", "agents"),
        (f"{ARM}/transfer/{{trial}}",),
        "train agents in all environments of an arm, judge them on the real task",
        "--scale smoke --task cartpole_v0 --environment varied --trial seen --out outputs/study",
        ("task", "environment", "trial"),
    ),
    "baseline": _study(
        "baseline",
        ("seed", *TASK, "baseline", "agents"),
        (f"{EXPERIMENT}/real/{{trial}}", f"{EXPERIMENT}/real/{{baseline}}/{{trial}}"),
        "train and judge agents on the real task",
        "--scale smoke --task cartpole --agent dqn --out outputs/try baseline.draws=1",
        ("task", "agent"),
    ),
    "expert": _study(
        "expert",
        ("seed", *TASK, "expert", "agents"),
        ("results/{scale}/experts/{task}/{agent}",),
        "train and judge agents on the real task, with the settings tuned for it",
        "--scale smoke --task cartpole --agent ppo --out outputs/try expert.draws=1",
        ("task", "agent"),
        memory=3000,
    ),
    "judge": _study(
        "objectives",
        ("seed", *TASK, "judge", "agents", "objective_name"),
        (f"{OBJECTIVE}/judged/{{task}}",),
        "train agents by an objective in a real task, and judge them",
        "--scale smoke --objective dpo --task cartpole --out outputs/judged judge.draws=1",
        ("objective", "task"),
    ),
    "clients": _study(
        "clients",
        ("seed", *TASK, "synth", "clients"),
        ("results/{scale}/clients/{task}/{environment}/{client}/seed{seed}",),
        "train agents of Stable-Baselines3 in an environment, judge them in Gymnasium",
        "--scale standard --task cartpole --environment distilled --client sb3_ppo "
        "--out outputs/clients",
        ("task", "environment", "client"),
        package="stable_baselines3",
    ),
    "client_baseline": _study(
        "clients",
        ("seed", *TASK, "clients"),
        ("results/{scale}/clients/{task}/real/{client}",),
        "train and judge agents of Stable-Baselines3 in the real task, Gymnasium's",
        "--scale standard --task cartpole --client sb3_ppo --out outputs/try clients.draws=1",
        ("task", "client"),
        package="stable_baselines3",
    ),
}
LOOKS = {  # what is looked into
    "behaviour": Stage(
        module=f"{PACKAGE}.evaluation.behaviour",
        uses=(
            *("seed", *TASK, "task.observation_names", "task.surface"),
            *("synth", "behaviour", "agents"),
        ),
        places=(f"{RUN}/behaviour", f"{ARM}/behaviour"),
        outputs=("values.parquet", "surface.parquet"),
        help="record what agents see and get, for histograms and the reward surface",
        example=f"{_IN} --out outputs/try behaviour.agents=1",
        options=("task", "environment"),
    ),
    "rollout": Stage(
        module=f"{PACKAGE}.evaluation.rollout",
        uses=("seed", *TASK, "task.observation_names", "synth", "transfer.steps", "agents"),
        places=(f"{RUN}/rollout/{{agent}}",),
        outputs=("rollout.parquet",),
        help="record an episode on the real task of an agent trained in an environment",
        example=f"{_IN} --agent ppo --out outputs/rollout seed=3",
        options=("task", "environment", "agent"),
    ),
    "noise": Stage(
        module=f"{PACKAGE}.evaluation.noise",
        uses=(*TASK, "task.observation_names", "synth", "noise", "agents"),
        places=(f"{ARM}/noise",),
        outputs=("noise.parquet",),
        help="train agents in disturbed synthetic environments, judge them on the real task",
        example="--scale smoke --task cartpole_v0 --environment varied --out outputs/noise",
        options=("task", "environment"),
    ),
    "reward_map": Stage(
        module=f"{PACKAGE}.evaluation.reward_map",
        uses=(*TASK, "synth", "agents"),
        places=(f"{ARM}/map",),
        outputs=("rewards.parquet",),
        help="list the rewards with a reward network, for every state and action",
        example="--scale smoke --task cliff --environment additive_potential --out outputs/map",
        options=("task", "environment"),
        gpu=False,
        memory=1000,
    ),
    "insight": Stage(
        module=f"{PACKAGE}.evaluation.insight",
        uses=(
            *("seed", *TASK, "task.observation_names", "mirror"),
            *("synth", "insight", "transfer.steps", "agents"),
        ),
        places=("results/{scale}/insight/{task}/{environment}/seed{seed}",),
        outputs=("policies.parquet", "importance.parquet", "symmetry.parquet", "states.parquet"),
        help="look into what a bandit knows of its task",
        example=f"{_IN} --out outputs/insight",
        options=("task", "environment"),
    ),
    "choices": Stage(
        module=f"{PACKAGE}.evaluation.choices",
        uses=("seed", *TASK, "synth", "distil", "teacher", "choices", "agents"),
        places=("results/{scale}/choices/{task}/{environment}/{agent}/seed{seed}",),
        outputs=("choices.parquet",),
        help="vary the choices in distilling, one at a time",
        example="--scale standard --task cartpole --environment distilled --agent ppo "
        "--out outputs/choices",
        options=("task", "environment", "agent"),
    ),
}
REPORTS = {  # what is reported
    "figures": _report(
        "figures.tasks",
        "task",
        "/figures/{task}",
        "draw the figures of a task",
        Figure("meta_training", "Meta-training", "Line charts of return over generations"),
        Figure("returns", "Density of returns", "Densities of return on the real task"),
        Figure("effort", "Training until solved", "Bars of steps and episodes, with intervals"),
        Figure(
            "behaviour",
            "Observations and rewards",
            "Histograms, one per quantity and environment",
        ),
        Figure("reward_surface", "Rewards", "Maps of reward over two of the observations"),
        Figure("rollout", "An episode", "Traces of one episode per environment over its steps"),
        category="{task}",
        outputs=(),
        options=("task",),
        example="--scale smoke --task cartpole --out outputs/figures",
    ),
    "summary": _report(
        "summary",
        "tasks",
        "",
        "put the numbers of a scale together",
        category="numbers",
        caption="summary",
        outputs=("summary.json", "summary.md"),
    ),
    "transfer_report": _report(
        "transfer",
        "tasks",
        "/transfer_report",
        "compare agents by where they were trained, and with what was published",
        Figure(
            "transfer_profiles",
            "Performance profiles",
            "Line charts of the share of agents over normalised score, per task",
        ),
        Figure(
            "transfer_improvement",
            "Probability of improvement",
            "Points with intervals, one per pair of places where agents were trained",
        ),
        Figure(
            "transfer_efficiency",
            "Steps for the same return",
            "Line charts of return over training steps, per task and agent",
        ),
        category="transfer",
        caption="transfer",
        memory=2000,
    ),
    "expert_report": _report(
        "experts",
        "expert_tasks",
        "/expert_report",
        "put the numbers of the experts of a scale together, and draw their learning curves",
        Figure(
            "learning_curves",
            "Learning curves",
            "Line charts of return over training steps, per task",
            caption="experts",
        ),
        category="experts",
    ),
    "choice_report": _report(
        "choices",
        "choice_tasks",
        "/choice_report",
        "put the numbers of these choices together, and draw them",
        Figure("choices", "Choices", "Charts of return over the values of each choice"),
        category="distillation",
        example="--scale standard --out outputs/report",
    ),
    "reward_report": _report(
        "rewards",
        "reward_tasks",
        "/reward_report",
        "put the numbers of reward networks together, and draw them",
        Figure(
            "reward_curves",
            "Learning curves",
            "Line charts of return over training steps, per reward",
        ),
        Figure(
            "reward_map",
            "Learned rewards",
            "Maps of reward per cell and action, per kind of network",
        ),
        category="reward networks",
    ),
    "insight_report": _report(
        "insight",
        "insight_tasks",
        "/insight_report",
        "put what bandits know together, and draw it",
        Figure(
            "insight",
            "What bandits know",
            "Returns, importance of observations, and contexts, per bandit",
        ),
        category="bandits",
    ),
    "mdp_report": _report(
        "mdps",
        "mdp_tasks",
        "/mdp_report",
        "put the numbers of synthetic MDPs together, and draw them",
        Figure(
            "mdp_feasibility", "Feasibility", "Line charts of return over generations, per task"
        ),
        Figure(
            "mdp_returns",
            "Returns and training",
            "Densities of return and bars of steps, per agent",
        ),
        Figure(
            "mdp_histograms",
            "Observations and rewards",
            "Histograms, one per quantity and arm",
        ),
        Figure(
            "mdp_ranking",
            "Ranking of settings",
            "Returns from MDPs against returns from the task",
        ),
        Figure(
            "mdp_noise",
            "Disturbed training",
            "Line charts of return over the intensity of noise",
        ),
        category="synthetic MDPs",
        caption="mdp_returns",
    ),
    "objective_report": _report(
        "objectives",
        "objectives",
        "/objective_report",
        "put the numbers of the objectives together, and draw them",
        Figure(
            "objective_learning",
            "Learning by each objective",
            "Line charts of return over training steps, per task",
            caption="objectives",
        ),
        Figure("drifts", "Drift functions", "Maps of drift over ratio and advantage, and two cuts"),
        category="objectives",
    ),
    "transform_report": _report(
        "transforms",
        "transform_tasks",
        "/transform_report",
        "put the numbers of score transforms together, and draw them",
        Figure(
            "transforms",
            "Score over step size",
            "Line charts of score over step size, per transform",
        ),
        category="score transforms",
    ),
    "search_report": _report(
        "searches",
        "searches",
        "/search_report",
        "put the numbers of these searches together, and draw them",
        Figure(
            "search",
            "Search for settings",
            "Return over real steps, bars of importance, and configurations as parallel "
            "coordinates",
        ),
        category="search for settings",
    ),
    "comparison_report": _report(
        "comparisons",
        "comparisons",
        "/comparison_report",
        "put the numbers of comparisons together, and draw them",
        Figure(
            "comparison_{experiment}",
            "Comparison",
            "Returns by the place of training, with intervals, and the course of meta-training",
            caption="comparisons",
            family="comparisons",
        ),
        category="comparisons",
    ),
    "page": _report(
        "page",
        "tasks expert_tasks choice_tasks",
        "/page",
        "put everything about a scale on one page, to look at in a browser",
        outputs=("report.html",),
    ),
}
PHASES: Mapping[str, Mapping[str, Stage]] = {
    "search": SEARCHES,
    "make": MAKERS,
    "judge": JUDGES,
    "look": LOOKS,
    "report": REPORTS,
}
STAGES: Mapping[str, Stage] = {
    name: stage for stages in PHASES.values() for name, stage in stages.items()
}


CAPTIONS = (  # of all pictures, and of the page itself
    *dict.fromkeys(figure.explained for stage in STAGES.values() for figure in stage.figures),
    "workflow",
)
CONSTRAINTS = {  # what a wildcard of a place may stand for
    "scale": "[a-z]+",
    "family": "|".join(FAMILIES),
    "arm": "(?!(real|teacher|tuned)/)[a-z][a-z0-9_]*",
    "environment": "(?!(real|teacher)/)[a-z][a-z0-9_]*",
    "seed": "[0-9]+",
    "group": "[0-9]+",
}
NAME = "[a-z][a-z0-9_]*"  # any other


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
