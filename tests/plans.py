"""A small plan, with an experiment of each kind, whose parts tests replace."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from synthgym.plan import scale as scale_module
from synthgym.plan.compose import Composer
from synthgym.plan.plan import Plan
from synthgym.plan.scale import ScalePlan
from synthgym.plan.schema import ConfigError
from synthgym.plan.schema import definition as real_definition
from synthgym.plan.schema import groups as real_groups

ROOT = Path(__file__).parents[1]
REMOVED = "REMOVED"  # as the value of a part: without it
COMPOSER = Composer(Path("nowhere"))  # one for all tests: composing takes most of their time
PARTS: dict[str, Any] = yaml.safe_load(
    """
smoke:                    # scales.smoke of params.yaml; the others: files of conf/experiment/
  seeds: [0, 1]
  agents: [ppo, dqn]
  common: {meta: {population: 4, generations: 2}}
  environments:
    bandit_ppo: {synth: bandit, meta: {agents: [ppo]}}
    mdp_dqn: {synth: mdp, meta: {agents: [dqn]}}
    distilled: {synth: table_bandit, distil: {}}
    started: {synth: table_bandit, meta: {agents: [ppo], start: distilled}}
  tasks:
    cartpole: {teacher: {agent: ppo}}
    acrobot: {only: {environments: [bandit_ppo, mdp_dqn]}}
lengths:
  question: Bandit or MDP
  place: comparisons/lengths
  task: cartpole
  seeds: [0, 1]
  settings:
    meta: {agents: [dqn], steps: {dqn: 900}}
    transfer: {draws: 4, steps: 500}
    baseline: {steps: 800}
  arms:
    bandit: {synth: bandit, meta: {agents: [ppo, dqn]}}
    mdp: {synth: mdp, transfer: {steps: 300}, seeds: [5], meta: {sigma: 0.5}}
  environments: [bandit_ppo, distilled]
  trials:
    dqn: {agent: dqn}
    wide: {agent: ppo, arms: [mdp, bandit_ppo], agents: {ppo: {static: {hidden: [99]}}}}
  claims:
    same: {says: As good, of: [bandit], over: [mdp, real], expect: equal}
mdps:
  question: Do agents learn in synthetic MDPs?
  place: mdps/cartpole_v0
  task: cartpole_v0
  seeds: [0, 1, 2]
  agent: ddqn
  looks: [behaviour, noise]
  real: as_many
  settings:
    synth: {name: mdp, hidden: [16]}
    meta: {name: ferreira}
    transfer: {draws: 4, steps: 500, stop: converged}
    baseline: {steps: 900, stop: solved}
  arms:
    varied: {meta: {hyperparameters: sampled}}
    fixed: {synth: {hidden: [8]}}
    modelled: {model: {agents: 7}}
  trials:
    seen: {agent: ddqn}
    dueling: {agent: dueling_ddqn, transfer: {draws: 6}}
    ranking: {agent: ddqn, transfer: {draws: 6, repeats: 2}, baseline: {draws: 6, repeats: 2}}
rewards:
  question: Do reward networks make agents faster?
  place: rewards/cliff
  task: cliff
  seeds: [0, 1, 2]
  agent: q_learning
  looks: [reward_map]
  real: like_transfer
  settings:
    synth: {name: reward_network}
    meta: {name: ferreira, generations: 7, objective: {name: steps_to_solve, tests: 40, window: 5}}
    transfer: {draws: 4, steps: 500}
  make: {agents: {q_learning: {hyperparameters: {epsilon_end: 0.01}}}}
  arms:
    additive: {synth: {reward: additive_potential}}
    exclusive: {synth: {reward: exclusive_potential, terminal_potential: network}}
  trials:
    fixed: {agent: q_learning}
    unseen: {agent: sarsa, transfer: {steps: 900}}
  without:
    plain: {}
    count: {agents: {q_learning: {hyperparameters: {count_bonus: 0.1}}}}
    other: {in_place_of: {sarsa: dqn}}
    found:
      in_place_of: {sarsa: dqn, q_learning: q_learning}
      tune:
        space: {gamma: {uniform: [0.5, 1.0]}}
        configurations: 5
        budget: {min: 100, max: 400, eta: 2}
        draws: 3
        evaluations: 8
        seed: 9
objectives:
  question: What do agents maximise?
  place: objectives
  task: cartpole
  environment: bandit_ppo
  seeds: [0, 1]
  settings: {judge: {draws: 10}}
  arms:
    lpo_task: {objective: {train: real, fitness: real}}
    lpo_bandit: {objective: {train: synthetic, fitness: real}}
  trials: {cartpole: {}, pendulum: {judge: {steps: 1000}}}
search:
  question: Which settings of a meta-training are good?
  place: search/cartpole/found
  task: cartpole
  space:
    meta.sigma: {log_uniform: [0.01, 1.0]}
    meta.transform: {choice: [rank, nes]}
    agents.ddqn.hyperparameters.gamma: {one_minus_log_uniform: [0.001, 0.1]}
    agents.ddqn.static.hidden: {choice: [[32], [64, 64]]}
  settings:
    synth: {name: mdp, hidden: [16]}
    meta: {name: ferreira, population: 8, steps: {ddqn: 700}}
  configurations: 9
  budget: {min: 1, max: 9, eta: 3}
  seeds: [0]
  judged: {draws: 4, episodes: 2}
  compared: {seeds: [1, 2], draws: 4, episodes: 2}
transforms:
  question: Which transform of scores is good?
  place: transforms/empty_room
  task: empty_room
  transforms: [linear, all_better_2]
  step_sizes: [0.1, 1.0]
  mirrored: [true, false]
  seeds: [0, 1, 2]
  agent: q_learning
  settings:
    synth: {name: mdp, horizon: 10}
    meta: {name: ferreira, generations: 7, population: 4, steps: {q_learning: 90}}
"""
)
KINDS = tuple(name for name in PARTS if name != "smoke")
Edits = Mapping[str, Any]  # path such as smoke.tasks.acrobot -> what is there instead


def edited(parts: dict[str, Any], edits: Edits) -> dict[str, Any]:
    """Return a copy of these parts with other values; a path that begins by a kind's name."""
    parts = copy.deepcopy(parts)
    for path, value in edits.items():
        *parents, last = path.split(".")
        node = parts
        for parent in parents:
            node = node.setdefault(parent, {})
        if value == REMOVED:
            del node[last]
        else:
            node[last] = copy.deepcopy(value)
    return parts


@contextmanager
def files(experiments: Mapping[str, Any]) -> Iterator[None]:
    """Let conf/experiment/ have these files only."""

    def definition(kind: str, name: str) -> Any:
        return experiments[name] if kind == "experiment" else real_definition(kind, name)

    def groups(kind: str) -> tuple[str, ...]:
        return tuple(experiments) if kind == "experiment" else real_groups(kind)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scale_module, "definition", definition)
        patch.setattr(scale_module, "groups", groups)
        yield


def plan(edits: Edits | None = None, *kinds: str) -> ScalePlan:
    """Return scale smoke with other values, and experiments of these kinds, or that are edited."""
    parts = edited(PARTS, edits or {})
    roots = {path.split(".")[0] for path in edits or {}}
    chosen = [name for name in parts if name != "smoke" and name in {*kinds, *roots}]
    given = parts["smoke"].get("experiments", {})
    if isinstance(given, dict):
        parts["smoke"]["experiments"] = {**dict.fromkeys(chosen), **given}
    built = Plan({"scale": "smoke", "scales": {"smoke": parts["smoke"]}})
    built.composer = COMPOSER
    with files({name: parts[name] for name in parts if name != "smoke"}):
        assert built["smoke"].experiments is not None  # read now, from these files
    return built["smoke"]


def refusal(edits: Edits, *kinds: str) -> str:
    """Return the sentence in which a plan with these edits is refused."""
    with pytest.raises(ConfigError) as error:
        plan(edits, *kinds).check()
    sentence = str(error.value)
    assert "\n" not in sentence
    assert sentence.endswith((".", "?"))
    return sentence
