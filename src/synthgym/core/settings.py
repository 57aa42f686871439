"""Settings of a job: their meaning, unit and range; and how a job's configuration is read.

Defaults live in conf/, so none is here. The same classes are the schema by which Hydra composes
(plan/compose.py) and layers of params.yaml are checked (core/checking.py), and the frozen, typed
objects that method code is given.
"""

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn, Self, dataclass_transform

MISSING = "???"  # what OmegaConf takes for a value that is yet to be given
REAL = "real"  # stands where the name of a synthetic environment would: the task itself
SEARCHES = ("choice", "uniform", "log_uniform", "int")
KINDS_OF_ACTION = ("discrete", "continuous")
KINDS_OF_OBSERVATION = ("vector", "one_hot")
REWARDS = {  # what a distilled bandit may pay; synth/distil.py says what each of them is
    "discrete": ("advantage", "action_preference", "log_probability", "agreement"),
    "continuous": ("negative_squared_distance", "negative_distance"),
}
WIDEST = 2**14  # units of a layer
MOST = 2**16  # of what computes side by side, or one after the other before anything is saved
LARGEST = 10**7  # of what is kept in memory
HIGHEST_SEED = 2**32 - 1  # JAX takes 2**32 for 0
SEEDS: Mapping[str, Any] = {
    "low": 0,
    "high": HIGHEST_SEED,
    "each_once": True,
    "or_none": False,
}  # what a list of them may be
ACTIVATIONS = ("tanh", "relu", "leaky_relu", "swish")  # of agents; agents/networks.py has them
CLIENTS = {  # agents of Stable-Baselines3 -> kinds of action that they can deal with
    "sb3_dqn": ("discrete",),
    "sb3_ppo": KINDS_OF_ACTION,
    "sb3_a2c": KINDS_OF_ACTION,
    "sb3_sac": ("continuous",),
    "sb3_td3": ("continuous",),
    "sb3_ddpg": ("continuous",),
    "sb3_crossq": ("continuous",),
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

# What method code sees is on the left; OmegaConf knows neither frozen mappings nor unions of
# containers, and reads the right. The plan fills in what a file leaves to it (`null`).
if TYPE_CHECKING:
    Table = Mapping
    Value = bool | int | float | str | tuple[int, ...]
    Number = float
    Space = Mapping[str, tuple[float, ...]]  # such as {"uniform": (low, high)}
    Choice = Mapping[str, tuple[Value, ...]]  # the same of settings that may be words or widths
    PlannedSteps = int
    PlannedWord = str
else:
    Table = dict
    Value = Number = Space = Choice = Any
    PlannedSteps = int | None
    PlannedWord = str | None


class ConfigError(ValueError):
    """A configuration that makes no sense, as one sentence that names the place."""

    def __init__(self, sentence: str):
        super().__init__(printable(sentence))


def printable(text: str, longest: int = 1000) -> str:
    """The text in one line that moves no cursor, as strangers' words may; shortened if need be."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: 2 * longest])
    return shown if len(shown) <= longest else f"{shown[: longest // 2]} ... {text[-100:]!r}"


def setting(
    meaning: str,
    unit: str = "",
    low: float | None = None,
    above: float | None = None,
    high: float | None = None,
    below: float | None = None,
    among: Sequence[str] | Mapping[str, Sequence[str]] = (),
    each_once: bool = False,
    or_none: bool = False,
    provided_by: str = "",
    entries: type | None = None,
) -> Any:
    """A setting of a section, and which values it may have.

    `low` and `high` are the smallest and largest value, `above` is just too small and `below` just
    too large a one. Any number is finite in 32 bits. `among`: these words, or module of an agent ->
    words. `each_once`: of a list without an entry twice, and with one unless `or_none`.
    `provided_by`: the package whose modules it may name. `entries`: the section that describes the
    entries of a mapping.
    """
    limits: dict[str, object] = {"low": low, "above": above, "high": high, "below": below}
    limits |= {"among": among, "each_once": each_once, "or_none": or_none}
    limits |= {"provided_by": provided_by, "entries": entries}
    return _field(lambda: MISSING, meaning=meaning, unit=unit, **limits)


def section(kind: type) -> Any:
    """A section within a section."""
    return _field(dict if kind is dict else lambda: kind)  # OmegaConf takes a class, too


def planned(meaning: str) -> Any:
    """A setting that no file has: the plan tells a job so."""
    return _field(lambda: MISSING, meaning=meaning, planned=True, omegaconf_ignore=True)


def _field(default: Callable[[], object], **metadata: object) -> Any:
    # A factory, as a plain default would be there where a job does not see the setting.
    return dataclasses.field(default_factory=default, metadata=metadata)


def fields(kind: Any) -> dict[str, dataclasses.Field[Any]]:
    """The settings and sections of a section that files may have, by name."""
    every = dataclasses.fields(kind)
    return {field.name: field for field in every if not field.metadata.get("planned")}


@dataclass_transform(
    kw_only_default=True,
    frozen_default=True,
    eq_default=False,
    field_specifiers=(setting, section, planned),
)
class Section:
    """Part of a job's configuration: frozen, and only what the job sees.

    Subclasses are dataclasses. Lists become tuples. Raises ConfigError for an unknown setting.
    """

    def __init_subclass__(cls) -> None:
        dataclasses.dataclass(init=False, eq=False, repr=False)(cls)

    def __init__(self, **values: object) -> None:
        kinds = typing.get_type_hints(type(self))
        if unknown := sorted(values.keys() - kinds.keys()):
            raise ConfigError(f"{type(self).__name__} has no setting {', '.join(unknown)}.")
        vars(self).update({name: _typed(value, kinds[name]) for name, value in values.items()})

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """The section of plain values, as JSON and YAML have them."""
        return cls(**values)

    def replace(self, **changes: object) -> Self:
        """The section with other values of some settings."""
        return type(self)(**{**vars(self), **changes})

    def __contains__(self, name: str) -> bool:
        """Whether the job sees a setting."""
        return name in vars(self)

    if not TYPE_CHECKING:  # else every name would count as a setting

        def __getattr__(self, name: str) -> NoReturn:
            seen = ", ".join(vars(self)) or "nothing"
            raise AttributeError(f"no {name} in this {type(self).__name__}, only {seen}")

    def __setattr__(self, *_: object) -> NoReturn:
        raise TypeError("the configuration of a job is frozen")

    __delattr__ = __setattr__

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({inside})"


def plain(value: object) -> Any:
    """Sections and mappings as dictionaries, tuples as lists: what JSON can hold."""
    if isinstance(value, Section):
        return plain(vars(value))
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def merged(old: object, new: object) -> Any:
    """Mappings merged in all depths; whatever else, the new one."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}
    return new


def _typed(value: object, kind: Any) -> Any:
    """A plain value as its annotation says."""
    if isinstance(kind, types.UnionType):
        return None if value is None else _typed(value, typing.get_args(kind)[0])
    if isinstance(kind, type) and issubclass(kind, Section) and isinstance(value, Mapping):
        return kind.read(value)
    if isinstance(value, Mapping):
        inner = (typing.get_args(kind) or (Any, Any))[-1]
        return MappingProxyType({name: _typed(item, inner) for name, item in value.items()})
    return tuple(_typed(item, Any) for item in value) if isinstance(value, list | tuple) else value


HYPERPARAMETERS = setting(
    "each agent draws its own from its `search`, or takes the defaults",
    among=["sampled", "default"],
)


class Action(Section):
    """The actions of a task."""

    kind: str = setting("one of `size` choices, or `size` numbers", among=KINDS_OF_ACTION)
    size: int = setting("number of choices, or of dimensions", low=1, high=WIDEST)
    low: float = setting("lower bound of each dimension of a continuous action")
    high: float = setting("upper bound of each dimension of a continuous action")


class Reference(Section):
    """Returns to compare with, as measured here."""

    random: float = setting("of uniformly random actions", "mean return per episode")
    expert: float | None = setting(
        "of the best agent in results/standard/expert_report, or null", "IQM of returns"
    )


class Mirror(Section):
    """The symmetry of a task that is its own mirror image; empty lists where it has none."""

    observation: tuple[float, ...] = setting("factor of each observation")
    action: tuple[float, ...] = setting(
        "discrete: number of the action that each becomes; continuous: factor of each dimension"
    )


class Options(Section):
    """What modules of tasks are to know besides."""

    backend: str = setting(
        "of tasks.brax: what computes the physics",
        among=["generalized", "positional", "spring", "mjx"],
    )
    of: str = setting("of tasks.repeat: the task's own module", provided_by="tasks")
    repeat: int = setting(
        "of tasks.repeat: how often an action is taken", "steps", low=1, high=MOST
    )
    image: tuple[int, ...] = setting(
        "of tasks.minatar: rows, columns and channels of an observation", low=1, high=WIDEST
    )
    physics: Table[str, tuple[float, ...]] = setting(
        "of tasks.classic: parameter of gymnax -> values, of which each episode draws one",
        each_once=True,
    )


class Task(Section):
    """A real task."""

    name: str = setting("as in conf/task/<name>.yaml")
    id: str = setting("as the library that provides it calls it")
    module: str = setting("the module that provides it", provided_by="tasks")
    observation_size: int = setting("numbers in an observation", low=1, high=WIDEST)
    observation_names: tuple[str, ...] = setting(
        "what each of them is, with its unit; of an image, what each channel shows"
    )
    num_states: int = setting(
        "observations are one-hot: one of so many states; 0: numbers", low=0, high=WIDEST
    )
    action: Action = section(Action)
    horizon: int = setting("when an episode is truncated", "steps", low=1)
    solved: float | None = setting("counts as solved from here on, or null", "return per episode")
    reference: Reference = section(Reference)
    published: Table[str, Any] = setting(
        "agent -> published return on this task: {real: trained in it, synthetic: not in it}"
    )
    info: tuple[str, ...] = setting(
        "what the task says of a state besides what is observed; for reward networks"
    )
    options: Table[str, Value] = setting("what else the module is to know", entries=Options)
    surface: tuple[str, ...] = setting(
        "two observations over which the reward is drawn; []: it is not"
    )
    mirror: Mirror = section(Mirror)
    tuned: Table[str, Any] = setting("agent -> settings tuned for the real task; no job sees them")
    rivals: Table[str, Any] = setting(
        "name -> {agent, what differs in `clients`}: agents of Stable-Baselines3 for few steps "
        "in the real task, tested as they learn; no job sees them"
    )


class Synth(Section):
    """A synthetic environment before it is trained."""

    name: str = setting("as in conf/synth/<name>.yaml")
    module: str = setting("the module that provides it", provided_by="synth")
    observations: tuple[str, ...] = setting("kinds it puts out", among=KINDS_OF_OBSERVATION)
    horizon: int = setting("when an episode is truncated; 1: contextual bandit", "steps", low=1)
    initial_states: int = setting(
        "table of so many, of which an episode begins in one; 0: a network of a latent",
        low=0,
        high=2**20,
    )
    latent: str = setting(
        "what that network is given, as many numbers as an observation has; uniform: of variance "
        "one; categorical: one-hot; softmax: of normal ones",
        among=LATENTS,
    )
    hidden: tuple[int, ...] = setting(
        "widths of the hidden layers of each network", "units", low=1, high=WIDEST
    )
    activation: str = setting("between layers", among=[*ACTIVATIONS, "prelu"])
    reward: str | None = setting("of a reward network: its kind", among=REWARD_KINDS)
    terminal_potential: str | None = setting(
        "of a reward network: the potential of a terminal state is zero, or what the network says",
        among=["zero", "network"],
    )


class Curriculum(Section):
    """The horizon of the episodes in which a candidate's agents are tested on the real task."""

    kind: str = setting(
        "always that of the task; or from `start` up to it (down, where it is less): in equal "
        "changes, in stages, or whenever the fitness no longer rises",
        among=["constant", "linear", "stepwise", "adaptive"],
    )
    start: int = setting("at the beginning", "steps", low=1)
    begin: float = setting("share of the generations before it changes", low=0, high=1)
    end: float = setting(
        "share of the generations after which it is that of the task", above=0, high=1
    )
    stages: int = setting("of stepwise", low=2)
    growth: float = setting("factor of adaptive", above=1)
    window: int = setting("whose mean fitness adaptive compares", "generations", low=1)


class Scoring(Section):
    """The score of an agent's training, which a search maximises."""

    name: str = setting(
        "return after training; minus the steps until `window` tests on the real task solve it on "
        "average, and a penalty where they do not; mean return of the tests in training",
        among=["final_return", "steps_to_solve", "area_under_curve"],
    )
    tests: int = setting("real tests, evenly spaced, in each training", low=1, high=MOST)
    window: int = setting("of steps_to_solve", "tests", low=1)
    penalty: float = setting(
        "of steps_to_solve: for each unit by which the return does not solve the task",
        "environment steps",
        low=0,
    )
    solved: float | None = planned("return at which the task is solved, for steps_to_solve")


class Meta(Section):
    """Meta-training."""

    name: str = setting("the strategy, as in conf/meta/<name>.yaml")
    agents: tuple[str, ...] = setting("algorithms trained in the candidates", each_once=True)
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
        "size of a generation; of ferreira: perturbations",
        "candidate environments",
        low=2,
        high=MOST,
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
    rollouts: int = setting(
        "of each candidate, each with its own settings", "agents", low=1, high=MOST
    )
    fitness: str = setting("of a candidate, over its agents", among=["mean", "median", "min"])
    objective: Scoring = section(Scoring)
    own_hyperparameters: bool = setting("drawn per candidate; false: for all of a generation")
    own_random_numbers: bool = setting("per candidate; false: the same for all of a generation")
    curriculum: Curriculum = section(Curriculum)
    steps: Table[str, int] = setting("agent -> length of its training", "synthetic steps", low=1)
    episodes: int = setting("real test of a candidate", "episodes", low=1)
    hyperparameters: str = HYPERPARAMETERS
    evaluate_every: int = setting("search mean is evaluated; 0: only last", "generations", low=0)
    evaluate_draws: int = setting("for each such evaluation", "agents", low=1, high=MOST)
    checkpoint_seconds: float = setting("what a killed run may lose", "seconds", low=0)
    start: str | None = setting(
        "distilled environment of the plan where the search begins; null: where networks do"
    )
    solved: float = planned("return at which the task is solved, for `stop: solved`")


class Imitate(Section):
    """An agent trained before the teacher, which goes on from what that one does (DAgger)."""

    agent: str | None = setting("its algorithm; null: the teacher begins at random")
    steps: PlannedSteps = setting("length of its training; null: as tuned", "real steps", low=1)
    rounds: int = setting(
        "in which the teacher is fitted to all states met so far, at first by the other", low=1
    )
    episodes: int = setting("in each round, whose states are added", low=1)
    sigma: float = setting("deviation per parameter of the search that goes on from there", above=0)
    agents: "Table[str, Agent]" = planned("the one agent, as it is tuned for the task")


class Teacher(Section):
    """An agent trained in the real task, with the settings tuned for it, to distil from."""

    agent: str | None = setting("its algorithm; null: this task has no teacher")
    steps: PlannedSteps = setting("length of its training; null: as tuned", "real steps", low=1)
    candidates: int = setting("trained, of which the best in a test is kept", low=1, high=MOST)
    episodes: int = setting("each real test", "episodes", low=1)
    keep: str = setting(
        "of its training: the last parameters, or the best in tests after each twentieth of it",
        among=["last", "best"],
    )
    noise: float = setting(
        "Gaussian, on its continuous actions while it trains, as much as is drawn for an episode: "
        "largest deviation, in halves of their range",
        low=0,
    )
    imitate: Imitate = section(Imitate)
    agents: "Table[str, Agent]" = planned("the one agent, as it is tuned for the task")


class Students(Section):
    """Agents trained in a distilled bandit, who show where in the real task they get (DAgger)."""

    rounds: int = setting(
        "in which the states where they get are added to those that contexts are taken from, as "
        "many of each round as of the teacher's, and the bandit is made anew",
        low=0,
    )
    agent: str | None = setting("their algorithm; null: the first that the task's agents have")
    number: int = setting(
        "in a round, each with its own hyperparameters", "agents", low=1, high=MOST
    )
    steps: int = setting("length of their training", "synthetic steps", low=1)
    episodes: int = setting("of each of them in the real task", "episodes", low=1)
    agents: "Table[str, Agent]" = planned("the one agent")


class Distil(Section):
    """A synthetic environment made from what the teacher does and prefers."""

    episodes: int = setting("of the teacher in the real task, whose states are used", low=1)
    exploration: float = setting("share of random actions in them", low=0, high=1)
    noise: float = setting("largest, added to a context", "standard deviations", low=0)
    indifferent: float = setting(
        "share of a bandit's contexts that are no states of the task, in which all actions are "
        "worth the same",
        low=0,
        below=1,
    )
    reward: PlannedWord = setting(
        "what a bandit pays; null: the first of its kind of action; an MDP pays as the real task",
        among=[name for names in REWARDS.values() for name in names],
    )
    students: Students = section(Students)
    fit_steps: int = setting("of each network", "gradient steps", low=1)
    fit_batch_size: int = setting("of each such step", "samples", low=2, high=LARGEST)
    fit_learning_rate: float = setting("of Adam at the beginning", above=0)


class Fit(Section):
    """How a network is fitted to a bandit, through which the real return is differentiated."""

    name: str = setting(
        "Adam on the squared error, or what the network's first-order expansion comes to",
        among=["regression", "linearised"],
    )
    width: int = setting("of each of two hidden layers", "units", low=1, high=WIDEST)
    normalise: bool = setting("networks see contexts in standard deviations from their mean")
    steps: tuple[int, ...] = setting("of Adam: [fewest, most]", "gradient steps", low=1)
    window: int = setting("of them, the last, that are differentiated", "gradient steps", low=1)
    learning_rate: tuple[float, ...] = setting("of Adam: [smallest, largest]", above=0)
    ridge: float = setting("of linearised: over the mean of the kernel's diagonal", above=0)


class Grade(Section):
    """A bandit of tables that follow the gradient of the real return."""

    start: str | None = setting("environment of the plan that it begins at; null: at noise")
    iterations: int = setting("length of the grading", low=1)
    networks: int = setting("fresh in each iteration", low=1, high=MOST)
    environments: int = setting("of the real task, side by side, of each network", low=1, high=MOST)
    steps: int = setting("in each of them", "real steps per iteration", low=1)
    fit: Fit = section(Fit)
    temperature: float = setting("of a policy with discrete actions: softmax of outputs", above=0)
    noise: float = setting(
        "of exploration at first: standard deviation, over half the width of the bounds; "
        "continuous actions",
        above=0,
    )
    epochs: int = setting("over what an iteration has seen", "gradient steps", low=1)
    learning_rate: float = setting("of the tables at first, by Adam; falls to a tenth", above=0)
    max_grad_norm: float = setting("of the tables' gradient, L2", above=0)
    clip: float = setting("of the probability ratio", above=0)
    entropy_coefficient: float = setting("of the policy's entropy", low=0)
    gamma: float = setting("discount", low=0, high=1)
    gae_lambda: float = setting("of generalised advantages", low=0, high=1)
    critic_learning_rate: float = setting("of the critic", above=0)
    critic_steps: int = setting("of the critic in each epoch", "gradient steps", low=1)
    agents: tuple[str, ...] = setting(
        "algorithms of the fresh agents that judge it", each_once=True
    )
    train: Table[str, int] = setting("agent -> length of its training", "synthetic steps", low=1)
    episodes: int = setting("real test of such an agent", "episodes", low=1)
    evaluate_every: int = setting("such a test; the best bandit is kept", "iterations", low=1)
    evaluate_draws: int = setting("of each algorithm in a test", "agents", low=1, high=MOST)
    checkpoint_seconds: float = setting("what a killed run may lose", "seconds", low=0)
    start_synth: Synth = planned("the settings of the environment that it begins at")


class Static(Section):
    """Settings of agents that fix a shape. An agent has those that its file has."""

    learner: str = setting("of a curious agent: the module that learns", provided_by="agents")
    drift: str = setting(
        "of ppo: what keeps a policy close to the one that acted; agents/drift.py",
        among=["clip", "dpo", "learned"],
    )
    num_envs: int = setting("side by side", "environments", low=1, high=MOST)
    num_steps: int = setting(
        "of ppo: in each of them between updates", "environment steps", low=1, high=LARGEST
    )
    num_epochs: int = setting("of ppo: over what was collected", "epochs", low=1, high=MOST)
    num_minibatches: int = setting(
        "of ppo: of an epoch; it divides num_envs * num_steps",
        "gradient steps",
        low=1,
        high=LARGEST,
    )
    buffer_size: int = setting(
        "kept for replay; a multiple of num_envs", "transitions", low=1, high=LARGEST
    )
    warmup: int = setting("before the first update", "transitions", low=0)
    warmup_episodes: int = setting("before the first update", "episodes", low=0)
    batch_size: int = setting(
        "of an update; at most buffer_size", "transitions", low=1, high=LARGEST
    )
    num_updates: int = setting("per iteration", "gradient steps", low=1, high=MOST)
    num_critics: int = setting("targets are the smallest of their values", low=1, high=MOST)
    policy_delay: int = setting(
        "for each update of the actor and the targets", "updates of the critics", low=1
    )
    target_smoothing: bool = setting("noise on the actions that targets are computed for")
    noise_unit: str = setting(
        "of `noise`: the action's own, or half the width of its bounds", among=["action", "bounds"]
    )
    noise_steps: int = setting(
        "for which what is random about exploration is held; 1 where num_envs is not", low=1
    )
    hard: bool = setting("samples of the actor are corners of the simplex, or points within")
    dueling: bool = setting("action values are those of the state plus advantages")
    head_hidden: tuple[int, ...] = setting(
        "widths of the hidden layers of dueling heads", "units", low=1, high=WIDEST
    )
    centred_over: str = setting(
        "advantages of dueling heads: each state's actions, or the batch",
        among=["actions", "batch"],
    )
    exploration: str = setting(
        "random actions become fewer: linearly in steps, or by epsilon_decay",
        among=["linear", "per_episode"],
    )
    target: str = setting(
        "of dqn: a copy from time to time, or a slow average; of tables: the value of the best "
        "action, of the one taken next, or of one that is drawn again",
        among={"dqn": ("periodic", "polyak"), "tabular": ("greedy", "taken", "resampled")},
    )
    test_policy: str = setting(
        "at test time: the policy's mode, a sample of it, or with the noise of training",
        among={
            "ppo": ("sample", "mode"),
            "sac": ("sample", "mode"),
            "td3": ("mode", "noisy"),
            "discrete_td3": ("mode", "noisy"),
        },
    )
    clip_values: bool = setting("of ppo: the value changes by `clip` at most")
    normalise_observations: bool = setting("by their running mean and deviation")
    hidden: tuple[int, ...] = setting("widths of the hidden layers", "units", low=1, high=WIDEST)
    activation: str = setting("between layers", among=ACTIVATIONS)
    layer_norm: bool = setting("layer normalisation between hidden layers")
    convolution: bool = setting("filters before the hidden layers, where an image is observed")
    optimiser: str = setting("sgd has momentum 0.9", among=["adam", "rmsprop", "sgd"])
    population: int = setting("of a generation", "policies", low=2, high=MOST)
    rollouts: int = setting("of each of them, side by side", "episodes", low=1, high=MOST)
    feature_size: int = setting(
        "in which a curious agent sees an observation", "numbers", low=1, high=WIDEST
    )
    model_hidden: int = setting(
        "width of the hidden layers of its networks", "units", low=1, high=WIDEST
    )
    model_epochs: int = setting(
        "of a curious ppo: updates of these per iteration", low=1, high=MOST
    )


class Traced(Section):
    """Settings of agents that are traced, and may be searched for: each within its range."""

    learning_rate: float = setting(
        "of the optimiser; of tables: share of the error that is taken away; of es: of the mean",
        above=0,
        high=1,
    )
    gamma: float = setting("discount", low=0, high=1)
    gae_lambda: float = setting("of generalised advantages", low=0, high=1)
    clip: float = setting("of the probability ratio, and of the value's change", above=0)
    entropy_coefficient: float = setting("of the policy's entropy in the loss", low=0)
    value_coefficient: float = setting("of the critic's error in the loss", low=0)
    max_grad_norm: float = setting("of the whole gradient, L2", above=0)
    epsilon_start: float = setting("share of random actions at first", low=0, high=1)
    epsilon_end: float = setting("share of random actions in the end", low=0, high=1)
    epsilon_fraction: float = setting("share of the training over which it falls", above=0, high=1)
    epsilon_decay: float = setting("factor per episode", low=0, high=1)
    target_period: float = setting("between copies to the target", "environment steps", low=1)
    double: float = setting(
        "1: the online network chooses the bootstrap action; 0: the target does", low=0, high=1
    )
    tau: float = setting(
        "share of the online networks in each step of their targets", above=0, high=1
    )
    noise: float = setting("of exploration: standard deviation", "see noise_unit", low=0)
    target_noise: float = setting("standard deviation", "the action's own", low=0)
    target_noise_clip: float = setting("largest such noise", "the action's own", low=0)
    target_entropy_ratio: float = setting(
        "discrete actions: share of the largest entropy there is", low=0, high=1
    )
    target_entropy_per_dimension: float = setting("continuous actions, scaled to (-1, 1)", "nats")
    temperature_start: float = setting("of the Gumbel-softmax distribution at first", above=0)
    temperature_end: float = setting("of it in the end", above=0)
    temperature_updates: float = setting("over which it falls", "gradient steps", low=1)
    count_bonus: float = setting(
        "for the n-th visit to an action in a state, times the root of n", "reward", low=0
    )
    sigma: float = setting("of the search per parameter, at first", "standard deviation", above=0)
    sigma_rate: float = setting("of sigma, times (3 + ln n) / (5 sqrt n) for n parameters", low=0)
    curiosity: float = setting("for the mean square error of the forward network", "reward", low=0)
    forward_share: float = setting("of that network's error in the model's loss", low=0, high=1)
    model_learning_rate: float = setting("of the model's optimiser", above=0, high=1)


class Agent(Section):
    """A learning algorithm."""

    name: str = setting("as in conf/agent/<name>.yaml")
    module: str = setting("the module that provides it", provided_by="agents")
    actions: tuple[str, ...] = setting("kinds of action it can deal with", among=KINDS_OF_ACTION)
    observations: tuple[str, ...] = setting("kinds of observation", among=KINDS_OF_OBSERVATION)
    static: Table[str, Value] = setting(
        "what fixes a shape: each combination is one compilation", entries=Static
    )
    shapes: tuple[Table[str, Value], ...] = setting(
        "static settings that differ, of which each agent with sampled hyperparameters takes one "
        "(in meta-training: all of a generation the same); []: all are as `static` says",
        entries=Static,
    )
    hyperparameters: Table[str, Number] = setting("defaults of the traced numbers", entries=Traced)
    search: Table[str, Space] = setting(
        "hyperparameter -> {choice: [..]}, {uniform: [low, high]}, .., within its range"
    )


class Study(Section):
    """Agents trained somewhere and judged on the real task."""

    draws: int = setting(
        "each with its own hyperparameters and first parameters", "agents", low=1, high=LARGEST
    )
    steps: PlannedSteps = setting(
        "length of a training; null, for experts: as tuned for the task", "environment steps", low=1
    )
    episodes: int = setting("real test in each evaluation", "episodes", low=1)
    evaluations: int = setting(
        "per training, evenly spaced, the last at its end; at most `steps`", low=1, high=LARGEST
    )
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


class Choices(Section):
    """Values of the choices in distilling, of which one is varied at a time."""

    draws: int = setting("each with its own hyperparameters", "agents", low=1, high=LARGEST)
    steps: int = setting("length of their training", "synthetic steps", low=1)
    episodes: int = setting("real test of each", "episodes", low=1)
    noise: tuple[float, ...] = setting(
        "of contexts: see distil.noise", "standard deviations", low=0
    )
    indifferent: tuple[float, ...] = setting(
        "share of contexts: see distil.indifferent", low=0, below=1
    )
    exploration: tuple[float, ...] = setting("shares: see distil.exploration", low=0, high=1)
    initial_states: tuple[int, ...] = setting(
        "contexts in the table; 0: from a network", low=0, high=2**20
    )
    teacher: tuple[float, ...] = setting("shares of its training", above=0, high=1)


class Objective(Section):
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
    tuned: Table[str, Agent] = planned("LPO and PPO with the settings tuned for PPO in the task")
    beside: "Table[str, Config]" = planned("other tasks in which candidates are tried, in turn")


class Behaviour(Section):
    """Recordings for histograms."""

    agents: int = setting(
        "whose observations and rewards are recorded", "agents", low=1, high=LARGEST
    )
    steps: int = setting("length of their training runs", "synthetic steps", low=1)
    episodes: int = setting("real test of each", "episodes", low=1)
    samples: int = setting("kept per histogram", "values", low=1, high=LARGEST)


class Insight(Section):
    """A look into a bandit: its best action as a policy, and what that depends on."""

    agents: int = setting(
        "trained in it with default hyperparameters", "agents", low=1, high=LARGEST
    )
    episodes: int = setting(
        "real test of each, and as many of all of them without", "episodes", low=1
    )
    visits: int = setting("of each, of whose states some are taken", "episodes", low=1)
    states: int = setting("taken", "states", low=2, high=LARGEST)


class Model(Section):
    """A synthetic MDP that predicts what agents meet as they learn in the task (no evolution)."""

    agents: int = setting(
        "that learn there, each with its own settings", "agents", low=1, high=LARGEST
    )
    steps: int = setting("length of each training, all of which is predicted", "real steps", low=1)
    fit_steps: int = setting("of each network", "gradient steps", low=1)
    fit_batch_size: int = setting("of each such step", "samples", low=2, high=LARGEST)
    fit_learning_rate: float = setting("of Adam at the beginning", above=0)


class Noise(Section):
    """Synthetic environments whose observations or rewards are disturbed while agents train."""

    intensities: tuple[float, ...] = setting(
        "of Gaussian noise on one of the observations, or on the reward: over the standard "
        "deviation that it has in undisturbed trainings",
        low=0,
    )
    agents: int = setting(
        "at each intensity, with default hyperparameters", "agents", low=1, high=LARGEST
    )
    steps: int = setting("length of their training", "synthetic steps", low=1)
    episodes: int = setting("real test of each", "episodes", low=1)


class Clients(Section):
    """Agents of Stable-Baselines3, judged in Gymnasium's own task."""

    draws: int = setting("each with its own random seed", "agents", low=1, high=LARGEST)
    steps: int = setting(
        "length of a training; what collects batches (PPO) ends with the one that reaches it",
        "environment steps",
        low=1,
    )
    episodes: int = setting("test of each", "episodes", low=1)
    evaluations: int = setting(
        "tests of each, evenly spaced, the last at the end of its training", low=1
    )
    settings: Table[str, Any] = setting(
        "arguments of the library's class; where none is said, its defaults"
    )
    agent: str = planned("that of CLIENTS which the job is about")


class Transforms(Section):
    """Transforms of scores and step sizes of the strategy `ferreira`, each with each other."""

    transforms: tuple[str, ...] = setting("what a score is worth", among=TRANSFORMS, each_once=True)
    step_sizes: tuple[float, ...] = setting(
        "times weighted sum of perturbations", above=0, each_once=True
    )
    mirrored: tuple[bool, ...] = setting(
        "the better of a perturbation and its mirror image counts, or not", each_once=True
    )
    seeds: tuple[int, ...] = setting(
        "one search with each combination each", low=0, high=HIGHEST_SEED, each_once=True
    )
    agent: str = setting("the algorithm that is trained in the candidates")
    settings: Table[str, Any] = setting("sections of the configuration, for all searches")


class Budget(Section):
    """For how long a search tries a configuration: what a rung's configurations have had."""

    min: int = setting("of the lowest rung, at least", "generations, or steps of agents", low=1)
    max: int = setting("of the highest", "generations, or steps of agents", low=1)
    eta: int = setting("factor between rungs; one in so many configurations is promoted", low=2)


class Judged(Section):
    """Fresh agents that say what a setting is worth; their own are those of `settings`."""

    draws: int = setting(
        "trained in the search mean, for each seed and algorithm", "agents", low=1, high=LARGEST
    )
    episodes: int = setting("real test of each", "episodes", low=1)


class Compared(Section):
    """The best setting found beside that of `settings`, each meta-trained for the whole budget."""

    seeds: tuple[int, ...] = setting(
        "one meta-training each, none of those searched with",
        low=0,
        high=HIGHEST_SEED,
        each_once=True,
    )
    draws: int = setting("as in judged", "agents", low=1, high=LARGEST)
    episodes: int = setting("as in judged", "episodes", low=1)


class Hyperparameters(Section):
    """A search for settings of a meta-training (BOHB: Falkner et al. 2018)."""

    space: Table[str, Choice] = setting(
        "setting, as meta.sigma or agents.ddqn.hyperparameters.tau -> {choice: [..]}, "
        "{log_uniform: [low, high]}, .., {one_minus_log_uniform: [low, high]}, which draws 1 less "
        "the setting; what fixes a shape (static, meta.mirrored) may have a choice only"
    )
    settings: Table[str, Any] = setting("sections of the configuration: what is not searched for")
    configurations: int = setting("how many are tried", "configurations", low=1, high=LARGEST)
    budget: Budget = section(Budget)
    brackets: str = setting(
        "all brackets of Hyperband in turn, or only that which begins with the lowest rung, as "
        "published (Ferreira et al. 2022); default: full",
        among=["hyperband", "full"],
    )
    random: float = setting("share of configurations drawn at random; default: 0.3", low=0, high=1)
    workers: int = setting(
        "processes that search side by side; default: 1", "processes", low=1, high=1000
    )
    seeds: tuple[int, ...] = setting(
        "of meta-training, the same for all configurations",
        low=0,
        high=HIGHEST_SEED,
        each_once=True,
    )
    judged: Judged = section(Judged)
    compared: Compared = section(Compared)
    draws: int = planned("as in Tuning, where an agent is tuned")
    evaluations: int = planned("as in Tuning, where an agent is tuned")
    seed: int = planned("as in Tuning, where an agent is tuned")


class Config(Section):
    """Everything that can be set for a task and an environment."""

    seed: int = setting("of all random numbers of the job", low=0, high=HIGHEST_SEED)
    task: Task = section(Task)
    synth: Synth = section(Synth)
    meta: Meta = section(Meta)
    distil: Distil = section(Distil)
    grade: Grade = section(Grade)
    teacher: Teacher = section(Teacher)
    agents: Table[str, Agent] = section(dict)
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
    scale: str = planned("the plan that the job is of")
    mirror: Mirror | None = planned("the symmetry of the task, which has none: null")
    objective_name: str = planned("what is judged: PPO, DPO, or an objective that was learned")
    transforms: Transforms = planned("what is combined in a study of transforms")
    search: Hyperparameters = planned("how settings are searched for")
    comparison: Compared = planned("how what a search found is compared")
