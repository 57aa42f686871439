from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib import import_module
from itertools import combinations, product
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from synthgym.analysis import runs, sample_efficiency, style, summary
from synthgym.analysis.core.statistics import estimate, over_environments
from synthgym.analysis.core.tables import REAL, read_runs
from synthgym.analysis.figures import behaviour, common, tasks, training
from synthgym.stages import STAGES

NAMES = [figure.name for figure in STAGES["figures"].figures]
LAYOUTS = [
    *product(["five environments", "one environment"], NAMES),
    *product(["negative returns, six dimensions, three actions"], NAMES),
    *product(["nobody solved", "everyone at the cap"], ["returns", "effort"]),
]


@cache
def drawn(results: Any, solved: Any = "as it is") -> dict[str, Figure]:
    """All figures of a task, by name."""
    task = results.world.task if solved == "as it is" else {**results.world.task, "solved": solved}
    trained_with = runs.meta_agents(results.tables["progress"])
    ways = runs.ways(results.tables["progress"], results.tables["curves"])
    given = {"learners": {}, **results.tables, "trained_with": trained_with, "ways": ways}
    given |= {"task": task, "scale": "quick"}
    return common.draw("figures", vars(tasks), **given)


def draw(results: Any, name: str) -> Figure:
    return drawn(results)[name]


def texts(artist: Any) -> list[str]:
    return [text.get_text() for text in artist.findobj(Text) if text.get_text()]


def panels(figure: Figure) -> dict[str, Axes]:
    return {axes.get_title(loc="left"): axes for axes in figure.axes}


@pytest.mark.parametrize(("world", "name"), LAYOUTS)
def test_nothing_is_cut_off_or_covers_something_else(
    results_of: Callable[[str], Any], world: str, name: str
) -> None:
    figure = draw(results_of(world), name)
    with style.applied():
        FigureCanvasAgg(figure).draw()
    parts: dict[str, Any] = {
        f"panel {i}": axes.get_tightbbox() for i, axes in enumerate(figure.axes)
    }
    parts |= {legend.get_title().get_text(): legend.get_tightbbox() for legend in figure.legends}
    parts |= {figure.get_suptitle(): figure.texts[0].get_window_extent()}
    for (a, box_a), (b, box_b) in combinations(parts.items(), 2):
        assert not box_a.padded(-1).overlaps(box_b), (a, b)
    for part, box in parts.items():
        assert box.x0 >= -1, part
        assert box.y0 >= -1, part
        assert box.x1 <= figure.bbox.x1 + 1, part
        assert box.y1 <= figure.bbox.y1 + 1, part
    for axes in figure.axes:
        for one, other in combinations(axes.texts, 2):
            assert not one.get_window_extent().overlaps(other.get_window_extent()), (one, other)


@pytest.mark.parametrize("name", NAMES)
def test_the_title_names_task_and_scale(results_of: Callable[[str], Any], name: str) -> None:
    figure = draw(results_of("one environment"), name)
    assert figure.get_suptitle().startswith("CartPole-v1, scale “quick”")


def test_run_writes_small_files_the_same_under_any_settings(
    results_of: Callable[[str], Any], tmp_path: Path
) -> None:
    results = results_of("one environment")
    written = []
    for place, colour in ((tmp_path / "a", "white"), (tmp_path / "b", "red")):
        place.mkdir()
        with mpl.rc_context({"axes.facecolor": colour, "font.size": 20}):
            names = tasks.run(results.world.config(), results.paths, place, tmp_path)
        assert sorted(names) == sorted(f"{name}.png" for name in NAMES)
        assert sorted(path.name for path in place.iterdir()) == sorted(names)
        written.append([(place / name).read_bytes() for name in names])
    assert written[0] == written[1]
    for name in names:
        with Image.open(tmp_path / "a" / name) as image:
            assert image.width == style.WIDTH * style.DPI
            assert not image.info.keys() & {"Software", "Creation Time", "date"}
        assert (tmp_path / "a" / name).stat().st_size < 150_000


def test_few_agents_who_are_all_alike_can_be_drawn(tmp_path: Path, world_of: Any) -> None:
    world = world_of(
        agents=["ppo"],
        environments={"bandit_ppo": ["ppo"]},
        draws=1,
        generations=1,
        skill=-1.0,
        spread=0.0,
    )
    names = tasks.run(world.config(), world.write(tmp_path), tmp_path, tmp_path)
    assert all((tmp_path / name).is_file() for name in names)


def test_a_task_may_have_distilled_environments_only(
    results_of: Callable[[str], Any], tmp_path: Path
) -> None:
    results = results_of("one environment")
    paths = {}
    for name in ("progress", "evaluations"):
        (path,) = results.paths[name]
        table = pd.read_parquet(path)
        paths[name] = [
            tmp_path
            / "/".join(["results/quick/tasks", *path.parts[path.parts.index("tasks") + 1 :]])
        ]
        paths[name][0].parent.mkdir(parents=True, exist_ok=True)
        changed = table.assign(stage="distil", agent="") if name == "progress" else table.iloc[:0]
        changed.to_parquet(paths[name][0])
    tasks.run(results.world.config(), {**results.paths, **paths}, tmp_path, tmp_path)
    numbers = summary.summarise(
        "quick",
        {results.world.name: results.world.task},
        {name: read_runs(name, {**results.paths, **paths}[name]) for name in summary.INPUTS},
    )
    entry = numbers["meta_training"][results.world.name]["bandit_ppo"]
    assert (entry["made"], entry["agents"], entry["mean_environment"]) == ("distilled", [], {})


def test_a_task_without_a_bandit_is_refused(results_of: Callable[[str], Any]) -> None:
    results = results_of("one environment")
    with pytest.raises(ValueError, match="no surface table"):
        tasks.run(results.world.config(), {**results.paths, "surface": []}, Path(), Path())


def test_each_row_of_the_table_is_a_figure_by_the_function_of_its_name() -> None:
    modules = {
        **{name: name.removesuffix("_report") + "s" for name in STAGES if name.endswith("_report")},
        "transfer_report": "transfer",
        "insight_report": "insight",
        "search_report": "searches",
        "figures": "tasks",
    }
    for stage, row in STAGES.items():
        for figure in row.figures:
            module = import_module(f"synthgym.analysis.figures.{modules[stage]}")
            assert callable(getattr(module, figure.name.partition("_{")[0])), figure.name


def test_a_way_of_making_has_one_colour_and_environments_of_it_differ() -> None:
    ways = {"a": "evolved", "evolved": "evolved", "b": "evolved", "c": "distilled", "d": "model"}
    looks = style.looks(ways)
    own = {name: looks[name]["color"] for name in ("real", "evolved", "c", "d")}
    assert own == {name: style.WAYS[ways.get(name, name)] for name in own}
    assert len({(look["color"], str(look["ls"])) for look in looks.values()}) == len(looks)
    others = {style.lines(ways, lw=1)[name]["color"] for name in ways}
    assert not others & set(style.WAYS.values())


def test_a_distilled_environment_that_is_no_bandit_is_a_model(
    results_of: Callable[[str], Any],
) -> None:
    tables = results_of("five environments").tables
    distilled = tables["progress"].assign(stage="distil")
    ways = runs.ways(distilled, tables["curves"])
    assert (ways["bandit_ppo"], ways["mdp_ppo"]) == ("distilled", runs.MODEL)
    assert runs.ways(tables["progress"], tables["curves"])["mdp_ppo"] == "evolved"


def test_the_real_task_at_equal_steps_is_no_row_of_its_own_where_it_is_the_same(
    results_of: Callable[[str], Any],
) -> None:
    results = results_of("one environment")
    curves = results.tables["curves"]
    seen = {"bandit_ppo": ["ppo"]}
    short = curves[(curves["environment"] != "real") | (curves["step"] <= 10_000)]
    for table, n in ((curves, 3), (short, 2)):
        with style.applied():
            figure = training.returns(
                table,
                results.tables["episodes"],
                seen,
                {"bandit_ppo": "evolved"},
                results.world.task,
                "quick",
            )
        assert len(figure.axes[0].get_yticklabels()) == n


def test_histograms_of_returns_end_where_returns_end(results_of: Callable[[str], Any]) -> None:
    results = results_of("everyone at the cap")
    episodes = results.tables["episodes"]
    tops = []
    for axes in draw(results, "returns").axes:
        for patch in axes.patches:
            edges = patch.get_data().edges  # type: ignore[attr-defined]
            assert edges[-1] == 500
            assert edges[0] <= episodes["return_"].min()
            tops.append(patch.get_data().values)  # type: ignore[attr-defined]
    assert len(tops) == 4  # two agents, in the real task and in the bandit
    for values in tops:
        assert np.argmax(values) == len(values) - 1  # the mass is in the bin that ends at 500


def test_returns_show_the_numbers_of_the_summary(results_of: Callable[[str], Any]) -> None:
    results = results_of("negative returns, six dimensions, three actions")
    tables = {name: results.tables[name] for name in summary.INPUTS}
    transfer = summary.summarise("quick", {"acrobot": results.world.task}, tables)["transfer"]
    shown = panels(draw(results, "returns"))
    for row in transfer["acrobot"].values():
        for agent, numbers in row.items():
            text = (
                f"{numbers['iqm']:.0f} [" if numbers["iqm"] <= -100 else f"{numbers['iqm']:.3g} ["
            )
            dagger = "†" if numbers.get("unseen") else ""
            assert any(
                line.startswith(text) and line.endswith(f"n = {numbers['n']} {dagger}".strip())
                for line in texts(shown[f"agent: {agent}"])
            )


def test_points_of_effort_are_the_numbers_of_the_summary(results_of: Callable[[str], Any]) -> None:
    results = results_of("five environments")
    curves = results.tables["curves"]
    figure = draw(results, "effort")
    for axes in figure.axes:
        unit = "step" if axes in figure.axes[::2] else "episode"
        agent = axes.get_title(loc="left").removeprefix("agent: ")
        expected = [
            row[agent]["iqm"]
            for row in summary.to_solve(curves, 475, unit).values()
            if row[agent]["n"]
        ]
        assert not axes.patches  # no bar on an axis without a zero
        points = [
            float(np.asarray(line.get_xdata())[0])
            for line in axes.lines
            if line.get_marker() == "o"
        ]
        assert sorted(points) == pytest.approx(sorted(expected))


def test_diamonds_of_the_frontier_are_costs_and_returns_of_the_summary(
    results_of: Callable[[str], Any],
) -> None:
    results = results_of("five environments")
    progress, curves = results.tables["progress"], results.tables["curves"]
    (axes,) = draw(results, "frontier").axes
    points = [
        (float(np.asarray(line.get_xdata())[0]), float(np.asarray(line.get_ydata())[0]))
        for line in axes.lines
        if line.get_marker() == "D"
    ]
    expected = [
        (cost, estimate(ends["return_"]).iqm)
        for name, cost in summary.real_steps(progress).items()
        for ends in [runs.finished(curves[curves["environment"] == name])]
    ]
    assert sorted(points) == [pytest.approx(point) for point in sorted(expected)]
    alone = [line for line in axes.lines if line.get_color() == style.WAYS[REAL]]
    one, hundred = (np.asarray(line.get_xdata()) for line in alone[:2])
    assert (hundred == 100 * one).all()


def test_who_learns_in_the_task_from_few_steps_is_on_the_frontier_alone_and_a_hundred_times(
    results_of: Callable[[str], Any],
) -> None:
    results = results_of("one environment")
    rows = [("real", -1, "dqn", draw, step, step / 10 + draw) for draw in (0, 2) for step in (7, 9)]
    curves = pd.DataFrame(rows, columns=[*runs.RUN, "step", "return_"])
    tables = {**results.tables, "learners": {"dqn of SB3": sample_efficiency.course(curves)}}
    figure = draw(replace(results, tables=tables), "frontier")
    colour = style.PALETTE[0]
    one, hundred = (line for line in figure.axes[0].lines if line.get_color() == colour)
    assert np.asarray(one.get_xydata()).tolist() == [pytest.approx(x) for x in ([7, 1.7], [9, 1.9])]
    assert np.asarray(hundred.get_xdata()).tolist() == [700, 900]
    assert (one.get_linestyle(), hundred.get_linestyle()) == ("-", ":")
    assert {"dqn of SB3", "a hundred agents together"} <= set(texts(figure))


def test_lines_of_the_frontier_are_of_all_seeds_to_the_end(
    results_of: Callable[[str], Any],
) -> None:
    results = results_of("five environments")
    tables, ended = dict(results.tables), 50  # generation at which the second seed's searches end
    for name in ("progress", "evaluations"):
        table = tables[name]
        tables[name] = table[(table["environment_seed"] == 0) | (table["generation"] <= ended)]
    (axes,) = draw(replace(results, tables=tables), "frontier").axes
    name = "bandit_all"
    colour = style.looks(runs.ways(tables["progress"], tables["curves"]))[name]["color"]
    lines = [line.get_xydata() for line in axes.lines if line.get_color() == colour]
    (line,) = (np.asarray(points) for points in lines if len(np.asarray(points)) > 1)
    fresh = tables["evaluations"]
    fresh = fresh[fresh["environment"] == name]
    last = fresh.groupby("environment_seed")["generation"].transform("max") == fresh["generation"]
    assert set(fresh["generation"][last]) == {ended, 100}
    steps = summary.real_steps(tables["progress"])[name]
    assert line[-1] == pytest.approx((steps, estimate(fresh["return_"][last]).iqm))


def test_effort_of_nobody_is_no_point_but_said(results_of: Callable[[str], Any]) -> None:
    for axes in draw(results_of("nobody solved"), "effort").axes:
        assert not axes.lines
        assert sum(text.startswith("0/20 solved") for text in texts(axes)) == 2


def test_effort_says_which_agents_are_unseen(results_of: Callable[[str], Any]) -> None:
    shown = panels(draw(results_of("one environment"), "effort"))
    assert any("†" in text for text in texts(shown["agent: dqn"]))
    assert not any("†" in text for text in texts(shown["agent: ppo"]))


def test_band_of_meta_training_is_the_interval(results_of: Callable[[str], Any]) -> None:
    results = results_of("one environment")
    evaluations = results.tables["evaluations"]
    figure = draw(results, "meta_training")
    (axes,) = figure.axes
    last = evaluations[evaluations["generation"] == 60]
    expected = over_environments(last["return_"], last["environment_seed"])
    (band,) = (part for part in axes.collections if isinstance(part, FillBetweenPolyCollection))
    corners = np.asarray(band.get_paths()[0].vertices)
    at_end = corners[corners[:, 0] == 60, 1]
    assert (at_end.min(), at_end.max()) == pytest.approx((expected.low, expected.high))
    assert axes.get_title(loc="left").startswith("bandit_ppo: 60 generations, 4.0 min")


def test_histograms_of_behaviour_are_shares_in_common_bins() -> None:
    values = pd.DataFrame(
        {
            "environment": "bandit",
            "quantity": ["x"] * 6 + ["reward"] * 6,
            "source": ["real_test"] * 4
            + ["synthetic_training"] * 2
            + ["real_test", "synthetic_training", "synthetic_on_real"] * 2,
            "value": [0.0, 0.0, 0.0, 10.0, 5.0, 5.0] + [1.0] * 6,
        }
    )
    task = {"id": "Task", "observation_names": ["x"]}
    figure = behaviour.behaviour(values, task=task, scale="quick")
    x, reward = figure.axes
    real, synthetic = (patch.get_data() for patch in x.patches)  # type: ignore[attr-defined]
    assert np.array_equal(real.edges, synthetic.edges)
    assert (real.values[0], real.values[-1]) == (0.75, 0.25)
    assert synthetic.values.max() == 1
    assert len(reward.patches) == 3  # of a bandit only the reward is an answer to a query


def test_of_many_observations_the_first_are_shown() -> None:
    names = [f"x{i}" for i in range(behaviour.MOST + 2)]
    steps = pd.DataFrame(
        {"kind": "observation", "quantity": name, "step": step, "value": 0.0}
        for name in names
        for step in (0, 1)
    )
    others = steps.iloc[:4].assign(kind=["action", "reward"] * 2, quantity=["action", "reward"] * 2)
    rows = pd.concat([steps, others]).assign(environment="bandit", agent="ppo")
    task = {"id": "Task", "observation_names": names, "action": {"kind": "continuous"}}
    figure = behaviour.rollout(rows, {"bandit": "evolved"}, task, "quick")
    assert len(figure.axes) == behaviour.MOST + 2
    values = steps.assign(environment="bandit", source="real_test")
    reward = values.iloc[:2].assign(quantity="reward")
    figure = behaviour.behaviour(pd.concat([values, reward]), task=task, scale="quick")
    assert len(figure.axes) == behaviour.MOST + 1
    (legend,) = figure.legends
    assert f"first {behaviour.MOST} of {len(names)}" in legend.get_title().get_text()


def surface(rewards: list[list[float]]) -> pd.DataFrame:
    """Rewards per action, the same in every row of a grid that is as wide as they are many."""
    return pd.DataFrame(
        [
            {"x": x, "y": y, "action": action, "reward": row[x]}
            for action, row in enumerate(rewards)
            for x in range(len(row))
            for y in range(3)
        ]
    ).assign(environment="bandit", environment_seed=0, x_name="x (m)", y_name="y (m)")


def test_surface_of_two_actions_is_their_difference_over_the_largest_with_its_zero() -> None:
    table = surface([[1, 1, 1], [0, 1.5, 4]])
    figure = behaviour.reward_surface(table, task={"id": "Task"}, scale="quick")
    axes, bar = figure.axes
    mesh, contour = axes.collections
    assert np.asarray(mesh.get_array())[0] == pytest.approx(np.array([-1, 0.5, 3]) / 3)
    zero = np.asarray(contour.get_paths()[0].vertices)[:, 0]
    assert zero == pytest.approx(2 / 3)  # between -1 at 0 and 0.5 at 1
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x (m)", "y (m)")
    assert bar.get_ylabel() == "reward, action 1 minus action 0"
    assert axes.get_title() == "bandit\nseed 0 (1: 3)"


def test_surface_without_a_change_of_sign_has_no_zero() -> None:
    figure = behaviour.reward_surface(
        surface([[0, 0, 0], [1, 2, 3]]), task={"id": "Task"}, scale="quick"
    )
    assert len(figure.axes[0].collections) == 1


def test_surface_of_a_bandit_that_learnt_nothing_can_be_drawn(tmp_path: Path) -> None:
    figure = behaviour.reward_surface(
        surface([[1, 1, 1], [1, 1, 1]]), task={"id": "Task"}, scale="quick"
    )
    style.save(figure, tmp_path / "flat.png")
    assert len(figure.axes[0].collections) == 1


def test_surface_of_three_actions_is_the_best_and_its_lead() -> None:
    table = surface([[0, 5, 0], [1, 3, 0], [3, 0, 9]])
    figure = behaviour.reward_surface(table, task={"id": "Task"}, scale="quick")
    best, lead = (axes.collections[0].get_array() for axes in figure.axes[:2])
    assert np.array_equal(np.asarray(best)[0], [2, 0, 2])
    assert np.asarray(lead)[0] == pytest.approx(np.array([2, 2, 9]) / 9)


def test_surfaces_of_several_environments_are_on_one_scale() -> None:
    large = surface([[0, 0, 0], [10, 20, 40]])
    small = surface([[0, 0, 0], [1, -2, 4]]).assign(environment="other")
    figure = behaviour.reward_surface(pd.concat([large, small]), {"id": "Task"}, "quick")
    first, second, _ = figure.axes  # one bar for both
    assert first.collections[0].get_clim() == second.collections[0].get_clim() == (-1, 1)
    assert np.asarray(second.collections[0].get_array())[0] == pytest.approx([0.25, -0.5, 1])


def test_surface_of_several_seeds_is_that_of_the_first() -> None:
    first = surface([[0, 0, 0], [1, 2, 3]])
    other = surface([[0, 0, 0], [9, 9, 9]]).assign(environment_seed=3)
    both = pd.concat([other, first], ignore_index=True)
    with style.applied():
        figure = behaviour.reward_surface(both, task={"id": "Task"}, scale="quick")
    assert figure.axes[0].get_title(loc="left").startswith("bandit\nseed 0")
    shares = np.asarray(figure.axes[0].collections[0].get_array())[0]
    assert shares == pytest.approx(np.array([1, 2, 3]) / 3)


@pytest.mark.parametrize("name", ["meta_training", "returns", "effort"])
def test_a_task_without_a_level_has_no_line_for_it(
    results_of: Callable[[str], Any], name: str
) -> None:
    written = " ".join(texts(drawn(results_of("one environment"), None)[name]))
    assert "solved (" not in written
    assert ("Nobody has agreed" in written.replace("\n", " ")) == (name == "effort")


def test_a_rollout_is_drawn_step_by_step_and_its_title_says_the_return() -> None:
    rewards = [1.0, -3.0, 5.5]
    kinds = {"observation": [0.0, 0.5, 0.25], "action": [0, 1, 0], "reward": rewards}
    steps = pd.concat(
        pd.DataFrame({"step": range(3), "kind": kind, "quantity": kind, "value": values})
        for kind, values in kinds.items()
    )
    names = ["observation"]
    task = {"id": "Task-v1", "observation_names": names, "action": {"kind": "discrete"}}
    with style.applied():
        steps = steps.assign(environment="bandit", agent="ppo")
        figure = behaviour.rollout(steps, {"bandit": "evolved"}, task, "quick")
    observation, action, reward = (axes.lines[0] for axes in figure.axes)
    np.testing.assert_array_equal(observation.get_xydata(), [[0, 0], [1, 0.5], [2, 0.25]])
    np.testing.assert_array_equal(action.get_ydata(), [0, 1, 0])
    np.testing.assert_array_equal(reward.get_ydata(), rewards)
    assert figure.axes[0].get_title(loc="left") == "bandit\nreturn 3.5"
