"""`train` and `compare`: what is said, saved and drawn is of the agents that were trained."""

import argparse
import re
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image, ImageSequence

from probes import section
from synthgym.__main__ import main
from synthgym.agents import base as agents
from synthgym.analysis.core.statistics import estimate
from synthgym.core import checkpoint
from synthgym.core.rng import root, stream
from synthgym.tasks import base as tasks
from synthgym.tasks.rollout import episode_returns, uniform_action
from synthgym.verbs import commands, drawing, training

NAME = "Synthetic-CartPole-v1"


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    commands.add(parser.add_subparsers(dest="verb"))
    return parser.parse_args(words)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Options that make it quick, in an empty directory; devices are those of the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands, "_prepare", lambda: None)
    few = ["--agents", "4", "--steps", "500", "--episodes", "3", "--seed", "5"]
    return ["--env", NAME, "--agent", "ppo", *few]


def test_train_says_saves_and_films_what_was_trained(
    small: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *small, "--out", "out"]) == 0
    said = capsys.readouterr().out
    setup = training.load(arguments("train", *small))
    agent = agents.load(setup.section, setup.task.spec)
    values = {name: jnp.float32(x) for name, x in setup.section.hyperparameters.items()}
    like = jax.eval_shape(
        lambda key: agent.init(key, setup.env, values, 500).params, jax.random.key(0)
    )
    params, about = checkpoint.load(Path("out/policy.safetensors"), like)
    key = jax.random.split(stream(root(5), "train ppo"), 4)[0]
    returns, _ = episode_returns(stream(key, "judge"), setup.task, partial(agent.act, params), 3)
    assert about["return_"] == pytest.approx(float(returns.mean()))
    assert about["environment"]["sha256"] == setup.card["sha256"]
    assert f"the first agent, {returns.mean():.1f}" in said
    assert re.search(r"return on CartPole-v1: \S+ \[\S+, \S+\] \(IQM, 95 % interval, n = 4", said)
    with Image.open("out/episode.gif") as film:
        steps = re.search(r"an episode of it in CartPole-v1, (\d+) steps", said)
        assert steps
        frames = sum(1 for _ in ImageSequence.Iterator(film))
        assert 1 < frames <= int(steps[1])


def test_where_jax_is_told_to_take_64_bits_agents_have_32(small: list[str]) -> None:
    with jax.enable_x64(True):
        for verb in ("train", "compare"):
            assert main([verb, *small, "--variant", "evolved", "--out", "out"]) == 0


def test_the_return_that_is_said_is_that_of_all_agents(small: list[str]) -> None:
    setup = training.load(arguments("train", *small))
    params, returns = training.train(setup, count=4, steps=500, episodes=3, seed=5)
    assert returns.shape == (4, 3)
    assert len({float(x) for x in jax.tree.leaves(params)[0].reshape(4, -1)[:, 0]}) == 4
    expected = estimate(returns.mean(-1))
    words = training.in_words(expected)
    assert words.startswith(f"{expected.iqm:.1f} [{expected.low:.1f}, {expected.high:.1f}]")


def test_compare_trains_in_both_and_draws_it(
    small: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[pd.DataFrame] = []
    compared = drawing.compared

    def record(curves: pd.DataFrame, *rest: Any) -> Figure:
        drawn.append(curves)
        return compared(curves, *rest)

    monkeypatch.setattr(drawing, "compared", record)
    assert main(["compare", *small, "--evaluations", "2", "--steps", "1000", "--out", "out"]) == 0
    said = capsys.readouterr().out
    (curves,) = drawn
    for where in ("synthetic environment", "real task"):
        rows = curves[curves["environment"] == where]
        assert sorted(set(rows["step"])) == [500, 1000]
        ends = rows[rows["step"] == 1000]
        assert f"trained in the {where}: {training.in_words(estimate(ends['return_']))}" in said
    episodes = curves.groupby("environment")["episode"].max()
    assert episodes["synthetic environment"] == 1000  # in a bandit each step is one
    assert episodes["real task"] < 1000
    with Image.open("out/comparison.png") as picture:
        assert picture.size[0] == 1080


def test_the_figure_has_a_line_and_an_interval_for_each() -> None:
    rows = [
        {"environment": where, "draw": draw, "step": step, "return_": 10.0 * draw + level}
        for where, level in (("synthetic environment", 100.0), ("real task", 0.0))
        for draw in range(5)
        for step in (500, 1000)
    ]
    figure = drawing.compared(pd.DataFrame(rows), "ppo", {"id": "X-v0", "solved": 475.0})
    (axes,) = figure.axes
    values = {line.get_label(): np.asarray(line.get_ydata()) for line in axes.lines}
    np.testing.assert_allclose(values["synthetic environment"], [120.0, 120.0])
    np.testing.assert_allclose(values["real task"], [20.0, 20.0])
    np.testing.assert_allclose(values["solved"], 475.0)
    assert len(axes.collections) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--env", "Synthetic-Pendulum-v1", "--agent", "dqn"], "dqn needs discrete actions"),
        (["--env", NAME, "--agent", "pppo"], "do you mean ppo?"),
        (["--env", "Synthetic-Carpole-v1", "--agent", "ppo"], "do you mean Synthetic-CartPole-v1?"),
        (["--env", NAME, "--agent", "ppo", "--variant", "none"], "no variant is named none"),
        (["--env", NAME, "--agent", "q_learning"], "q_learning needs one_hot observations"),
    ],
)
@pytest.mark.parametrize("verb", ["train", "compare"])
def test_what_does_not_fit_is_refused_in_a_sentence(
    verb: str, options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([verb, *options]) == 2
    assert words in capsys.readouterr().err


def test_a_task_without_a_picture_gets_no_film(tmp_path: Path) -> None:
    task = tasks.load(section("task", "cartpole"))
    policy = partial(uniform_action, task.spec)
    said = drawing.film(jax.random.key(0), task, policy, "hopper", tmp_path / "x.gif")
    assert said == "no film: Gymnasium has no picture of hopper that its observation determines."
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", [["--agents", "0"], ["--steps", "-5"], ["--episodes", "x"]])
def test_numbers_that_make_no_sense_are_refused(option: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--env", NAME, "--agent", "ppo", *option])
