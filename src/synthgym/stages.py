"""The stages of the method: for each its code, settings, outputs, places, command line and resources.

Everything that lists stages reads this table: command line, manifests, rules, resources on a cluster,
page, captions, tests. Adding a stage is its module, a row here, its jobs in a plan (`plan/`), its tests.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

PACKAGE = "synthgym"
# What an agent that learns has to do with of a task: not what it is judged or drawn by.
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
OBJECTIVE = "results/{scale}/objectives/{objective}"
SEARCH = "results/{scale}/search/{task}/{search}"
FAMILIES = ("tasks", "comparisons", "mdps", "rewards")
ALL_CORES = "all"
STUDY = ("curves.parquet", "episodes.parquet")


@dataclass(frozen=True)
class Figure:
    """A picture among the outputs of a stage; its caption is workflow/report/<caption>.rst."""

    name: str  # without its suffix
    title: str
    alt: str  # what somebody is told who does not see it
    caption: str = ""  # name of the caption, where it is not the figure's own

    @property
    def file(self) -> str:
        return f"{self.name}.png"


@dataclass(frozen=True)
class Stage:
    """A step of the method."""

    module: str  # has its `run`
    uses: tuple[str, ...]  # of the configuration: sections, or settings as `task.horizon`
    places: tuple[str, ...]  # directories of its jobs, with wildcards
    outputs: tuple[str, ...]  # files in them, besides manifest.json and figures
    help: str  # what it does, as an order
    example: str  # arguments of a command that runs where `smoke` has been computed
    options: tuple[str, ...] = ()  # labels of a job that say which one it is, besides scale and seed
    gpu: bool = True  # whether it computes on a GPU where there is one
    threads: str | int = 1  # cores; ALL_CORES: as many as there are
    memory: int = 2000  # MB
    figures: tuple[Figure, ...] = ()
    # Made again whenever what it shows is: it is cheap, and shows seconds, which no key foretells.
    report: bool = False
    together: bool = False  # does several jobs side by side, and on several hosts


def _study(module: str, uses: tuple[str, ...], places: tuple[str, ...], text: str, example: str,
           options: tuple[str, ...], **more: object) -> Stage:  # fmt: skip
    return Stage(
        f"{PACKAGE}.evaluation.{module}", uses, places, STUDY, text, example, options, **more  # type: ignore[arg-type]
    )


def _report(
    module: str,
    uses: str,
    place: str,
    text: str,
    *figures: Figure,
    outputs: tuple[str, ...] = ("summary.json", "table.md"),
    options: tuple[str, ...] = (),
    example: str = "--scale smoke --out outputs/report",
) -> Stage:
    return Stage(
        f"{PACKAGE}.analysis.{module}", ("scale", *uses.split()), (f"results/{{scale}}{place}",), outputs, text,
        example, options, gpu=False, memory=1000, figures=figures, report=True,
    )  # fmt: skip


MADE = ("environment.safetensors", "progress.parquet", "evaluations.parquet")
SEARCHED = ("trials.parquet", "best.json", "importance.json")
_IN = "--scale smoke --task cartpole --environment bandit_ppo"

STAGES: Mapping[str, Stage] = {
    # how settings are found
    "search": Stage(
        f"{PACKAGE}.search.hyperparameters", ("seed", *TASK, "synth", "meta", "agents", "search"), (SEARCH,),
        SEARCHED, "search for settings of a meta-training: BOHB, with generations as its budget",
        "--scale smoke --task cartpole --search se --out outputs/search meta.population=2", ("task", "search"),
        threads=ALL_CORES, memory=4000,
    ),
    "search_comparison": Stage(
        f"{PACKAGE}.search.comparison", (*TASK, "synth", "meta", "agents", "comparison"), (f"{SEARCH}/comparison",),
        ("comparison.parquet",), "meta-train with the best settings found and with the plan's, and compare",
        "--scale smoke --task cartpole --search se --out outputs/compared", ("task", "search"),
        threads=ALL_CORES, memory=4000,
    ),
    "tune": Stage(
        f"{PACKAGE}.search.agents", ("seed", *TASK, "agents", "baseline", "search"),
        ("results/{scale}/rewards/{experiment}/tuned/{baseline}/{trial}",), SEARCHED,
        "search for settings of agents that learn in the real task: BOHB",
        "--scale smoke --task cliff --baseline plain_tuned --trial fixed --out outputs/tuned",
        ("task", "baseline", "trial"),
    ),
    "transform_study": Stage(
        f"{PACKAGE}.meta.transforms", (*TASK, "synth", "meta", "agents", "transforms"),
        ("results/{scale}/transforms/{task}",), ("runs.parquet",),
        "meta-train with each transform of scores and step size",
        "--scale smoke --task empty_room --out outputs/transforms", ("task",), threads=ALL_CORES, memory=3000,
    ),
    # how environments are made
    "teacher": Stage(
        f"{PACKAGE}.meta.teacher", ("seed", *TASK, "teacher"), ("results/{scale}/tasks/{task}/teacher/seed{seed}",),
        ("policy.safetensors", "progress.parquet", "episodes.parquet"),
        "train an agent in the real task, to distil from", "--scale smoke --task acrobot --out outputs/teacher",
        ("task",), memory=3000,
    ),
    "distil": Stage(
        f"{PACKAGE}.meta.distillation", ("seed", *TASK, "synth", "distil", "teacher.agents"), (f"{RUN}/distil",), MADE,
        "make a synthetic environment from what a teacher does",
        "--scale smoke --task acrobot --environment distilled --out outputs/try distil.noise=0.5",
        ("task", "environment"),
    ),
    "metatrain": Stage(
        f"{PACKAGE}.meta.evolve", ("seed", *TASK, "synth", "meta", "agents"), (f"{RUN}/metatrain",), MADE,
        "meta-train a synthetic environment with an evolution strategy",
        f"{_IN} --out outputs/try meta.generations=2", ("task", "environment"),
        threads=ALL_CORES, memory=4000, together=True,
    ),
    "model": Stage(
        f"{PACKAGE}.meta.model", ("seed", *TASK, "synth", "model", "agents"), (f"{RUN}/model",),
        ("environment.safetensors", "progress.parquet"),
        "fit a synthetic environment to what agents meet in the real task",
        "--scale smoke --task cartpole_v0 --environment modelled --out outputs/model", ("task", "environment"),
    ),
    "objective": Stage(
        f"{PACKAGE}.meta.objectives", ("seed", *TASK, "synth", "meta", "agents", "objective"),
        (f"{OBJECTIVE}/seed{{seed}}",),
        ("objective.safetensors", "progress.parquet", "evaluations.parquet", "drift.parquet"),
        "meta-train an objective: the drift of PPO",
        "--scale smoke --objective lpo_task --out outputs/objective", ("objective",), threads=ALL_CORES, memory=3000,
    ),
    # how agents are judged
    "transfer": _study(
        "transfer", ("seed", *TASK, "synth", "transfer", "agents"), (f"{RUN}/transfer/{{agent}}",),
        "train agents in a synthetic environment, judge them on the real task",
        f"{_IN} --agent dqn --out outputs/try seed=3", ("task", "environment", "agent"),
    ),
    "study": _study(
        "family", (*TASK, "synth", "transfer", "agents"), (f"{ARM}/transfer/{{trial}}",),
        "train agents in all environments of an arm, judge them on the real task",
        "--scale smoke --task cartpole_v0 --environment varied --trial seen --out outputs/study",
        ("task", "environment", "trial"),
    ),
    "baseline": _study(
        "baseline", ("seed", *TASK, "baseline", "agents"),
        (f"{EXPERIMENT}/real/{{trial}}", f"{EXPERIMENT}/real/{{baseline}}/{{trial}}"),
        "train and judge agents on the real task", "--scale smoke --task cartpole --agent dqn --out outputs/try",
        ("task", "agent"),
    ),
    "expert": _study(
        "expert", ("seed", *TASK, "expert", "agents"), ("results/{scale}/experts/{task}/{agent}",),
        "train and judge agents on the real task, with the settings tuned for it",
        "--scale smoke --task cartpole --agent ppo --out outputs/try expert.draws=1", ("task", "agent"), memory=3000,
    ),
    "judge": _study(
        "objectives", ("seed", *TASK, "judge", "agents", "objective_name"), (f"{OBJECTIVE}/judged/{{task}}",),
        "train agents by an objective in a real task, and judge them",
        "--scale smoke --objective dpo --task cartpole --out outputs/judged judge.draws=1", ("objective", "task"),
    ),
    "clients": _study(
        "clients", ("seed", *TASK, "synth", "clients"),
        ("results/{scale}/clients/{task}/{environment}/{client}/seed{seed}",),
        "train agents of Stable-Baselines3 in an environment, judge them in Gymnasium",
        "--scale standard --task cartpole --environment distilled --client sb3_ppo --out outputs/clients",
        ("task", "environment", "client"), gpu=False,
    ),
    "client_baseline": _study(
        "clients", ("seed", *TASK, "clients"), ("results/{scale}/clients/{task}/real/{client}",),
        "train and judge agents of Stable-Baselines3 in the real task, Gymnasium's",
        "--scale standard --task cartpole --client sb3_ppo --out outputs/try clients.draws=1", ("task", "client"),
        gpu=False,
    ),
    # what is looked into
    "behaviour": Stage(
        f"{PACKAGE}.evaluation.behaviour",
        ("seed", *TASK, "task.observation_names", "task.surface", "synth", "behaviour", "agents"),
        (f"{RUN}/behaviour", f"{ARM}/behaviour"), ("values.parquet", "surface.parquet"),
        "record what agents see and get, for histograms and the reward surface",
        f"{_IN} --out outputs/try behaviour.agents=1", ("task", "environment"),
    ),
    "rollout": Stage(
        f"{PACKAGE}.evaluation.rollout",
        ("seed", *TASK, "task.observation_names", "synth", "transfer.steps", "agents"), (f"{RUN}/rollout/{{agent}}",),
        ("rollout.parquet",), "record an episode on the real task of an agent trained in an environment",
        f"{_IN} --agent ppo --out outputs/rollout seed=3", ("task", "environment", "agent"),
    ),
    "noise": Stage(
        f"{PACKAGE}.evaluation.noise", (*TASK, "task.observation_names", "synth", "noise", "agents"),
        (f"{ARM}/noise",), ("noise.parquet",),
        "train agents in disturbed synthetic environments, judge them on the real task",
        "--scale smoke --task cartpole_v0 --environment varied --out outputs/noise", ("task", "environment"),
    ),
    "reward_map": Stage(
        f"{PACKAGE}.evaluation.reward_map", (*TASK, "synth", "agents"), (f"{ARM}/map",), ("rewards.parquet",),
        "list the rewards with a reward network, for every state and action",
        "--scale smoke --task cliff --environment additive_potential --out outputs/map", ("task", "environment"),
        gpu=False, memory=1000,
    ),
    "insight": Stage(
        f"{PACKAGE}.evaluation.insight",
        ("seed", *TASK, "task.observation_names", "mirror", "synth", "insight", "transfer.steps", "agents"),
        ("results/{scale}/insight/{task}/{environment}/seed{seed}",),
        ("policies.parquet", "importance.parquet", "symmetry.parquet", "states.parquet"),
        "look into what a bandit knows of its task", f"{_IN} --out outputs/insight", ("task", "environment"),
    ),
    "choices": Stage(
        f"{PACKAGE}.evaluation.choices", ("seed", *TASK, "synth", "distil", "teacher", "choices", "agents"),
        ("results/{scale}/choices/{task}/{environment}/{agent}/seed{seed}",), ("choices.parquet",),
        "vary the choices in distilling, one at a time",
        "--scale standard --task cartpole --environment distilled --agent ppo --out outputs/choices",
        ("task", "environment", "agent"),
    ),
    # what is reported
    "figures": _report(
        "figures", "task", "/figures/{task}", "draw the figures of a task",
        Figure("meta_training", "Meta-training", "Line charts of return over generations"),
        Figure("returns", "Density of returns", "Densities of return on the real task"),
        Figure("effort", "Training until solved", "Bars of steps and episodes, with intervals"),
        Figure("behaviour", "Observations and rewards", "Histograms, one per quantity and environment"),
        Figure("reward_surface", "Rewards", "Maps of reward over two of the observations"),
        outputs=(), options=("task",), example="--scale smoke --task cartpole --out outputs/figures",
    ),
    "summary": _report(
        "summary", "tasks", "", "put the numbers of a scale together", outputs=("summary.json", "summary.md"),
    ),
    "transfer_report": _report(
        "transfer", "tasks", "/transfer_report",
        "compare agents by where they were trained, and with what was published",
        Figure("transfer_profiles", "Performance profiles",
               "Line charts of the share of agents over normalised score, per task"),
        Figure("transfer_improvement", "Probability of improvement",
               "Points with intervals, one per pair of places where agents were trained"),
        Figure("transfer_efficiency", "Steps for the same return",
               "Line charts of return over training steps, per task and agent"),
    ),
    "expert_report": _report(
        "experts", "expert_tasks", "/expert_report",
        "put the numbers of the experts of a scale together, and draw their learning curves",
        Figure("learning_curves", "Learning curves", "Line charts of return over training steps, per task", "experts"),
    ),
    "choice_report": _report(
        "choices", "choice_tasks", "/choice_report", "put the numbers of these choices together, and draw them",
        Figure("choices", "Choices", "Charts of return over the values of each choice"),
        example="--scale standard --out outputs/report",
    ),
    "reward_report": _report(
        "rewards", "reward_tasks", "/reward_report", "put the numbers of reward networks together, and draw them",
        Figure("reward_curves", "Learning curves", "Line charts of return over training steps, per reward"),
        Figure("reward_map", "Learned rewards", "Maps of reward per cell and action, per kind of network"),
    ),
    "insight_report": _report(
        "insight", "insight_tasks", "/insight_report", "put what bandits know together, and draw it",
        Figure("insight", "What bandits know", "Returns, importance of observations, and contexts, per bandit"),
    ),
    "mdp_report": _report(
        "mdps", "mdp_tasks", "/mdp_report", "put the numbers of synthetic MDPs together, and draw them",
        Figure("mdp_feasibility", "Feasibility", "Line charts of return over generations, per task"),
        Figure("mdp_returns", "Returns and training", "Densities of return and bars of steps, per agent"),
        Figure("mdp_histograms", "Observations and rewards", "Histograms, one per quantity and arm"),
        Figure("mdp_ranking", "Ranking of settings", "Returns from MDPs against returns from the task"),
        Figure("mdp_noise", "Disturbed training", "Line charts of return over the intensity of noise"),
    ),
    "objective_report": _report(
        "objectives", "objectives", "/objective_report", "put the numbers of the objectives together, and draw them",
        Figure("objective_learning", "Learning by each objective",
               "Line charts of return over training steps, per task", "objectives"),
        Figure("drifts", "Drift functions", "Maps of drift over ratio and advantage, and two cuts"),
    ),
    "transform_report": _report(
        "transforms", "transform_tasks", "/transform_report",
        "put the numbers of score transforms together, and draw them",
        Figure("transforms", "Score over step size", "Line charts of score over step size, per transform"),
    ),
    "search_report": _report(
        "searches", "searches", "/search_report", "put the numbers of these searches together, and draw them",
        Figure("search", "Search for settings",
               "Return over real steps, bars of importance, and configurations as parallel coordinates"),
    ),
    "comparison_report": _report(
        "comparisons", "comparisons", "/comparison_report", "put the numbers of comparisons together, and draw them",
        Figure("comparison_{experiment}", "Comparison",
               "Returns by the place of training, with intervals, and the course of meta-training", "comparisons"),
    ),
    "page": _report(
        "page", "tasks expert_tasks choice_tasks", "/page",
        "put everything about a scale on one page, to look at in a browser", outputs=("report.html",),
    ),
}  # fmt: skip


CONSTRAINTS = {  # on what a wildcard of a place may be
    "scale": "[a-z]+",
    "family": "|".join(FAMILIES),
    "arm": "(?!(real|teacher)/)[a-z][a-z0-9_]*",
    "environment": "(?!(real|teacher)/)[a-z][a-z0-9_]*",
    "seed": "[0-9]+",
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
