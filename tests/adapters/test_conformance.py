"""Clients of Gymnasium meet what they know from its own tasks: whatever works there works here."""

import copy
import inspect
import pickle  # noqa: TID251  what clients do
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import cloudpickle  # noqa: TID251
import gymnasium
import numpy as np
import pytest
from gymnasium import wrappers
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode

import synthgym  # noqa: F401  registers
from synthgym import zoo

# One for each way of making, and both kinds of action; the whole zoo is slow.
WAYS = [
    ("Synthetic-CartPole-v1", "distilled"),
    ("Synthetic-CartPole-v1", "graded"),
    ("Synthetic-CartPole-v1", "world_model"),
    ("Synthetic-Acrobot-v1", "se"),
    ("Synthetic-MountainCar-v0", "distilled_evolved"),
    ("Synthetic-Pendulum-v1", "evolved"),
    ("Synthetic-MountainCarContinuous-v0", "distilled"),
]
ZOO = [(name, variant) for name in zoo.names() for variant in zoo.variants(name)]
REST = [pytest.param(*one, marks=pytest.mark.slow) for one in ZOO if one not in WAYS]
every = pytest.mark.parametrize(("name", "variant"), [*WAYS, *REST])

NEED_BOUNDS = {"DiscretizeObservation", "RescaleObservation"}  # of each number that is observed

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    # as Gymnasium says of its own CartPole-v0
    pytest.mark.filterwarnings("ignore:.*is out of date:DeprecationWarning"),
]


def control(env: Any) -> str:
    """A task of Gymnasium with such actions."""
    space = getattr(env, "single_action_space", env.action_space)
    return "CartPole-v1" if isinstance(space, Discrete) else "Pendulum-v1"


def applicable(known: list[str], name: str, variant: str) -> list[str]:
    """Names of wrappers; not of those for bounds where a network puts out any number."""
    space = gymnasium.make(name, variant=variant).observation_space
    assert isinstance(space, Box)
    return [x for x in known if x != "vector" and (space.is_bounded() or x not in NEED_BOUNDS)]


def outcome(make: Callable[[], Any]) -> str:
    """What happens to somebody who uses an environment for a while; "" if nothing does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            env = make()
            env.reset(seed=3)
            env.action_space.seed(3)
            for _ in range(6):
                _, _, terminated, truncated, _ = env.step(env.action_space.sample())
                if isinstance(terminated, bool) and (terminated or truncated):
                    env.reset()
            if env.render_mode:
                env.render()
            env.close()
        except Exception as error:  # noqa: BLE001  to compare it is the point
            return f"{type(error).__name__}: {error}"
    return ""


def same(x: Any) -> Any:
    return x


def words(wrapper: Any, env: Any) -> dict[str, Any]:
    """Arguments that a wrapper cannot do without."""
    space = getattr(env, "single_observation_space", env.observation_space)
    known = {
        "bins": 3,
        "delay": 2,
        "dtype": np.float64,
        "stack_size": 3,
        "skip": 2,
        "num_repeats": 2,
        "repeat_action_probability": 0.5,
        "shape": (*space.shape, 1),
        "max_episode_steps": 3,
        "min_obs": np.float32(-1),
        "max_obs": np.float32(1),
        "min_action": np.float32(-1),
        "max_action": np.float32(1),
        "min_reward": -1,
        "max_reward": 1,
        "func": same,
        "single_func": same,
        "observation_space": None,
        "action_space": None,
        "filter_keys": [0],
        "probability_of_noise_rewards": 0.5,
        "probability_of_noise": 0.5,
        "obstructed_pixels_ratio": 0.5,
        "obstruction_width": 2,
        "video_folder": "videos",
        "env_xp": np,
        "target_xp": np,
    }
    if wrapper.__name__ == "VectorizeTransformObservation":
        return {"wrapper": wrappers.ReshapeObservation, "shape": known["shape"]}
    if wrapper.__name__ == "VectorizeTransformAction":
        return {"wrapper": wrappers.ClipAction}
    if wrapper.__name__ == "VectorizeTransformReward":
        return {"wrapper": wrappers.ClipReward, "min_reward": -1, "max_reward": 1}
    wanted = inspect.signature(wrapper).parameters
    return {
        key: known[key]
        for key, parameter in wanted.items()
        if key in known and (parameter.default is parameter.empty or key == "max_reward")
    }


def drawn(name: str, variant: str) -> bool:
    """Whether there are pictures of it; of Brax's tasks there are none."""
    return bool(gymnasium.make(name, variant=variant).metadata["render_modes"])


def applied(name: str, module: Any, make: Callable[..., Any], pictures: bool) -> str:
    """What happens under a wrapper, with pictures where it is without them that it cannot be."""

    def use(**mode: str) -> str:
        def wrapped() -> Any:
            env = make(**mode)
            wrapper = getattr(module, name)
            return wrapper(env, **words(wrapper, env))

        return outcome(wrapped)

    failed = use()
    return use(render_mode="rgb_array") if failed and pictures else failed


@every
def test_wrappers_that_work_with_the_real_tasks_work_here(
    name: str, variant: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.chdir(tmp_path)  # for videos
    task, pictures = control(gymnasium.make(name, variant=variant)), drawn(name, variant)
    worked = []
    for wrapper in applicable(wrappers.__all__, name, variant):
        if not applied(wrapper, wrappers, lambda **k: gymnasium.make(task, **k), pictures):
            worked.append(wrapper)
            here = applied(
                wrapper, wrappers, lambda **k: gymnasium.make(name, variant=variant, **k), pictures
            )
            assert not here, f"{wrapper}: {here}"
    assert len(worked) >= 20, worked
    record_property("wrappers", len(worked))


@every
def test_wrappers_that_work_with_vectors_of_the_real_tasks_work_here(
    name: str, variant: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.chdir(tmp_path)
    task, pictures = control(gymnasium.make(name, variant=variant)), drawn(name, variant)
    worked = []
    for wrapper in applicable(wrappers.vector.__all__, name, variant):
        if not applied(
            wrapper, wrappers.vector, lambda **k: gymnasium.make_vec(task, 2, **k), pictures
        ):
            worked.append(wrapper)
            here = applied(
                wrapper,
                wrappers.vector,
                lambda **k: gymnasium.make_vec(name, 2, variant=variant, **k),
                pictures,
            )
            assert not here, f"{wrapper}: {here}"
    assert len(worked) >= 12, worked
    record_property("wrappers", len(worked))


@every
def test_what_comes_out_is_in_the_declared_spaces_and_belongs_to_the_caller(
    name: str, variant: str
) -> None:
    env = gymnasium.make(name, variant=variant).unwrapped
    vector = gymnasium.make_vec(name, 3, variant=variant)
    for one in (env, vector):
        one.action_space.seed(0)
        for _ in range(4):
            before = one.reset(seed=5)[0].copy()
            for first in (one.reset(seed=5)[0], one.reset(seed=5, options={})[0]):
                np.testing.assert_array_equal(first, before)
                assert first.dtype == np.float32
                assert one.observation_space.contains(first)
                first += 1  # the caller's own
            for _ in range(3):
                observation = one.step(one.action_space.sample())[0]
                assert observation.dtype == np.float32
                assert one.observation_space.contains(observation)
                observation += 1


@every
@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x)), "cloudpickle"],  # noqa: S301
)
def test_a_copy_goes_on_as_the_original(name: str, variant: str, copied: Any) -> None:
    if copied == "cloudpickle":
        copied = lambda x: pickle.loads(cloudpickle.dumps(x))  # noqa: E731, S301
    mode: dict[str, Any] = {"render_mode": "rgb_array"} if drawn(name, variant) else {}
    for make in (gymnasium.make, gymnasium.make_vec):
        env: Any = make(name, variant=variant, **mode)
        env.action_space.seed(0)
        env.reset(seed=1)
        env.render()  # what pygame has open is not copied
        twin, action = copied(env), env.action_space.sample()
        for one, other in zip(env.step(action)[:4], twin.step(action)[:4], strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(env.reset()[0], twin.reset()[0])
        env.close()


@every
@pytest.mark.parametrize("mode", AutoresetMode)
def test_a_vector_of_its_own_says_when_episodes_end_as_gymnasiums_vectors(
    name: str, variant: str, mode: AutoresetMode
) -> None:
    limit: dict[str, Any] = {"max_episode_steps": 3}
    one: Any = gymnasium.make_vec(name, 2, variant=variant, autoreset_mode=mode, **limit)
    other: Any = gymnasium.make_vec(
        name,
        2,
        variant=variant,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": mode},
        **limit,
    )
    assert one.metadata["autoreset_mode"] == other.metadata["autoreset_mode"] == mode
    bandit = one._env.spec.bandit
    for env in (one, other):
        env.reset(seed=0)
        env.action_space.seed(0)
    for _ in range(8):
        steps = [env.step(env.action_space.sample()) for env in (one, other)]
        shapes = [[(x.shape, x.dtype) for x in step[:4]] for step in steps]
        assert shapes[0] == shapes[1]
        if bandit:  # else it is the networks that say when, and the states differ
            np.testing.assert_array_equal(steps[0][2], steps[1][2])
            assert steps[0][4].keys() == steps[1][4].keys()
            np.testing.assert_array_equal(steps[0][1] == 0, steps[1][1] == 0)
        for env, step in zip((one, other), steps, strict=True):
            if mode == AutoresetMode.DISABLED and (done := step[2] | step[3]).any():
                env.reset(options={"reset_mask": done})


@every
def test_actions_that_the_real_tasks_refuse_are_refused(name: str, variant: str) -> None:
    env = gymnasium.make(name, variant=variant)
    vector = gymnasium.make_vec(name, 2, variant=variant)
    env.reset(seed=0)
    vector.reset(seed=0)
    if isinstance(env.action_space, Discrete):
        count = int(env.action_space.n)
        for action in (-1, count, 0.5, "0", None, np.array([0]), np.float32(0)):
            with pytest.raises(AssertionError, match="invalid"):
                env.unwrapped.step(action)
        for action in (-1, count, 0.5):
            with pytest.raises(AssertionError, match="invalid"):
                vector.step(np.array([0, action]))
        valid: tuple[Any, ...] = (0, np.int64(0), np.int32(0), np.array(0), True)
        for action in valid:
            env.unwrapped.step(action)
        return
    assert isinstance(env.action_space, Box)
    low, high = env.action_space.low, env.action_space.high
    twins = [copy.deepcopy(env.unwrapped) for _ in range(2)]
    assert twins[0].step(high)[1] == twins[1].step(high + 7)[1]  # clipped, as there
    assert env.unwrapped.step(low.astype(float))[1] == env.unwrapped.step(list(low))[1]
    with pytest.raises(ValueError, match="reshape"):
        env.unwrapped.step(np.zeros(low.size + 1))


@pytest.mark.parametrize("make", [gymnasium.make, gymnasium.make_vec])
def test_a_step_before_the_first_reset_is_refused(make: Any) -> None:
    env = make("Synthetic-CartPole-v1").unwrapped
    with pytest.raises(AssertionError, match="Call reset before using step method"):
        env.step(env.action_space.sample())


@pytest.mark.parametrize("name", zoo.names())
def test_threshold_and_limit_are_those_of_the_real_task(name: str) -> None:
    known, task = gymnasium.spec(name), zoo.card(name)["task"]
    assert (known.reward_threshold, known.max_episode_steps) == (task["solved"], task["horizon"])
    if task["id"] in gymnasium.registry:
        real = gymnasium.spec(task["id"])
        assert known.reward_threshold == (real.reward_threshold or task["solved"])
        assert known.max_episode_steps == real.max_episode_steps


def test_bounds_are_known_where_contexts_are_in_a_table() -> None:
    env = gymnasium.make("Synthetic-CartPole-v1")
    table = np.asarray(zoo.load("Synthetic-CartPole-v1").theta["initial_state"]["table"])
    space = env.observation_space
    assert isinstance(space, Box)
    np.testing.assert_array_equal([space.low, space.high], [table.min(0), table.max(0)])
    other = gymnasium.make("Synthetic-CartPole-v1", variant="evolved").observation_space
    assert isinstance(other, Box)
    assert not other.is_bounded()


CLIENT = """
import sys, gymnasium, numpy
if __name__ == "__main__":
    name = "synthgym:Synthetic-CartPole-v1"
    env = gymnasium.make(name)
    env.reset(seed=0), env.step(0)
    seen = []
    for context in ("fork", "forkserver", "spawn"):
        vector = gymnasium.make_vec(name, 2, vectorization_mode="async",
                                    vector_kwargs={"context": context})
        observations, _ = vector.reset(seed=0)
        seen.append(observations)
        assert vector.step(vector.action_space.sample())[2].all()
        vector.close()
    assert numpy.array_equal(seen[0], seen[1]) and numpy.array_equal(seen[0], seen[2])
    assert numpy.array_equal(seen[0][0], env.reset(seed=0)[0])
    print(sorted({"jax", "flax", "optax", "pandas"} & set(sys.modules)))
"""


def test_vectors_of_processes_work_however_they_start_and_nothing_heavy_is_imported(
    tmp_path: Any,
) -> None:
    script = tmp_path / "client.py"
    script.write_text(CLIENT)
    command = [sys.executable, "-W", "error", str(script)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
