"""Shapes and protocols that the whole package shares.

One set of axis letters: `P` population, `B` parallel environments, `T` steps, `E` episodes, `D`
draws of hyperparameters, `N` replay buffer, `S` samples, `o` observation, `a` action. Functions are
written for the single case and vectorised with `vmap` where they are called.
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from synthgym.core.spec import EnvSpec as EnvSpec

PRNGKey = Key[Array, ""]
Observation = Float[Array, " o"]
Action = Int[Array, ""] | Float[Array, " a"]  # an index, or one number per dimension
Hyperparameters = dict[str, Any]  # name -> traced scalar


class Step(NamedTuple):
    """The consequences of one action.

    `observation` is that of the state the action led to, also where the episode ends there: never
    the first observation of the next episode. `terminated`: the task ended, the future is worth
    nothing. `truncated`: a time limit cut the episode, the future is worth what its last
    observation is worth. Never both.
    """

    observation: Float[Array, " o"]
    reward: Float[Array, ""]
    terminated: Bool[Array, ""]
    truncated: Bool[Array, ""]


@runtime_checkable
class Env(Protocol):
    """A task, real or synthetic; a pytree, whose leaves (as its parameters) may be batched.

    Environments do not reset themselves; `tasks.base.step_and_reset` does it for those who train.
    """

    @property
    def spec(self) -> EnvSpec: ...

    def reset(self, key: PRNGKey) -> tuple[PyTree, Observation]:
        """Begin an episode: its state and first observation."""

    def step(self, key: PRNGKey, state: PyTree, action: Action) -> tuple[PyTree, Step]:
        """Act once."""


@runtime_checkable
class Informed(Protocol):
    """A task that says more about a state than what is observed, as Brax's HalfCheetah does."""

    @property
    def info_names(self) -> tuple[str, ...]:
        """The names of the numbers in `info`; none where this task has nothing to say."""

    def info(self, state: PyTree) -> Float[Array, " i"]:
        """Further numbers about a state (terms of the reward, place, ...); at first zeros."""


@runtime_checkable
class Discounted(Protocol):
    """An environment whose rewards depend on how the agent that trains there discounts."""

    def with_discount(self, gamma: Float[Array, ""]) -> Env:
        """Return the environment for an agent with this discount."""


@runtime_checkable
class Policy(Protocol):
    """A rule for acting; it may be random."""

    def __call__(self, key: PRNGKey, observation: Observation) -> Action: ...


class Transition(NamedTuple):
    """One step as an agent stores it; `next_observation` is the true one (as in `Step`)."""

    observation: Float[Array, "*batch o"]
    action: Int[Array, "*batch"] | Float[Array, "*batch a"]
    reward: Float[Array, "*batch"]
    next_observation: Float[Array, "*batch o"]
    terminated: Bool[Array, "*batch"]
    truncated: Bool[Array, "*batch"]


@runtime_checkable
class Agent(Protocol):
    """An algorithm with everything that fixes a shape; frozen and hashable, so static under `jit`.

    What is a hyperparameter (a learning rate, a clip) comes as a traced scalar with each call, so
    that a population of settings is one `vmap`.
    """

    @property
    def name(self) -> str: ...

    @property
    def spec(self) -> EnvSpec: ...

    @property
    def steps_per_iteration(self) -> int:
        """Environment steps, over all parallel environments, that one iteration takes."""

    def updates(self, num_steps: int) -> int:
        """Gradient updates in a training run of `num_steps`."""

    def init(
        self, key: PRNGKey, env: Env, hyperparameters: Hyperparameters, num_steps: int
    ) -> PyTree:
        """The state before training for `num_steps`.

        Has `params`, `step` (environment steps so far) and `episodes` (ended so far).
        """

    def iterate(
        self,
        key: PRNGKey,
        state: PyTree,
        env: Env,
        hyperparameters: Hyperparameters,
        num_steps: int,
    ) -> tuple[PyTree, Transition]:
        """Collect and learn once; also what was collected, [step, environment]."""

    def act(self, params: PyTree, key: PRNGKey, observation: Observation) -> Action:
        """The policy that is tested."""

    def preferences(self, params: PyTree, observation: Observation) -> Float[Array, " k"]:
        """Preferences of the policy, without chance.

        Discrete actions: a number for each, the largest for the best (action values, or
        log-probabilities). Continuous ones: the action itself, within its bounds.
        """
