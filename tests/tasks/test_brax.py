"""The Brax tasks are Brax's; what is ours is the time limit, the quiet, and the refusals."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import probes
from probes import section
from synthgym.core.types import EnvSpec, Step
from synthgym.tasks import base, brax

TASKS = ["hopper", "halfcheetah", "walker2d", "swimmer", "humanoidstandup", "ant", "reacher"]
ENDING = ["hopper", "walker2d", "ant"]  # with random actions they soon fall, or jump too high
HORIZON = 4


def both(name: str, num_steps: int) -> tuple[Step, Step]:
    """Steps with random actions, each from the same state: ours, and those of Brax itself.

    The first of them is what reset gives.
    """
    task = base.load(section("task", name, horizon=HORIZON))
    env = brax._environment(task.id, "generalized")  # type: ignore[attr-defined]
    key_reset, key_actions = jax.random.split(jax.random.key(0))
    shape = (num_steps, task.spec.action_size)
    actions = jax.random.uniform(key_actions, shape, minval=-1.0, maxval=1.0)

    def theirs(state: Any) -> Step:
        return Step(state.obs, state.reward, state.done > 0, jnp.bool_(False))

    def advance(state: Any, now: Any) -> Any:
        time, action = now
        _, ours = task.step(jax.random.key(1), brax.Body(state, time), action)
        state = env.step(state, action)
        return state, (ours, theirs(state))

    @jax.jit
    def run(key: Any) -> Any:
        _, observation = task.reset(key)
        state = env.reset(jax.random.clone(key))
        steps = jax.lax.scan(advance, state, (jnp.arange(num_steps), actions))[1]
        return observation, state.obs, steps

    with brax._tracing():
        observation, their_observation, (ours, their) = run(key_reset)
    np.testing.assert_allclose(observation, their_observation, rtol=1e-6)
    return ours, their


@pytest.fixture(scope="module")
def reacher() -> tuple[Step, Step]:
    return both("reacher", 5)


def equal(ours: Step, theirs: Step) -> None:
    np.testing.assert_allclose(ours.observation, theirs.observation, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(ours.reward, theirs.reward, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(ours.terminated, theirs.terminated)


def test_a_step_is_braxs(reacher: tuple[Step, Step]) -> None:
    ours, theirs = reacher
    equal(ours, theirs)
    assert np.abs(np.diff(ours.observation, axis=0)).max() > 0.1  # it moves
    assert not ours.terminated.any()


def test_an_episode_is_truncated_at_the_horizon(reacher: tuple[Step, Step]) -> None:
    assert reacher[0].truncated[:HORIZON].tolist() == [False, False, False, True]


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_each_task_is_braxs(name: str) -> None:
    ours, theirs = both(name, 100)
    equal(ours, theirs)
    assert np.isfinite(ours.observation).all()
    assert ours.terminated.any() == (name in ENDING)


INFO = {  # of the half-cheetah in MuJoCo, as Ferreira et al. 2022 had it, in Brax's words
    "reward_run": lambda before, after, action: velocity(before, after),
    "reward_ctrl": lambda before, after, action: -0.1 * (action**2).sum(),
    "x_position": lambda before, after, action: after.brax.pipeline_state.x.pos[0, 0],
    "x_velocity": lambda before, after, action: velocity(before, after),
}


def velocity(before: Any, after: Any) -> Any:
    x = [state.brax.pipeline_state.x.pos[0, 0] for state in (before, after)]
    return (x[1] - x[0]) / brax._environment("halfcheetah", "generalized").dt


@pytest.mark.slow
def test_the_info_of_a_half_cheetah_follows_from_where_it_is() -> None:
    task = base.load(section("task", "halfcheetah"))
    assert set(task.info_names) == set(INFO)  # type: ignore[attr-defined]
    state, _ = task.reset(jax.random.key(0))
    step = jax.jit(task.step)
    for i in range(3):
        action = jax.random.uniform(jax.random.key(i), (6,), minval=-1.0, maxval=1.0)
        before = state
        state, made = step(jax.random.key(1), state, action)
        said = dict(zip(task.info_names, task.info(state), strict=True))  # type: ignore[attr-defined]
        for name, rule in INFO.items():
            np.testing.assert_allclose(said[name], rule(before, state, action), rtol=1e-4)
        np.testing.assert_allclose(made.reward, said["reward_run"] + said["reward_ctrl"], rtol=1e-5)


class State(NamedTuple):
    """As a state of Brax."""

    obs: Any
    reward: Any
    done: Any


class Falls:
    """As an environment of Brax: ends with its second step."""

    def reset(self, key: Any) -> State:
        return State(jnp.zeros(11), jnp.float32(0), jnp.float32(0))

    def step(self, state: State, action: Any) -> State:
        obs = state.obs + 1
        return State(obs, jnp.float32(1), (obs[0] >= 2).astype(jnp.float32))


def test_a_fall_is_termination_and_never_truncation_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brax, "_environment", lambda *_: Falls())
    spec = EnvSpec(11, 0, 2, -1.0, 1.0, horizon=2)  # the fall is at the horizon
    task = brax.BraxTask(spec=spec, id="falls", backend="generalized")
    state, _ = task.reset(jax.random.key(0))
    flags = []
    for _ in range(2):
        state, step = task.step(jax.random.key(1), state, jnp.zeros(2))
        flags.append((bool(step.terminated), bool(step.truncated)))
    assert flags == [(False, False), (True, False)]


PROGRAM = """
import jax, sys
from probes import section
from synthgym.tasks import base
for name in sys.argv[1:]:
    task = base.load(section("task", name))
    state, _ = jax.eval_shape(task.reset, jax.random.key(0))
    action = jax.ShapeDtypeStruct((task.spec.action_size,), "float32")
    jax.eval_shape(task.step, jax.random.key(0), state, action)
import brax.fluid
assert brax.fluid.jp is jax.numpy
"""


def test_brax_is_quiet_and_left_as_it_was(tmp_path: Path) -> None:
    """Warnings are errors here. MuJoCo complains of the cheetah's file, JAX of the swimmer's."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, "halfcheetah", "swimmer"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(probes.__file__).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert not list(tmp_path.iterdir())  # no MUJOCO_LOG.TXT


def test_what_else_mujoco_says_is_a_warning() -> None:
    with pytest.warns(UserWarning, match="mujoco: the model explodes"):
        brax._complain("the model explodes")


def test_without_brax_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    brax._library.cache_clear()
    for module in [name for name in sys.modules if name.split(".")[0] == "brax"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "brax", None)
    sentence = r"conf/task/hopper.yaml needs Brax, .*: pip install brax=="
    with pytest.raises(ModuleNotFoundError, match=sentence):
        base.load(section("task", "hopper"))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"observation_size": 5}, "observation_size is 5, but that of reacher is 11"),
        ({"action": {"size": 3}}, "action.size is 3, but that of reacher is 2"),
        ({"action": {"low": -2.0}}, "action.low is -2.0, but that of reacher is -1.0"),
        ({"action": {"kind": "discrete"}}, "is discrete, but that of reacher is continuous"),
        ({"options": {"speed": 2}}, "reacher has no option speed; there is backend"),
        ({"options": {"backend": None}}, "Brax has no backend None, only generalized, "),
        ({"options": {"backend": "bullet"}}, "Brax has no backend bullet, only generalized, "),
        ({"id": "cartpole"}, "Brax has no environment cartpole, only ant, "),
    ],
)
def test_a_section_that_contradicts_the_task_is_refused(change: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"conf/task/reacher.yaml: .*{complaint}"):
        base.load(section("task", "reacher", **change))
