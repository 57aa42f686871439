"""What settings there are: meaning, unit and range of each; and the check of a value against it.

A section may be given in part (layers of params.yaml are), so nothing here has a default: those
live in conf/. Whatever is wrong is refused in one sentence that names the place.
"""

import dataclasses
import difflib
import textwrap
import types
import typing
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from omegaconf import MISSING, OmegaConf

CONF = Path(__file__).parents[1] / "conf"
SEARCHES = ("choice", "uniform", "log_uniform", "int")
KINDS_OF_ACTION = ("discrete", "continuous")
KINDS_OF_OBSERVATION = ("vector", "one_hot")
REWARDS = {  # what a distilled bandit may pay; synth/distil.py says what each of them is
    "discrete": ("advantage", "action_preference", "log_probability", "agreement"),
    "continuous": ("negative_squared_distance", "negative_distance"),
}
CLIENTS = {  # agents of Stable-Baselines3 -> kinds of action that they can deal with
    "sb3_dqn": ("discrete",),
    "sb3_ppo": KINDS_OF_ACTION,
    "sb3_a2c": KINDS_OF_ACTION,
    "sb3_sac": ("continuous",),
    "sb3_td3": ("continuous",),
    "sb3_ddpg": ("continuous",),
}
REWARD_KINDS = (  # of reward networks; synth/reward.py says what each of them is
    *("exclusive_potential", "additive_potential"),
    *("exclusive_non_potential", "additive_non_potential"),
    *("exclusive_potential_info", "additive_potential_info"),
    *("exclusive_non_potential_info", "additive_non_potential_info"),
    *("exclusive_weighted_info", "additive_weighted_info"),
)
SPACES = (*SEARCHES, "one_minus_log_uniform")  # of a search for settings; the last: gamma and such
LATENTS = ("normal", "uniform", "categorical", "softmax")
KEEP = ("last", "best")
PLACES = ("real", "synthetic")
TRANSFORMS = (  # of scores; meta/strategies.py says what each of them is
    *("linear", "rank", "nes", "nes_unnormalised"),
    *("single_best", "single_better", "all_better_1", "all_better_2"),
)
WORDS = {int: "a whole number", float: "a number", str: "a word", bool: "true or false"}
OF_PLANS = (
    "tuned",
    "info",
    "mirror",
)  # what jobs do not see of a task, unless it is their business
NO_LIMITS: Mapping[str, Any] = MappingProxyType({})


class ConfigError(ValueError):
    """A configuration that makes no sense, as one sentence that names the place."""


def setting(
    meaning: str,
    unit: str = "",
    low: float | None = None,
    above: float | None = None,
    among: Sequence[str] = (),
) -> Any:
    """A setting of a section. `low` is the smallest value, `above` just too small a one."""
    limits = {"low": low, "above": above, "among": among}
    return dataclasses.field(default=MISSING, metadata={"meaning": meaning, "unit": unit, **limits})


def section(kind: type) -> Any:
    """A section within a section."""
    return dataclasses.field(default_factory=kind)


HYPERPARAMETERS = setting(
    "each agent draws its own from its `search`, or takes the defaults",
    among=["sampled", "default"],
)


@dataclasses.dataclass
class Action:
    """What an agent does in a task."""

    kind: str = setting("one of `size` choices, or `size` numbers", among=KINDS_OF_ACTION)
    size: int = setting("number of choices, or of dimensions", low=1)
    low: float = setting("lower bound of each dimension of a continuous action")
    high: float = setting("upper bound of each dimension of a continuous action")


@dataclasses.dataclass
class Reference:
    """Returns to compare with, as measured here."""

    random: float = setting("of uniformly random actions", "mean return per episode")
    expert: float | None = setting(
        "of the best agent in results/standard/expert_report, or null", "IQM of returns"
    )


@dataclasses.dataclass
class Mirror:
    """The symmetry of a task that is its own mirror image; empty lists where it has none."""

    observation: list[float] = setting("factor of each observation")
    action: list[float] = setting(
        "discrete: number of the action that each becomes; continuous: factor of each dimension"
    )


@dataclasses.dataclass
class Task:
    """A real task."""

    name: str = setting("as in conf/task/<name>.yaml")
    id: str = setting("as the library that provides it calls it")
    module: str = setting("the module that provides it")
    observation_size: int = setting("numbers in an observation", low=1)
    observation_names: list[str] = setting("what each of them is, with its unit")
    num_states: int = setting("observations are one-hot: one of so many states; 0: numbers", low=0)
    action: Action = section(Action)
    horizon: int = setting("when an episode is truncated", "steps", low=1)
    solved: float | None = setting("counts as solved from here on, or null", "return per episode")
    reference: Reference = section(Reference)
    published: dict[str, Any] = setting(
        "agent -> published return on this task: {real: trained in it, synthetic: not in it}"
    )
    info: list[str] = setting(
        "what the task says of a state besides what is observed; for reward networks"
    )
    options: dict[str, Any] = setting("what else the module is to know; of tasks.repeat: how often")
    surface: list[str] = setting("two observations over which the reward is drawn; []: it is not")
    mirror: Mirror = section(Mirror)
    tuned: dict[str, Any] = setting("agent -> settings tuned for the real task; no job sees them")


@dataclasses.dataclass
class Synth:
    """A synthetic environment before it is trained."""

    name: str = setting("as in conf/synth/<name>.yaml")
    module: str = setting("the module that provides it")
    observations: list[str] = setting("kinds it puts out", among=KINDS_OF_OBSERVATION)
    horizon: int = setting("when an episode is truncated; 1: contextual bandit", "steps", low=1)
    initial_states: int = setting(
        "table of so many, of which an episode begins in one; 0: a network of a latent", low=0
    )
    latent: str = setting(
        "what that network is given, as many numbers as an observation has; uniform: of variance "
        "one; categorical: one-hot; softmax: of normal ones",
        among=LATENTS,
    )
    hidden: list[int] = setting("widths of the hidden layers of each network", "units", low=1)
    activation: str = setting("between layers")
    reward: str | None = setting("of a reward network: its kind", among=REWARD_KINDS)
    terminal_potential: str | None = setting(
        "of a reward network: the potential of a terminal state is zero, or what the network says",
        among=["zero", "network"],
    )


@dataclasses.dataclass
class Curriculum:
    """The horizon of the episodes in which a candidate's agents are tested on the real task."""

    kind: str = setting(
        "always that of the task; or from `start` up to it (down, where it is less): in equal "
        "changes, in stages, or whenever the fitness no longer rises",
        among=["constant", "linear", "stepwise", "adaptive"],
    )
    start: int = setting("at the beginning", "steps", low=1)
    begin: float = setting("share of the generations before it changes", low=0)
    end: float = setting("share of the generations after which it is that of the task", above=0)
    stages: int = setting("of stepwise", low=2)
    growth: float = setting("factor of adaptive", above=1)
    window: int = setting("whose mean fitness adaptive compares", "generations", low=1)


@dataclasses.dataclass
class Scoring:
    """What a search maximises of an agent's training."""

    name: str = setting(
        "return after training; minus the steps until `window` tests on the real task solve it on "
        "average, and a penalty where they do not; mean return of the tests in training",
        among=["final_return", "steps_to_solve", "area_under_curve"],
    )
    tests: int = setting("real tests, evenly spaced, in each training", low=1)
    window: int = setting("of steps_to_solve", "tests", low=1)
    penalty: float = setting(
        "of steps_to_solve: for each unit by which the return does not solve the task",
        "environment steps",
        low=0,
    )


@dataclasses.dataclass
class Meta:
    """Meta-training."""

    name: str = setting("the strategy, as in conf/meta/<name>.yaml")
    agents: list[str] = setting("algorithms trained in the candidates")
    algorithm: str = setting(
        "which of them a generation takes", among=["round_robin", "sampled", "all"]
    )
    generations: int = setting("length of the search, at most", "generations", low=1)
    stop: str = setting(
        "before: never, or as soon as in an evaluation of the search mean the mean return of each "
        "algorithm is that from which the task counts as solved",
        among=["never", "solved"],
    )
    keep: str = setting("the last search mean, or that with the best evaluation", among=KEEP)
    population: int = setting(
        "size of a generation; of ferreira: perturbations", "candidate environments", low=2
    )
    sigma: float = setting(
        "initial standard deviation of the search, per parameter; where it begins at a distilled "
        "environment: over the root mean square of that parameter's column",
        above=0,
    )
    learning_rate: float = setting("of open_es", "deviations of the search", above=0)
    step_size: float = setting("of ferreira: times weighted sum of perturbations", above=0)
    transform: str = setting("of ferreira: what a score is worth", among=TRANSFORMS)
    mirrored: bool = setting("of ferreira: the better of a perturbation and its mirror image")
    rollouts: int = setting("of each candidate, each with its own settings", "agents", low=1)
    fitness: str = setting("of a candidate, over its agents", among=["mean", "median", "min"])
    objective: Scoring = section(Scoring)
    own_hyperparameters: bool = setting("drawn per candidate; false: for all of a generation")
    own_random_numbers: bool = setting("per candidate; false: the same for all of a generation")
    curriculum: Curriculum = section(Curriculum)
    steps: dict[str, int] = setting("agent -> length of its training", "synthetic steps", low=1)
    episodes: int = setting("real test of a candidate", "episodes", low=1)
    hyperparameters: str = HYPERPARAMETERS
    evaluate_every: int = setting("search mean is evaluated; 0: only last", "generations", low=0)
    evaluate_draws: int = setting("for each such evaluation", "agents", low=1)
    checkpoint_seconds: float = setting("what a killed run may lose", "seconds", low=0)
    start: str | None = setting(
        "distilled environment of the plan where the search begins; null: where networks do"
    )


@dataclasses.dataclass
class Teacher:
    """An agent trained in the real task, with the settings tuned for it, to distil from."""

    agent: str | None = setting("its algorithm; null: this task has no teacher")
    steps: int | None = setting("length of its training; null: as tuned", "real steps", low=1)
    candidates: int = setting("trained, of which the best in a test is kept", low=1)
    episodes: int = setting("each real test", "episodes", low=1)


@dataclasses.dataclass
class Students:
    """Agents trained in a distilled bandit, who show where in the real task they get (DAgger)."""

    rounds: int = setting(
        "in which the states where they get are added to those that contexts are taken from, as "
        "many of each round as of the teacher's, and the bandit is made anew",
        low=0,
    )
    agent: str | None = setting("their algorithm; null: the first that the task's agents have")
    number: int = setting("in a round, each with its own hyperparameters", "agents", low=1)
    steps: int = setting("length of their training", "synthetic steps", low=1)
    episodes: int = setting("of each of them in the real task", "episodes", low=1)


@dataclasses.dataclass
class Distil:
    """A synthetic environment made from what the teacher does and prefers."""

    episodes: int = setting("of the teacher in the real task, whose states are used", low=1)
    exploration: float = setting("share of random actions in them", low=0)
    noise: float = setting("largest, added to a context", "standard deviations", low=0)
    indifferent: float = setting(
        "share of a bandit's contexts that are no states of the task, in which all actions are "
        "worth the same",
        low=0,
    )
    reward: str | None = setting(
        "what a bandit pays; null: the first of its kind of action; an MDP pays as the real task",
        among=[name for names in REWARDS.values() for name in names],
    )
    students: Students = section(Students)
    fit_steps: int = setting("of each network", "gradient steps", low=1)
    fit_batch_size: int = setting("of each such step", "samples", low=2)
    fit_learning_rate: float = setting("of Adam at the beginning", above=0)


@dataclasses.dataclass
class Agent:
    """A learning algorithm."""

    name: str = setting("as in conf/agent/<name>.yaml")
    module: str = setting("the module that provides it")
    actions: list[str] = setting("kinds of action it can deal with", among=KINDS_OF_ACTION)
    observations: list[str] = setting("kinds of observation", among=KINDS_OF_OBSERVATION)
    static: dict[str, Any] = setting("what fixes a shape: each combination is one compilation")
    shapes: list[dict[str, Any]] = setting(
        "static settings that differ, of which each agent with sampled hyperparameters takes one "
        "(in meta-training: all of a generation the same); []: all are as `static` says"
    )
    hyperparameters: dict[str, Any] = setting("defaults of the traced numbers")
    search: dict[str, Any] = setting("hyperparameter -> {choice: [..]}, {uniform: [low, high]}, ..")


@dataclasses.dataclass
class Study:
    """Agents trained somewhere and judged on the real task."""

    draws: int = setting("each with its own hyperparameters and first parameters", "agents", low=1)
    steps: int | None = setting(
        "length of a training; null, for experts: as tuned for the task", "environment steps", low=1
    )
    episodes: int = setting("real test in each evaluation", "episodes", low=1)
    evaluations: int = setting("per training, evenly spaced, the last at its end", low=1)
    hyperparameters: str = HYPERPARAMETERS
    repeats: int = setting(
        "of each setting that is drawn; above 1, settings are the same in all environments",
        "agents",
        low=1,
    )
    stop: str = setting(
        "before `steps`: never, at a mean return of `solved` over the last 10 training episodes, "
        "or when that of the last 10 differs from that of the 10 before by less than 1 %",
        among=["never", "solved", "converged"],
    )
    solved: float | None = setting("for `stop: solved`; null: as the task says", "return")


@dataclasses.dataclass
class Choices:
    """Values of the choices in distilling, of which one is varied at a time."""

    draws: int = setting("each with its own hyperparameters", "agents", low=1)
    steps: int = setting("length of their training", "synthetic steps", low=1)
    episodes: int = setting("real test of each", "episodes", low=1)
    noise: list[float] = setting("of contexts: see distil.noise", "standard deviations", low=0)
    indifferent: list[float] = setting("share of contexts: see distil.indifferent", low=0)
    exploration: list[float] = setting("shares: see distil.exploration", low=0)
    initial_states: list[int] = setting("contexts in the table; 0: from a network", low=0)
    teacher: list[float] = setting("shares of its training", above=0)


@dataclasses.dataclass
class Objective:
    """Meta-training of what agents maximise: the drift of LPO."""

    train: str = setting(
        "where agents learn by a candidate: the task, or the synthetic environment", among=PLACES
    )
    fitness: str = setting("where these agents are tested for its fitness", among=PLACES)
    steps: int = setting(
        "evaluation of the search mean beside PPO, with settings tuned for it: length of training",
        "real steps",
        low=1,
    )
    episodes: int = setting("real test of each agent then", "episodes", low=1)


@dataclasses.dataclass
class Behaviour:
    """Recordings for histograms."""

    agents: int = setting("whose observations and rewards are recorded", "agents", low=1)
    steps: int = setting("length of their training runs", "synthetic steps", low=1)
    episodes: int = setting("real test of each", "episodes", low=1)
    samples: int = setting("kept per histogram", "values", low=1)


@dataclasses.dataclass
class Insight:
    """What a bandit knows: its best action as a policy, what that depends on."""

    agents: int = setting("trained in it with default hyperparameters", "agents", low=1)
    episodes: int = setting(
        "real test of each, and as many of all of them without", "episodes", low=1
    )
    visits: int = setting("of each, of whose states some are taken", "episodes", low=1)
    states: int = setting("taken", "states", low=2)


@dataclasses.dataclass
class Model:
    """A synthetic MDP that predicts what agents meet as they learn in the task (no evolution)."""

    agents: int = setting("that learn there, each with its own settings", "agents", low=1)
    steps: int = setting("length of each training, all of which is predicted", "real steps", low=1)
    fit_steps: int = setting("of each network", "gradient steps", low=1)
    fit_batch_size: int = setting("of each such step", "samples", low=2)
    fit_learning_rate: float = setting("of Adam at the beginning", above=0)


@dataclasses.dataclass
class Noise:
    """Synthetic environments whose observations or rewards are disturbed while agents train."""

    intensities: list[float] = setting(
        "of Gaussian noise on one of the observations, or on the reward: over the standard "
        "deviation that it has in undisturbed trainings",
        low=0,
    )
    agents: int = setting("at each intensity, with default hyperparameters", "agents", low=1)
    steps: int = setting("length of their training", "synthetic steps", low=1)
    episodes: int = setting("real test of each", "episodes", low=1)


@dataclasses.dataclass
class Clients:
    """Agents of Stable-Baselines3, with its default settings, judged in Gymnasium's own task."""

    draws: int = setting("each with its own random seed", "agents", low=1)
    steps: int = setting(
        "length of a training; what collects batches (PPO) ends with the one that reaches it",
        "environment steps",
        low=1,
    )
    episodes: int = setting("test of each at the end of its training", "episodes", low=1)


@dataclasses.dataclass
class Config:
    """Everything that can be set for a task and an environment."""

    seed: int = setting("of all random numbers of the job", low=0)
    task: Task = section(Task)
    synth: Synth = section(Synth)
    meta: Meta = section(Meta)
    distil: Distil = section(Distil)
    teacher: Teacher = section(Teacher)
    agents: dict[str, Agent] = section(dict)
    transfer: Study = section(Study)
    baseline: Study = section(Study)
    expert: Study = section(Study)
    behaviour: Behaviour = section(Behaviour)
    insight: Insight = section(Insight)
    model: Model = section(Model)
    noise: Noise = section(Noise)
    choices: Choices = section(Choices)
    clients: Clients = section(Clients)
    objective: Objective = section(Objective)
    judge: Study = section(Study)


@dataclasses.dataclass
class Only:
    """What a task gets of what the scale plans."""

    agents: list[str] = setting("of the scale's agents, those for this task")
    environments: list[str] = setting("of the scale's environments, those for this task")


@dataclasses.dataclass
class Where:
    """Where something is tried that is not for every task and agent."""

    tasks: list[str] = setting("of the scale's tasks, these")
    agents: list[str] = setting("of the agents of each of these tasks, these")
    seeds: list[int] = setting("of the seeds, these; all of them if not said", low=0)


@dataclasses.dataclass
class ClientsOf:
    """Which agents of another library are trained in the environments of a task."""

    agents: list[str] = setting("these, in the real task too", among=tuple(CLIENTS))
    environments: list[str] = setting("of the task's environments, these")
    seeds: list[int] = setting("of the seeds of each, these; all of them if not said", low=0)


@dataclasses.dataclass
class Experiment:
    """One question: environments made in several ways (arms), and agents judged with them (trials).

    Everything but `question`, `place` and `task` may differ between budgets, and in params.yaml.
    """

    question: str = setting("what is asked, as a heading")
    place: str = setting("directory of its results: comparisons, mdps or rewards, and a name")
    task: str = setting("as in conf/task/<name>.yaml")
    agent: str = setting("the algorithm that environments are made with; else meta.agents says it")
    seeds: list[int] = setting("one environment of each arm each", low=0)
    settings: dict[str, Any] = setting("sections of the configuration, for all that follows")
    make: dict[str, Any] = setting("sections that differ where environments are made")
    arms: dict[str, Any] = setting(
        "name -> sections that differ in how environments are made; of these agents are judged by "
        "`synth` and `transfer`; with `model`: fitted, not evolved; with `search`: by the best "
        "settings that this search of the task found; with `seeds`: its own"
    )
    environments: list[str] = setting("of the scale's environments of the task, arms as well")
    trials: dict[str, Any] = setting(
        "name -> {agent, sections that differ}: agents judged with each environment (`transfer`), "
        "and in the task; `arms`: with these only"
    )
    real: str = setting(
        "agents in the task itself: as `baseline` says; as that, but as many as with all "
        "environments of an arm; as `transfer` says, and so many",
        among=["baseline", "as_many", "like_transfer"],
    )
    without: dict[str, Any] = setting(
        "name -> {in_place_of, tune, sections that differ}: agents in the task itself, in several "
        "ways. in_place_of: agent of a trial -> that which trains in its place; trials of others "
        "are left out. tune: a search for their settings"
    )
    looks: list[str] = setting(
        "what is recorded of each evolved arm: of its first environment, or the rewards of all",
        among=["behaviour", "noise", "reward_map"],
    )
    claims: dict[str, Any] = setting("name -> what is expected, written before it is computed")


@dataclasses.dataclass
class Claim:
    """What is expected of an experiment: agents in some places, beside those in others."""

    says: str = setting("the claim, as a sentence")
    of: list[str] = setting("arms, or `all` of them, or `real`: where these agents are trained")
    over: list[str] = setting("where the others are; both differ in return on the real task")
    trials: list[str] = setting("in which trials; all of them if not said")
    over_trials: list[str] = setting("trials of the others, where they are not the same")
    expect: str = setting(
        "of the difference: above zero, or between minus and plus a tenth of what is between "
        "random actions and the best agent known",
        among=["better", "equal"],
    )


@dataclasses.dataclass
class Objectives:
    """Objectives that are meta-trained, and tasks in which all are judged beside PPO's and DPO's."""

    question: str = setting("what is asked, as a heading")
    place: str = setting("directory of its results: objectives")
    task: str = setting("of the scale's tasks, that of meta-training")
    environment: str = setting("of the task, what stands in for it: with the first of its seeds")
    seeds: list[int] = setting("one meta-training each", low=0)
    settings: dict[str, Any] = setting("sections of the configuration, for all of them")
    arms: dict[str, Any] = setting("name -> what differs: `objective: {train, fitness}`, ..")
    trials: dict[str, Any] = setting("task, also one without environments -> what differs there")
    claims: dict[str, Any] = setting("name -> what is expected, written before it is computed")


@dataclasses.dataclass
class Transforms:
    """Transforms of scores and step sizes of the strategy `ferreira`, each with each other."""

    question: str = setting("what is asked, as a heading")
    place: str = setting("directory of its results: transforms, and the task")
    task: str = setting("as in conf/task/<name>.yaml")
    transforms: list[str] = setting("what a score is worth", among=TRANSFORMS)
    step_sizes: list[float] = setting("times weighted sum of perturbations", above=0)
    mirrored: list[bool] = setting(
        "the better of a perturbation and its mirror image counts, or not"
    )
    seeds: list[int] = setting("one search with each combination each", low=0)
    agent: str = setting("the algorithm that is trained in the candidates")
    settings: dict[str, Any] = setting("sections of the configuration, for all searches")
    claims: dict[str, Any] = setting("name -> what is expected, written before it is computed")


@dataclasses.dataclass
class Budget:
    """For how long a search tries a configuration: what a rung's configurations have had."""

    min: int = setting("of the lowest rung, at least", "generations, or steps of agents", low=1)
    max: int = setting("of the highest", "generations, or steps of agents", low=1)
    eta: int = setting("factor between rungs; one in so many configurations is promoted", low=2)


@dataclasses.dataclass
class Tuning:
    """A search for settings of an agent that learns in the task itself (BOHB)."""

    space: dict[str, Any] = setting(
        "hyperparameter -> {choice: [..]}, {log_uniform: [low, high]}, .., "
        "{one_minus_log_uniform: [low, high]}, which draws 1 less the setting"
    )
    configurations: int = setting("how many are tried", "configurations", low=1)
    budget: Budget = section(Budget)
    draws: int = setting("whose mean return over their training counts", "agents", low=1)
    evaluations: int = setting("per training, evenly spaced, the last at its end", low=1)
    seed: int = setting("of them, none of those that are judged", low=0)


@dataclasses.dataclass
class Judged:
    """Fresh agents that say what a setting is worth; their own are those of `settings`."""

    draws: int = setting("trained in the search mean, for each seed and algorithm", "agents", low=1)
    episodes: int = setting("real test of each", "episodes", low=1)


@dataclasses.dataclass
class Compared:
    """The best setting found beside that of `settings`, each meta-trained for the whole budget."""

    seeds: list[int] = setting("one meta-training each, none of those searched with", low=0)
    draws: int = setting("as in judged", "agents", low=1)
    episodes: int = setting("as in judged", "episodes", low=1)


@dataclasses.dataclass
class Search:
    """A search for settings of a meta-training (BOHB: Falkner et al. 2018)."""

    question: str = setting("what is asked, as a heading")
    place: str = setting("directory of its results: search, the task, and a name")
    task: str = setting("as in conf/task/<name>.yaml")
    space: dict[str, Any] = setting(
        "setting, as meta.sigma or agents.ddqn.hyperparameters.tau -> {choice: [..]}, "
        "{log_uniform: [low, high]}, .., {one_minus_log_uniform: [low, high]}, which draws 1 less "
        "the setting; what fixes a shape (static, meta.mirrored) may have a choice only"
    )
    settings: dict[str, Any] = setting("sections of the configuration: what is not searched for")
    configurations: int = setting("how many are tried", "configurations", low=1)
    budget: Budget = section(Budget)
    brackets: str = setting(
        "all brackets of Hyperband in turn, or only that which begins with the lowest rung, as "
        "published (Ferreira et al. 2022); default: full",
        among=["hyperband", "full"],
    )
    random: float = setting("share of configurations drawn at random; default: 0.3", low=0)
    workers: int = setting("processes that search side by side; default: 1", "processes", low=1)
    seeds: list[int] = setting("of meta-training, the same for all configurations", low=0)
    judged: Judged = section(Judged)
    compared: Compared = section(Compared)
    claims: dict[str, Any] = setting("name -> what is expected, written before it is computed")


@dataclasses.dataclass
class Scale:
    """A plan: what there is to compute."""

    seeds: list[int] = setting("one meta-training each", low=0)
    agents: list[str] = setting("judged in every environment, and in the real task")
    common: dict[str, Any] = setting("sections of the configuration, for all tasks")
    environments: dict[str, Any] = setting(
        "name -> what differs in this environment; its `seeds`, and `seeds_per_job`: how many of "
        "them one process meta-trains side by side; `search`: whose best settings it is "
        "meta-trained with"
    )
    tasks: dict[str, Any] = setting("name -> what differs for this task; `only`; `environments`")
    choices: dict[str, Any] = setting(
        "distilled environment -> {tasks, agents}: where choices in distilling are varied"
    )
    clients: dict[str, Any] = setting(
        "task -> {agents, environments}: where agents of Stable-Baselines3 are trained"
    )
    insight: dict[str, Any] = setting("task -> bandits of its plan that are looked into")
    experts: dict[str, Any] = setting(
        "task -> `train`: agents trained in the task itself, with settings tuned for it"
    )
    experiments: dict[str, Any] = setting(
        "name of conf/experiment/<name>.yaml -> {budget, seeds, what differs}; budget: one of the "
        "experiment's, that which is called as the scale if not said"
    )


@dataclasses.dataclass
class Params:
    """params.yaml."""

    scale: str = setting("what is computed where no scale is named")
    scales: dict[str, Any] = setting("name -> plan")
    accept_code: bool = setting("adopt the present code in the manifests, compute nothing for it")


def described(kind: Any = Config, prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """(name, type, meaning, range and unit) of every setting."""
    for field in dataclasses.fields(kind):
        name, limits = f"{prefix}{field.name}", field.metadata
        generic = typing.get_origin(field.type) in (dict, list)
        inner, named = typing.get_args(field.type)[-1] if generic else field.type, int(generic)
        while typing.get_origin(inner) is dict:
            inner, named = typing.get_args(inner)[-1], named + 1
        if dataclasses.is_dataclass(inner):
            yield from described(inner, f"{name}{'.<name>' * named}.")
            continue
        low, above = limits["low"], limits["above"]
        ranges = [", ".join(limits["among"]), f">= {low}" if low is not None else ""]
        ranges += [f"> {above}" if above is not None else "", limits["unit"]]
        text = (
            str(field.type) if typing.get_args(field.type) else getattr(field.type, "__name__", "")
        )
        yield name, text.replace("typing.", ""), limits["meaning"], " ".join(filter(None, ranges))


@cache
def groups(kind: str) -> tuple[str, ...]:
    """The names that there are in conf/<kind>/."""
    return tuple(sorted(path.stem for path in (CONF / kind).glob("*.yaml")))


@cache
def definition(kind: str, name: str) -> dict[str, Any]:
    """conf/<kind>/<name>.yaml, with what it takes from others (`defaults`)."""
    values = OmegaConf.to_container(OmegaConf.load(CONF / kind / f"{name}.yaml"))
    assert isinstance(values, dict)
    others = [other for other in values.pop("defaults", []) if other != "_self_"]
    merged: dict[str, Any] = {}
    for layer in (*(definition(kind, other) for other in others), values):
        merged = merge(merged, {str(key): value for key, value in layer.items()})
    return merged


def merge(old: Any, new: Any) -> Any:
    """Merge mappings in all depths; of whatever else, take the new one."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: merge(old.get(key), value) for key, value in new.items()}}
    return new


def check(
    value: Any,
    kind: Any,
    place: str,
    limits: Mapping[str, Any] = NO_LIMITS,
    complete: Sequence[str] = (),
) -> None:
    """Refuse a value that is not of its kind.

    A section may leave settings out, except those in `complete`.
    """
    if isinstance(kind, types.UnionType):  # with None, which is then allowed
        if value is not None:
            check(value, typing.get_args(kind)[0], place, limits, complete)
    elif dataclasses.is_dataclass(kind):
        _check_section(value, kind, place, complete)
    elif typing.get_origin(kind) is dict:
        _check_mapping(value, typing.get_args(kind)[1], place, limits)
    elif typing.get_origin(kind) is list:
        if not isinstance(value, list):
            raise ConfigError(f"{place}: must be a list, not {short(value)}.")
        for item in value:
            check(item, typing.get_args(kind)[0], place, limits)
    elif kind is not Any:
        _check_scalar(value, kind, place, limits)


def check_known(name: Any, names: Collection[Any], kind: str, place: str, where: str) -> None:
    """Refuse a name that is not among `names`."""
    if name not in names:
        close = difflib.get_close_matches(str(name), [str(n) for n in names], 1)
        hint = f"do you mean {close[0]}?" if close else f"there is {listed(names)}."
        raise ConfigError(f"{place}: no {kind} is named {name} in {where}; {hint}")


def check_names(names: list[str], kind: str, place: str) -> None:
    """Refuse names that are not those of files in conf/<kind>/, or that come twice."""
    for name in names:
        check_known(name, groups(kind), kind, place, f"conf/{kind}")
    check_unique(names, place)


def check_unique(values: list[Any], place: str) -> None:
    """Refuse an empty list, and one with an entry twice."""
    if not values or len(set(values)) < len(values):
        raise ConfigError(f"{place}: must have one entry or more, each once, not {short(values)}.")


def check_agent(value: Any, name: str, place: str) -> None:
    """Refuse settings that are not in conf/agent/<name>.yaml, or of another type than there."""
    _check_section(value, Agent, place, ())
    default, file = definition("agent", name), f"conf/agent/{name}.yaml"
    for part in ("static", "hyperparameters"):
        for key, item in value.get(part, {}).items():
            check_known(key, default[part], f"{part} setting", f"{place}.{part}.{key}", file)
            _check_like(item, default[part][key], f"{place}.{part}.{key}")
    for i, shape in enumerate(value.get("shapes", [])):
        for key, item in shape.items():
            here = f"{place}.shapes[{i}].{key}"
            check_known(key, default["static"], "static setting", here, file)
            _check_like(item, default["static"][key], here)
    for key, how in value.get("search", {}).items():
        here = f"{place}.search.{key}"
        check_known(key, default["hyperparameters"], "hyperparameter", here, file)
        if how is not None:  # null: not sampled
            _check_search(how, here)


def listed(names: Collection[Any]) -> str:
    """The names, for a sentence."""
    return ", ".join(str(name) for name in names) or "nothing"


def short(value: Any) -> str:
    """The value, for a sentence."""
    return textwrap.shorten(repr(value), 60, placeholder=" ...")


def _check_section(value: Any, kind: Any, place: str, complete: Sequence[str]) -> None:
    if not isinstance(value, dict):
        raise ConfigError(f"{place or 'params.yaml'}: must be a mapping, not {short(value)}.")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name, item in value.items():
        here = f"{place}.{name}" if place else str(name)
        if name not in fields:
            close = difflib.get_close_matches(str(name), fields, 1)
            hint = f"do you mean {close[0]}?" if close else f"there is {listed(fields)}."
            raise ConfigError(f"{here}: unknown setting; {hint}")
        check(item, fields[name].type, here, fields[name].metadata)
    if lacking := [name for name in complete if name not in value]:
        raise ConfigError(f"{place or 'params.yaml'}: lacks {listed(lacking)}.")


def _check_mapping(value: Any, kind: Any, place: str, limits: Mapping[str, Any]) -> None:
    if not isinstance(value, dict):
        raise ConfigError(f"{place}: must be a mapping, not {short(value)}.")
    for name, item in value.items():
        if kind is Agent:
            check_known(name, groups("agent"), "agent", f"{place}.{name}", "conf/agent")
            check_agent(item, name, f"{place}.{name}")
        else:
            check(item, kind, f"{place}.{name}", limits)


def _check_scalar(value: Any, kind: Any, place: str, limits: Mapping[str, Any]) -> None:
    fits = isinstance(value, int | float if kind is float else kind)
    if not fits or (kind is not bool and isinstance(value, bool)) or value != value:
        raise ConfigError(f"{place}: must be {WORDS[kind]}, not {short(value)}.")
    unit = f" {limits['unit']}" if limits.get("unit") else ""
    low, above, among = (limits.get(name) for name in ("low", "above", "among"))
    if low is not None and value < low:
        raise ConfigError(f"{place}: must be at least {low}{unit}, not {value}.")
    if above is not None and value <= above:
        raise ConfigError(f"{place}: must be above {above}{unit}, not {value}.")
    if among and value not in among:
        raise ConfigError(f"{place}: must be one of {listed(among)}, not {value}.")


def _check_like(value: Any, default: Any, place: str) -> None:
    widths = isinstance(default, list)  # of layers; there may be none
    kind = list[int] if widths else type(default)
    check(value, kind, place)


def _check_search(how: Any, place: str) -> None:
    if not isinstance(how, dict) or len(how) != 1 or next(iter(how)) not in SEARCHES:
        kinds = listed(SEARCHES)
        raise ConfigError(f"{place}: must be null or one of {kinds}, not {short(how)}.")
    kind, values = next(iter(how.items()))
    check(values, list[int] if kind == "int" else list[float], f"{place}.{kind}")
    if kind == "choice":
        check_unique(values, f"{place}.choice")
    elif len(values) != 2 or not values[0] < values[1]:
        raise ConfigError(f"{place}.{kind}: must be [low, high] with low < high, not {values}.")
    elif kind == "log_uniform" and values[0] <= 0:
        raise ConfigError(f"{place}.{kind}: must begin above 0, not at {values[0]}.")
