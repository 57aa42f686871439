"""Who wins where settings are made twice; what is refused, and in which words."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from synthgym.core.settings import typed
from synthgym.jobs.provenance import STAGES, pick
from synthgym.plan.plan import Plan
from synthgym.plan.schema import Config, ConfigError, definition, described, groups
from synthgym.plan.validate import check_pair

ROOT = Path(__file__).parents[2]
PARAMS: dict[str, Any] = yaml.safe_load(
    """
scale: smoke
scales:
  smoke:
    seeds: [0, 1]
    agents: [ppo, dqn]
    common:
      meta: {population: 4, generations: 2}
    environments:
      bandit_ppo: {synth: bandit, meta: {agents: [ppo]}}
      mdp_dqn: {synth: mdp, meta: {agents: [dqn]}}
    tasks:
      cartpole: {}
      acrobot: {}
"""
)


def plan(**edits: Any) -> Plan:
    """PARAMS with other values at `scales.smoke`; double underscores are dots, None removes."""
    params = copy.deepcopy(PARAMS)
    for name, value in edits.items():
        *parents, last = name.split("__")
        node = params["scales"]["smoke"]
        for parent in parents:
            node = node.setdefault(parent, {})
        if value is None:
            del node[last]
        else:
            node[last] = value
    return Plan(params)


def refusal(**edits: Any) -> str:
    with pytest.raises(ConfigError) as error:
        plan(**edits).check("smoke")
    sentence = str(error.value)
    assert "\n" not in sentence
    return sentence


# Liesen et al. 2024: generations, population, rollouts, test episodes; horizons from, to, and
# the generations between which they change.
PUBLISHED_BANDITS: dict[str, tuple[Any, ...]] = {
    "acrobot": (100, 128, 1, 50, None),
    "cartpole": (300, 128, 1, 50, None),
    "mountain_car": (1000, 128, 1, 50, (1000, 200, 200, 800)),
    "mountain_car_continuous": (300, 128, 1, 50, None),
    "pendulum": (1000, 64, 8, 50, None),
    "halfcheetah": (2000, 128, 1, 50, (100, 1000, 200, 1800)),
    "hopper": (2000, 256, 1, 16, (100, 1000, 200, 1800)),
    "humanoidstandup": (1000, 128, 1, 50, (100, 1000, 200, 800)),
    "swimmer": (2000, 128, 1, 50, (100, 1000, 200, 1800)),
    "walker2d": (1000, 128, 1, 50, (100, 1000, 150, 850)),
}


@pytest.mark.parametrize("task", PUBLISHED_BANDITS)
def test_paper_has_the_published_budgets(task: str) -> None:
    config = Plan.load(ROOT / "params.yaml").resolve("paper", task, "bandit")
    meta, kind = config["meta"], config["task"]["action"]["kind"]
    generations, population, rollouts, episodes, horizons = PUBLISHED_BANDITS[task]
    assert (meta["generations"], meta["population"]) == (generations, population)
    assert (meta["rollouts"], meta["episodes"], meta["sigma"]) == (rollouts, episodes, 0.05)
    others = {"discrete": ["sac", "dqn"], "continuous": ["sac", "ddpg", "td3"]}[kind]
    assert meta["steps"] == dict.fromkeys(["ppo", *others], 10_000)
    curriculum = meta["curriculum"]
    shares = [curriculum[name] * generations for name in ("begin", "end")]
    planned = (curriculum["start"], config["task"]["horizon"], *map(round, shares))
    assert (None if curriculum["kind"] == "constant" else planned) == horizons
    rates = config["agents"]["ppo"]["search"]["learning_rate"]["choice"]
    assert max(rates) == {"discrete": 0.01, "continuous": 0.005}[kind]


def test_the_long_evolution_of_standard_is_what_paper_plans() -> None:
    """But for how often, and by how many agents, the search is looked at."""
    plan = Plan.load(ROOT / "params.yaml")
    tasks = plan.params["scales"]["standard"]["tasks"]
    long = [t for t in tasks if "evolved_long" in tasks[t]["only"]["environments"]]
    assert long
    for task in long:
        here = plan.resolve("standard", task, "evolved_long")
        there = plan.resolve("paper", task, "bandit")
        assert here["meta"] | {"evaluate_draws": 64} == there["meta"]
        assert (here["synth"], here["agents"]) == (there["synth"], there["agents"])


def goes_with(task: dict[str, Any]) -> dict[str, list[str]]:
    """Agents and synthetic environments that should be accepted, by what their files say."""
    action = task["action"]["kind"]
    seen = "one_hot" if task["num_states"] else "vector"
    agents = {name: definition("agent", name) for name in groups("agent") if name != "lpo"}
    every = {name: definition("synth", name) for name in groups("synth")}
    synths = {name: synth for name, synth in every.items() if not synth["reward"]}
    return {
        "agents": [
            name
            for name, agent in agents.items()
            if action in agent["actions"] and seen in agent["observations"]
        ],
        "synths": [name for name, synth in synths.items() if seen in synth["observations"]],
    }


@pytest.mark.parametrize("task", groups("task"))
def test_every_pair_is_accepted_or_refused_with_its_reason(task: str) -> None:
    """All agents and synthetic environments, one by one; JAX is not even imported for it."""
    section = definition("task", task)
    fitting = goes_with(section)
    environments = {
        name: {"synth": name, "meta": {"agents": fitting["agents"]}} for name in fitting["synths"]
    }
    every = {"agents": fitting["agents"], "tasks": {task: {}}, "environments": environments}
    plan(**every).check("smoke")
    for agent in set(groups("agent")) - {"lpo"} - set(fitting["agents"]):
        with pytest.raises(ConfigError) as error:
            check_pair(agent, section, "here")
        assert re.fullmatch(
            rf"here: {agent} needs \w+ (or \w+ )?(actions|observations); {task} has "
            r"(\d+ (discrete|continuous) ones?|one_hot ones|vector ones)\. Use [\w, ]+\.",
            str(error.value),
        )
    for synth in set(groups("synth")) - set(fitting["synths"]) - {"reward_network"}:
        sentence = refusal(**every | {"environments": {"e": {"synth": synth}}})
        assert f"{synth} puts out vector observations; {task} has one_hot ones" in sentence


@pytest.mark.parametrize("task", groups("task"))
def test_settings_tuned_for_a_task_are_settings_of_the_agents(task: str) -> None:
    train = list(definition("task", task)["tuned"])
    if train:
        plan(experts={task: {"train": train}}).check("smoke")


def test_experts_have_the_settings_tuned_for_the_task() -> None:
    tuned = definition("task", "cartpole")["tuned"]["ppo"]
    default = definition("agent", "ppo")
    static = {k: v for k, v in default["static"].items() if k != "optimiser"}  # Adam: as always
    planned = plan(experts={"cartpole": {"train": ["ppo"]}}, common__expert={})
    config = planned.resolve("smoke", "cartpole", expert="ppo")
    assert config["expert"]["steps"] == tuned["steps"]
    agent = config["agents"]["ppo"]
    assert agent["static"] == {**static, **tuned["static"]}
    assert agent["hyperparameters"] == {**default["hyperparameters"], **tuned["hyperparameters"]}
    assert list(config["agents"]) == ["ppo"]
    assert "tuned" not in config["task"]
    shorter = plan(experts={"cartpole": {"train": ["ppo"], "expert": {"steps": 500}}})
    assert shorter.resolve("smoke", "cartpole", expert="ppo")["expert"]["steps"] == 500
    by_hand = shorter.resolve("smoke", "cartpole", expert="ppo", overrides=["expert.draws=7"])
    assert by_hand["expert"]["draws"] == 7


@pytest.mark.parametrize(
    ("experts", "sentence"),
    [
        ({"cartpol": {"train": ["ppo"]}}, "cartpol: no task is named cartpol in conf/task; do "),
        ({"cartpole": ["ppo"]}, "cartpole: must be such as {train: [ppo]}, not ['ppo']."),
        ({"cartpole": {"train": ["pop"]}}, "cartpole.train: no agent is named pop"),
        ({"pendulum": {"train": ["dqn"]}}, "pendulum.train: dqn needs discrete actions; pendulum "),
        ({"cartpole": {"train": ["ppo"], "expert": {"draw": 3}}}, "cartpole.expert.draw: unknown"),
    ],
)
def test_nonsense_about_experts_is_refused(experts: Any, sentence: str) -> None:
    assert refusal(experts=experts).startswith(f"scales.smoke.experts.{sentence}")


def test_the_more_special_setting_wins() -> None:
    layers = {
        "common__meta__sigma": 0.1,
        "tasks__acrobot__meta": {"sigma": 0.2},
        "environments__mdp_dqn__meta__sigma": 0.3,
        "tasks__acrobot__environments": {"mdp_dqn": {"meta": {"sigma": 0.4}}},
    }

    def sigma(task: str, environment: str, *overrides: str, count: int = 4) -> float:
        edited = plan(**dict(list(layers.items())[:count]))
        return edited.config("smoke", task, environment, overrides)["meta"]["sigma"]

    assert sigma("cartpole", "bandit_ppo", count=0) == definition("meta", "snes")["sigma"]
    assert sigma("cartpole", "bandit_ppo") == 0.1
    assert sigma("acrobot", "bandit_ppo") == 0.2
    assert sigma("acrobot", "mdp_dqn", count=3) == 0.3
    assert sigma("acrobot", "mdp_dqn") == 0.4
    assert sigma("acrobot", "mdp_dqn", "meta.sigma=0.5") == 0.5


def test_a_job_sees_the_agents_that_concern_it() -> None:
    two = plan(environments__bandit_ppo__meta__agents=["ppo", "dqn"])
    meta = two.resolve("smoke", "cartpole", "bandit_ppo", "1")
    assert (list(meta["agents"]), meta["seed"]) == (["ppo", "dqn"], 1)
    one = plan().resolve("smoke", "cartpole", "bandit_ppo")
    assert (list(one["agents"]), list(one["meta"]["steps"])) == (["ppo"], ["ppo"])
    assert list(plan().resolve("smoke", "cartpole", "mdp_dqn", agent="ppo")["agents"]) == ["ppo"]


def test_jobs_about_the_real_task_know_no_environment() -> None:
    real = plan().resolve("smoke", "cartpole", agent="dqn")
    assert {"synth", "meta"}.isdisjoint(real)
    assert real["task"]["id"] == "CartPole-v1"
    assert "tuned" not in real["task"]


def test_jobs_about_no_task_know_all() -> None:
    everything = plan().resolve("smoke")
    assert everything["scale"] == "smoke"
    assert {name: task["id"] for name, task in everything["tasks"].items()} == {
        "cartpole": "CartPole-v1",
        "acrobot": "Acrobot-v1",
    }


def test_only_takes_some_agents_and_environments_for_a_task() -> None:
    less = plan(tasks__acrobot__only={"agents": ["ppo"], "environments": ["bandit_ppo"]})
    less.check("smoke")
    assert less.agents("smoke", "acrobot") == ["ppo"]
    assert less.environments("smoke", "acrobot") == ["bandit_ppo"]
    assert less.environments("smoke", "cartpole") == ["bandit_ppo", "mdp_dqn"]


def test_a_search_replaces_one_of_another_kind_and_null_ends_it() -> None:
    search = {"gamma": {"uniform": [0.8, 1.0]}, "clip": None}
    edited = plan(common__agents={"ppo": {"search": search}})
    edited.check("smoke")
    ppo = edited.resolve("smoke", "cartpole", "bandit_ppo")["agents"]["ppo"]
    assert ppo["search"]["gamma"] == {"uniform": [0.8, 1.0]}
    assert "clip" not in ppo["search"]
    assert "learning_rate" in ppo["search"]


def test_hyperparameters_have_the_type_of_their_default() -> None:
    edited = plan(common__agents={"ppo": {"hyperparameters": {"gamma": 1}}})
    gamma = edited.resolve("smoke", "cartpole", "bandit_ppo")["agents"]["ppo"]["hyperparameters"]
    assert isinstance(gamma["gamma"], float)


def test_numbers_with_an_exponent_are_numbers() -> None:
    assert yaml.safe_load("1e-3") == "1e-3"  # YAML 1.1, which Snakemake reads
    edited = plan(common__agents={"ppo": {"hyperparameters": {"learning_rate": "1e-3"}}})
    edited.check("smoke")
    ppo = edited.resolve("smoke", "cartpole", "bandit_ppo")["agents"]["ppo"]
    assert ppo["hyperparameters"]["learning_rate"] == 0.001


@pytest.mark.parametrize(
    ("edits", "sentence"),
    [
        (
            {"tasks__acrobot__meta": {"popsize": 4}},
            "scales.smoke.tasks.acrobot.meta.popsize: unknown setting; do you mean step_size?",
        ),
        (
            {"common__meta__populaton": 4},
            "scales.smoke.common.meta.populaton: unknown setting; do you mean population?",
        ),
        (
            {"common__meta__population": "many"},
            "scales.smoke.common.meta.population: must be a whole number, not 'many'.",
        ),
        (
            {"common__meta__population": 4.5},
            "scales.smoke.common.meta.population: must be a whole number, not 4.5.",
        ),
        (
            {"common__meta__population": True},
            "scales.smoke.common.meta.population: must be a whole number, not True.",
        ),
        (
            {"common__meta__population": 1},
            "scales.smoke.common.meta.population: must be at least 2 candidate environments, ",
        ),
        ({"common__meta__sigma": 0}, "scales.smoke.common.meta.sigma: must be above 0, not 0."),
        (
            {"common__meta__steps": {"ppo": 0}},
            "scales.smoke.common.meta.steps.ppo: must be at least 1 synthetic steps, not 0.",
        ),
        (
            {"common__transfer": {"hyperparameters": "random"}},
            "scales.smoke.common.transfer.hyperparameters: must be one of sampled, default, "
            "not random.",
        ),
        ({"common__meta": [4]}, "scales.smoke.common.meta: must be a mapping, not [4]."),
        ({"seeds": [0, 0]}, "scales.smoke.seeds: must have one entry or more, each once, not [0, "),
        ({"seeds": [-1]}, "scales.smoke.seeds: must be at least 0, not -1."),
        ({"agents": None}, "scales.smoke: lacks agents."),
        ({"taskz": {}}, "scales.smoke.taskz: unknown setting; do you mean tasks?"),
        (
            {"agents": ["ppo", "dqm"]},
            "scales.smoke.agents: no agent is named dqm in conf/agent; do you mean dqn?",
        ),
        (
            {"environments__mdp_dqn__meta__agents": ["trpo"]},
            "scales.smoke.environments.mdp_dqn.meta.agents: no agent is named trpo in conf/agent; ",
        ),
        (
            {"environments__mdp_dqn__synth": "mpd"},
            "scales.smoke.environments.mdp_dqn.synth: no synth is named mpd in conf/synth; "
            "do you mean mdp?",
        ),
        (
            {"environments__mdp_dqn__synth": None},
            "scales.smoke.environments.mdp_dqn: must say which synth, one of bandit, mdp, "
            "reward_network, table_bandit.",
        ),
        (
            {"environments__real": {"synth": "mdp"}},
            "scales.smoke.environments.real: nothing may be named real, because it means the task "
            "itself.",
        ),
        (
            {"environments__A-b": {"synth": "mdp"}},
            "scales.smoke.environments.A-b: a name consists of a-z, 0-9 and _, ",
        ),
        (
            {"tasks__carpole": {}},
            "scales.smoke.tasks.carpole: no task is named carpole in conf/task; "
            "do you mean cartpole?",
        ),
        (
            {"tasks__cartpole": 3},
            "scales.smoke.tasks.cartpole: must be a mapping such as {}, not 3.",
        ),
        (
            {"tasks__cartpole__environments": {"mdp": {}}},
            "scales.smoke.tasks.cartpole.environments: no environment is named mdp in "
            "scales.smoke.environments; do you mean mdp_dqn?",
        ),
        (
            {"tasks__cartpole__only": {"agents": ["sac"]}},
            "scales.smoke.tasks.cartpole.only.agents: no agent is named sac in scales.smoke.agents",
        ),
        (
            {"tasks__pendulum": {}},
            "scales.smoke.agents: dqn needs discrete actions; pendulum has 1 continuous one. Use ",
        ),
        (
            {"tasks__pendulum": {"only": {"agents": ["ppo"]}}},
            "scales.smoke.environments.mdp_dqn.meta.agents: dqn needs discrete actions; pendulum "
            "has 1 continuous one. Use ",
        ),
        (
            {
                "tasks__pendulum": {
                    "only": {"agents": ["ppo"], "environments": ["bandit_ppo"]},
                    "environments": {"bandit_ppo": {"meta": {"agents": ["ppo", "dqn"]}}},
                }
            },
            "scales.smoke.tasks.pendulum.environments.bandit_ppo.meta.agents: dqn needs discrete ",
        ),
        (
            {"tasks__acrobot__task": {"surface": ["nothing", "at all"]}},
            "scales.smoke.tasks.acrobot.task.surface: must be two of observation_names, or empty.",
        ),
        (
            {"common__agents": {"ppo": {"hyperparameters": {"learning_rate": "fast"}}}},
            "scales.smoke.common.agents.ppo.hyperparameters.learning_rate: must be a number, "
            "not 'fast'.",
        ),
        (
            {"common__agents": {"ppo": {"static": {"num_env": 3}}}},
            "scales.smoke.common.agents.ppo.static.num_env: no static setting is named num_env in "
            "conf/agent/ppo.yaml; do you mean num_envs?",
        ),
        (
            {"common__agents": {"ppo": {"static": {"num_envs": 3.5}}}},
            "scales.smoke.common.agents.ppo.static.num_envs: must be a whole number, not 3.5.",
        ),
        (
            {"common__agents": {"ppo": {"search": {"gamma": [0, 1]}}}},
            "scales.smoke.common.agents.ppo.search.gamma: must be null or one of choice, uniform, ",
        ),
        (
            {"common__agents": {"ppo": {"search": {"gamma": {"uniform": [1, 0]}}}}},
            "scales.smoke.common.agents.ppo.search.gamma.uniform: must be [low, high] with low < ",
        ),
        (
            {"common__agents": {"ppo": {"search": {"gamma": {"log_uniform": [0, 1]}}}}},
            "scales.smoke.common.agents.ppo.search.gamma.log_uniform: must begin above 0, ",
        ),
        (
            {"common__agents": {"reinforce": {}}},
            "scales.smoke.common.agents.reinforce: no agent is named reinforce in conf/agent; ",
        ),
    ],
)
def test_nonsense_is_refused_in_a_sentence_that_names_the_place(
    edits: dict[str, Any], sentence: str
) -> None:
    assert refusal(**edits).startswith(sentence)


def test_steps_must_be_given_for_every_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synthgym.plan.compose._ground", lambda: "nothing is remembered")
    monkeypatch.setattr("synthgym.plan.compose.plain", _without_steps_of_dqn)
    assert refusal() == "conf.meta.steps: lacks dqn, which is among meta.agents."


def _without_steps_of_dqn(composed: Any, absent: set[str]) -> dict[str, Any]:
    from omegaconf import OmegaConf

    config: Any = OmegaConf.to_container(composed)
    config["meta"]["steps"].pop("dqn")
    return {name: part for name, part in config.items() if name not in absent}


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("meta.popsize=3", "command line.meta.popsize: unknown setting; do you mean step_size?"),
        ("meta.population=1", "command line.meta.population: must be at least 2 candidate "),
        ("meta.population=3,4", "command line: meta.population=3,4 is not for a single job."),
        (
            "meta=openes",
            "command line.meta.name: no strategy is named openes in conf/meta; do you mean ",
        ),
        ("synth=mpd", "command line.synth: no synth is named mpd in conf/synth; do you mean mdp?"),
        ("meta.population=[", "command line: "),
    ],
)
def test_nonsense_on_the_command_line_is_refused_alike(override: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        plan().config("smoke", "cartpole", "bandit_ppo", [override])
    assert str(error.value).startswith(sentence)
    assert "\n" not in str(error.value)


def test_the_command_line_may_choose_another_synth() -> None:
    config = plan().config("smoke", "cartpole", "bandit_ppo", ["synth=mdp", "synth.hidden=[8]"])
    assert (config["synth"]["name"], config["synth"]["hidden"]) == ("mdp", [8])


def test_a_scale_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^scale: no scale is named smok in params.yaml; do you"):
        Plan({**PARAMS, "scale": "smok"})


def test_every_setting_has_a_meaning() -> None:
    settings = list(described(Config))
    assert ("meta.sigma", "float") in [setting[:2] for setting in settings]
    assert all(meaning for _, _, meaning, _ in settings)


def test_a_typed_configuration_is_json_and_frozen() -> None:
    config = typed({"a": {"b": [1, {"c": 2}]}})
    assert config.a.b[1].c == 2
    assert json.loads(json.dumps(config)) == {"a": {"b": [1, {"c": 2}]}}
    with pytest.raises(TypeError, match="frozen"):
        config.a.b = 3


def test_the_plan_of_the_repository_is_in_order_which_is_checked_without_jax() -> None:
    code = (
        "import sys; from synthgym.__main__ import main; assert main(['check']) == 0; "
        "sys.exit(any(name in sys.modules for name in ('jax', 'flax', 'pandas')))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "params.yaml is in order: smoke, quick, standard, paper." in said.stdout
    assert "bandit" not in said.stderr


def test_a_reader_may_stop_reading() -> None:
    command = f"{sys.executable} -m synthgym settings"
    with subprocess.Popen(command.split(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as said:
        assert said.stdout
        assert said.stderr
        said.stdout.close()
        assert said.stderr.read() == b""
    assert said.returncode == 0


DISTILLED = {
    "environments": {
        "distilled": {"synth": "table_bandit", "distil": {}},
        "evolved": {"synth": "table_bandit", "meta": {"agents": ["ppo"], "start": "distilled"}},
    },
    "tasks": {"cartpole": {"teacher": {"agent": "ppo"}}},
}


def test_a_teacher_is_as_tuned_for_its_task() -> None:
    config = plan(**DISTILLED).resolve("smoke", "cartpole", "distilled", seed=1)
    tuned = definition("task", "cartpole")["tuned"]["ppo"]
    assert config["teacher"]["steps"] == tuned["steps"]
    (agent,) = config["teacher"]["agents"].values()
    assert agent["hyperparameters"].items() >= tuned["hyperparameters"].items()
    assert agent["static"].items() >= tuned["static"].items()
    # The agents that are judged are not tuned for anything.
    static = {**config["agents"]["ppo"]["static"], "optimiser": "adam"}
    assert static == definition("agent", "ppo")["static"]
    assert "meta" not in config
    assert config["distil"]["reward"] == "advantage"  # the first for discrete actions
    continuous = DISTILLED | {
        "tasks": {"pendulum": {"teacher": {"agent": "td3", "steps": 9}}},
        "agents": ["ppo"],
    }
    config = plan(**continuous).resolve("smoke", "pendulum", "distilled")
    assert config["distil"]["reward"] == "negative_squared_distance"
    assert config["teacher"]["steps"] == 9


def test_a_search_that_ends_when_solved_knows_when_that_is() -> None:
    ending = plan(environments__bandit_ppo__meta__stop="solved")
    config = ending.resolve("smoke", "cartpole", "bandit_ppo")
    assert config["meta"]["solved"] == definition("task", "cartpole")["solved"]
    assert "solved" not in plan().resolve("smoke", "cartpole", "bandit_ppo")["meta"]


def test_students_are_the_first_agent_of_the_task_unless_another_is_named() -> None:
    there = plan(**DISTILLED)
    assert "students" not in there.resolve("smoke", "cartpole", "distilled")["distil"]
    students: dict[str, Any] = {"rounds": 1}
    edits = {"environments__distilled__distil": {"students": students}}
    there = plan(**copy.deepcopy(DISTILLED), **edits)
    config = there.resolve("smoke", "cartpole", "distilled")
    first = there.agents("smoke", "cartpole")[0]
    assert config["distil"]["students"]["agents"] == {first: config["agents"][first]}
    students["agent"] = "dqn"
    there = plan(**copy.deepcopy(DISTILLED), **edits)
    config = there.resolve("smoke", "cartpole", "distilled")
    assert set(config["distil"]["students"]["agents"]) == {"dqn"}


def test_a_search_knows_where_it_begins() -> None:
    there = plan(**DISTILLED)
    there.check("smoke")
    assert there.start("smoke", "cartpole", "evolved") == "distilled"
    assert there.start("smoke", "cartpole", "distilled") is None
    assert "distil" not in there.resolve("smoke", "cartpole", "evolved")
    assert plan().start("smoke", "cartpole", "bandit_ppo") is None


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ({"tasks__cartpole": {}}, "teacher.agent: distilled needs one"),
        ({"tasks__cartpole__teacher": {"agent": "td3"}}, "td3 needs continuous actions"),
        ({"tasks__cartpole__teacher": {"agent": "q_learning"}}, "q_learning needs one_hot"),
        ({"environments__distilled__meta": {}}, "either distilled or meta-trained"),
        (
            {"environments__distilled__distil": {"reward": "negative_distance"}},
            "negative_distance is not for discrete actions",
        ),
        (
            {"environments__distilled__distil": {"students": {"rounds": 1, "agent": "sac"}}},
            "distil.students.agent: no agent is named sac in the plan for cartpole",
        ),
        (
            {"environments__distilled": {"synth": "mdp", "distil": {"students": {"rounds": 1}}}},
            "students are for bandits only",
        ),
        ({"environments__evolved__meta": {"start": "evolved"}}, "evolved"),
        ({"environments__evolved__synth": "bandit"}, "distilled has another synth"),
        ({"environments__distilled__seeds": [0]}, "distilled has no seed 1"),
        ({"environments__distilled__seeds": [0, 0, 1]}, "seeds"),
        (
            {"environments__evolved__seeds_per_job": 0},
            "seeds_per_job: must be at least 1, not 0",
        ),
        (
            {"environments__distilled__seeds_per_job": 2},
            "seeds_per_job: is for what is meta-trained",
        ),
        (
            {"choices": {"evolved": {"tasks": ["cartpole"], "agents": ["ppo"]}}},
            "distilled environment",
        ),
        ({"choices": {"distilled": {"tasks": ["acrobot"], "agents": ["ppo"]}}}, "acrobot"),
        ({"choices": {"distilled": {"tasks": ["cartpole"]}}}, "lacks agents"),
        (
            {"choices": {"distilled": {"tasks": ["cartpole"], "agents": ["ppo"], "seeds": [7]}}},
            "no seed 7",
        ),
    ],
)
def test_what_cannot_be_distilled_is_refused(edits: dict[str, Any], words: str) -> None:
    assert words in refusal(**copy.deepcopy(DISTILLED), **edits)


def test_choices_are_varied_for_the_agents_of_a_task_and_all_seeds_unless_said() -> None:
    where: dict[str, Any] = {"tasks": ["cartpole"], "agents": ["dqn", "td3"]}
    there = plan(**copy.deepcopy(DISTILLED), choices={"distilled": where})
    every = [("cartpole", "distilled", "dqn", 0), ("cartpole", "distilled", "dqn", 1)]
    assert there.choices("smoke") == every
    where |= {"seeds": [1]}
    assert plan(**copy.deepcopy(DISTILLED), choices={"distilled": where}).choices("smoke") == [
        every[1]
    ]
    assert plan().choices("smoke") == []


OBJECTIVES: dict[str, Any] = {
    "task": "cartpole",
    "environment": "bandit_ppo",
    "seeds": [0, 1],
    "common": {"judge": {"draws": 10}},
    "learned": {
        "lpo_task": {"objective": {"train": "real", "fitness": "real"}},
        "lpo_bandit": {"objective": {"train": "synthetic", "fitness": "real"}},
    },
    "judged": {"cartpole": {}, "pendulum": {"judge": {"steps": 1000}}},
}


def objectives(**edits: Any) -> dict[str, Any]:
    """That section with other values; double underscores are dots."""
    section = copy.deepcopy(OBJECTIVES)
    for name, value in edits.items():
        *parents, last = name.split("__")
        node = section
        for parent in parents:
            node = node[parent]
        node[last] = value
    return {"objectives": section}


def test_an_objective_is_evaluated_with_the_settings_tuned_for_ppo_beside_it() -> None:
    there = plan(**objectives())
    there.check("smoke")
    job = there.resolve("smoke", objective="lpo_bandit", seed="1")
    assert (job["seed"], job["meta"]["name"], job["meta"]["agents"]) == (1, "open_es", ["lpo"])
    assert job["meta"]["population"] == definition("meta", "snes")["population"]
    assert job["meta"]["steps"] == {"lpo": 10000}
    assert job["synth"] == there.resolve("smoke", "cartpole", "bandit_ppo")["synth"]
    assert list(job["agents"]) == ["lpo"]
    tuned = definition("task", "cartpole")["tuned"]["ppo"]["hyperparameters"]
    for name in ("lpo", "ppo"):
        assert job["objective"]["tuned"][name]["hyperparameters"].items() >= tuned.items()
    assert job["objective"]["tuned"]["lpo"]["static"]["drift"] == "learned"
    where = {"scale": "smoke", "task": "cartpole", "environment": "bandit_ppo", "seed": 0}
    assert there.stand_in("smoke", "lpo_bandit") == where
    assert there.stand_in("smoke", "lpo_task") is None
    assert plan().judged("smoke") == []


@pytest.mark.parametrize(("name", "agent"), [("ppo", "ppo"), ("dpo", "dpo"), ("lpo_task", "lpo")])
def test_all_objectives_are_judged_with_what_is_tuned_for_ppo(name: str, agent: str) -> None:
    there = plan(**objectives())
    assert name in there.judged("smoke")
    job = there.resolve("smoke", objective=name, task="pendulum")
    tuned = definition("task", "pendulum")["tuned"]["ppo"]
    section = job["agents"][agent]
    assert section["name"] == agent
    assert section["static"].items() >= tuned["static"].items()
    assert section["hyperparameters"].items() >= tuned["hyperparameters"].items()
    assert section["static"].get("drift") == definition("agent", agent)["static"].get("drift")
    assert (job["judge"]["steps"], job["judge"]["draws"]) == (1000, 10)
    longer = there.resolve("smoke", objective=name, task="cartpole")
    assert longer["judge"]["steps"] == definition("task", "cartpole")["tuned"]["ppo"]["steps"]


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        (objectives(task="pendulum"), "objectives.task: no task is named pendulum"),
        (objectives(environment="bandit"), "no environment is named bandit in cartpole"),
        (objectives(seeds=[0, 0]), "objectives.seeds"),
        (objectives(seeds=[0, 1, 2]), "judged.cartpole: 10 agents (judge.draws) for 3 seeds"),
        (objectives(learned={}), "must have one learned or more"),
        (objectives(judged={"pendulum": {}}), "cartpole in judged"),
        (objectives(learned__dpo={"objective": {}}), "dpo is not learned"),
        (objectives(learned__lpo_task={}), "must say {train: .., fitness: ..}"),
        (
            objectives(learned__lpo_task__objective={"train": "bandit", "fitness": "real"}),
            "must be one of real, synthetic, not bandit",
        ),
        (objectives(common={"meta": {"keep": "best"}}), "common.meta.keep: must be last"),
        (objectives(common={"meta": {"agents": ["ppo"]}}), "meta.agents: must be ['lpo']"),
        (objectives(common={"meta": {"population": 5}}), "must be even for the pairs of open_es"),
        ({"agents": ["ppo", "lpo"]}, "lpo learns by an objective that is meta-trained"),
        ({"experts": {"cartpole": {"train": ["lpo"]}}}, "lpo learns by an objective"),
    ],
)
def test_objectives_that_make_no_sense_are_refused(edits: dict[str, Any], words: str) -> None:
    assert words in refusal(**copy.deepcopy(edits))


def test_the_standard_jobs_of_others_know_nothing_of_objectives() -> None:
    there = Plan.load(ROOT / "params.yaml")
    assert "objective" not in there.resolve("standard", "cartpole", "evolved")
    assert "objective" not in there.resolve("standard", "cartpole", expert="ppo")
    assert (
        "drift" not in there.resolve("standard", "cartpole", agent="ppo")["agents"]["ppo"]["static"]
    )


def test_an_environment_may_have_seeds_of_its_own() -> None:
    there = plan(environments__bandit_ppo__seeds=[5])
    there.check("smoke")
    assert there.seeds("smoke") == [0, 1]
    assert there.seeds("smoke", "bandit_ppo") == [5]
    assert there.seeds("smoke", "mdp_dqn") == [0, 1]


def test_seeds_go_to_jobs_in_groups_and_no_job_of_one_seed_knows_of_that() -> None:
    assert plan().groups("smoke", "bandit_ppo") == [[0], [1]]
    there = plan(
        environments__bandit_ppo={"synth": "bandit", "seeds": [3, 1, 7], "seeds_per_job": 2}
    )
    assert there.groups("smoke", "bandit_ppo") == [[3, 1], [7]]
    config = there.resolve("smoke", "cartpole", "bandit_ppo", 3)
    assert "seeds_per_job" not in str(config)


CLIENTS: dict[str, Any] = {"agents": ["sb3_ppo", "sb3_dqn"], "environments": ["mdp_dqn"]}


def test_agents_of_another_library_are_planned_for_all_seeds_unless_said() -> None:
    there = plan(clients={"cartpole": CLIENTS})
    there.check("smoke")
    assert there.clients("smoke") == [
        ("cartpole", "mdp_dqn", agent, seed) for agent in ("sb3_ppo", "sb3_dqn") for seed in (0, 1)
    ]
    one = plan(clients={"cartpole": {**CLIENTS, "seeds": [1]}})
    one.check("smoke")
    assert {seed for *_, seed in one.clients("smoke")} == {1}
    assert plan().clients("smoke") == []


def test_a_job_of_another_library_knows_its_agent_and_no_settings_of_ours() -> None:
    there = plan(clients={"cartpole": CLIENTS}, common__clients={"draws": 2})
    job = there.resolve("smoke", "cartpole", "mdp_dqn", client="sb3_dqn", seed=1)
    assert job["clients"] == {"draws": 2, "steps": 10000, "episodes": 50, "agent": "sb3_dqn"}
    assert {"clients", "client_baseline"} <= STAGES.keys()
    assert not {"agents", "transfer"} & pick(job, STAGES["clients"].uses).keys()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"agents": ["sb3_sac"]}, "sb3_sac has no discrete actions, as cartpole; use sb3_dqn, "),
        ({"agents": ["ppo"]}, "clients.cartpole.agents: must be one of sb3_dqn, "),
        ({"agents": []}, "clients.cartpole.agents: must have one entry or more"),
        ({"environments": ["mdp_ppo"]}, "no environment is named mdp_ppo in cartpole"),
        ({"seeds": [7]}, "clients.cartpole.seeds: mdp_dqn has no seed 7."),
        ({"steps": 3}, "clients.cartpole.steps: unknown setting"),
    ],
)
def test_agents_of_another_library_that_cannot_be_trained_are_refused(
    changes: dict[str, Any], words: str
) -> None:
    assert words in refusal(clients={"cartpole": {**CLIENTS, **changes}})


def test_agents_of_another_library_need_a_task_of_gymnasium() -> None:
    hopper = {"agents": ["sb3_ppo"], "environments": ["bandit_ppo"]}
    said = refusal(
        agents=["ppo"], tasks={"hopper": {}}, environments__mdp_dqn=None, clients={"hopper": hopper}
    )
    assert "sb3_ppo is judged in a task of Gymnasium's own; hopper is none." in said
    assert "no task is named acrobat" in refusal(clients={"acrobat": CLIENTS})
