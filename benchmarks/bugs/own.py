"""Faults in this package's own agents: a module runs with another text in one place."""

import importlib
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import NamedTuple

IN_ORDER = ("losses", "base", "off_policy", "ppo", "dqn", "sac", "td3")  # of their imports
GAMMA, RATE = 'hyperparameters["gamma"]', 'rate, norm = hyperparameters["learning_rate"]'
BOOTSTRAP = "jnp.where(terminated_t, 0.0, value_t)"
TARGET = "batch.reward, batch.terminated, value_t"
SEEN = "observations, actions, step.reward, step.observation, step.terminated, step.truncated\n"
END = "        )\n\n    start ="  # of sequential collection


class Fault(NamedTuple):
    """What stands once in a module of synthgym.agents, and what in its place."""

    wrong: str  # in words
    module: str
    old: str
    new: str


def of_all(agent: str) -> dict[str, Fault]:
    """What any agent can do wrong."""
    early = SEEN.replace("step.observation", "next_observations")
    inverted = "jnp.where(terminated_t, value_t, 0.0)"
    return {
        "rate_zero": Fault(
            "the learning rate is 0", agent, RATE, RATE.replace("hyper", "0 * hyper")
        ),
        "gamma_one": Fault("there is no discount", agent, GAMMA, "1.0"),
        "gamma_zero": Fault("the discount is 0", agent, GAMMA, "0.0"),
        "mask_inverted": Fault(
            "bootstraps at the end of episodes only", "losses", BOOTSTRAP, inverted
        ),
        "through_the_end": Fault(
            "bootstraps at the end of episodes, too", "losses", BOOTSTRAP, "value_t"
        ),
        "after_reset": Fault(
            "the first observation of the next episode is taken for the one that follows",
            *("base", SEEN + END, early + END),
        ),
    }


def of_replay(agent: str) -> dict[str, Fault]:
    """What an agent with a replay buffer can do wrong."""
    ends = TARGET.replace("terminated", "terminated | batch.truncated")
    rows = "lambda x: x[index % self.buffer_size], state"
    return {
        **of_all(agent),
        "time_limit_ends": Fault("does not bootstrap at a time limit", agent, TARGET, ends),
        "batch_mixed": Fault(
            "observations of a batch are of other steps than its rewards",
            *("off_policy", rows, rows.replace("index", "jnp.roll(index, x.ndim)")),
        ),
        "next_observation": Fault(
            "what follows is taken to be the observation itself",
            "off_policy",
            "normalise(state.normaliser, batch.next_observation)",
            "normalise(state.normaliser, batch.observation)",
        ),
    }


PPO = {
    **of_all("ppo"),
    "advantage_sign": Fault(
        "the policy is made worse",
        *("losses", "return -jnp.minimum(ratio", "return jnp.minimum(ratio"),
    ),
    "clip_maximum": Fault(
        "the larger of the clipped and the plain objective is taken",
        *("losses", "return -jnp.minimum(ratio", "return -jnp.maximum(ratio"),
    ),
    "ratio_inverted": Fault(
        "the ratio is that of the old policy to the new one",
        *("losses", "ratio = jnp.exp(log_ratio)", "ratio = jnp.exp(-log_ratio)"),
    ),
    "detached_policy": Fault(
        "the new log-probability is detached",
        "losses",
        "ratio = jnp.exp(log_ratio)",
        "ratio = jnp.exp(jax.lax.stop_gradient(log_ratio))",
    ),
    "broadcast": Fault(
        "advantages have one dimension too many, so that every ratio meets every advantage",
        *(
            "ppo",
            "losses.normalised(batch.advantage)",
            "losses.normalised(batch.advantage)[:, None]",
        ),
    ),
    "batch_mixed": Fault(
        "observations of a batch are of other steps than its advantages",
        *("ppo", "lambda x: x[order].reshape", "lambda x: jnp.roll(x[order], x.ndim, 0).reshape"),
    ),
    "advantage_late": Fault(
        "each step has the advantage of the step before",
        *("losses", "return advantages\n", "return jnp.roll(advantages, 1, axis=0)\n"),
    ),
    "time_limit_ends": Fault(
        "does not bootstrap at a time limit",
        "ppo",
        "reward_t,\n                terminated_t,",
        "reward_t,\n                terminated_t | truncated_t,",
    ),
    "value_sign": Fault(
        "the value is moved away from its target",
        *(
            "ppo",
            '+ hyperparameters["value_coefficient"]',
            '- hyperparameters["value_coefficient"]',
        ),
    ),
    "value_target": Fault(
        "the target of the value is the advantage, without the value",
        *("ppo", "batch.advantage + batch.value,", "batch.advantage,"),
    ),
    "entropy_sign": Fault(
        "entropy is punished",
        *(
            "ppo",
            '- hyperparameters["entropy_coefficient"]',
            '+ hyperparameters["entropy_coefficient"]',
        ),
    ),
    "entropy_large": Fault(
        "the bonus for entropy is a hundred times too large",
        "ppo",
        '- hyperparameters["entropy_coefficient"]',
        '- 100 * hyperparameters["entropy_coefficient"]',
    ),
    "greedy": Fault(
        "collects with the likeliest action, never another",
        *("ppo", "return jax.random.categorical(key, output)", "return output.argmax(-1)"),
    ),
}

DQN = {
    **of_replay("dqn"),
    "loss_sign": Fault(
        "the error is made larger",
        *("dqn", "return 0.5 * (error**2)", "return -0.5 * (error**2)"),
    ),
    "target_stale": Fault(
        "the target network is never renewed",
        *("dqn", "select(crossed, learner.policy, learner.target)", "learner.target"),
    ),
    "wrong_gather": Fault(
        "the value of the best action is trained, not that of the action taken",
        *("dqn", "losses.select_action_value(values, batch.action)", "values.max(-1)"),
    ),
    "all_actions": Fault(
        "the values of all actions are moved to the target",
        *("dqn", "losses.select_action_value(values, batch.action)", "values.T"),
    ),
    "target_minimum": Fault(
        "the target is the value of the worst action, not of the best",
        *("losses", "online_t.argmax(-1)", "online_t.argmin(-1)"),
    ),
    "target_of_all": Fault(
        "the target is the sum of all values of the next state",
        *("losses", "return select_action_value(target_t, greedy)", "return target_t.sum(-1)"),
    ),
    "epsilon_stays": Fault(
        "actions stay random for ever",
        *("dqn", "losses.linear_schedule(start, end,", "losses.linear_schedule(start, start,"),
    ),
    "never_explores": Fault(
        "no action is random",
        *("dqn", "explores = jax.random.uniform(key_whether) <", "explores = 2.0 <"),
    ),
}

WRONG: Mapping[str, str] = MappingProxyType(
    {
        "larger_critic": "the larger value of the two critics is taken",
        "critic_sign": "the error of the critics is made larger",
        "actor_sign": "the actor is moved to worse actions",
        "action_detached": "the action is detached: the value has no gradient for the actor",
        "action_scale": "actions are sent as they are, in [-1, 1], whatever their bounds",
        "target_stale": "the slow critics never follow",
    }
)

SAC = {
    **of_replay("sac"),
    "critic_sign": Fault(
        WRONG["critic_sign"], "sac", "critic_loss = 0.5 * ((", "critic_loss = -0.5 * (("
    ),
    "actor_sign": Fault(WRONG["actor_sign"], "sac", "actor_loss = -(worth", "actor_loss = (worth"),
    "larger_critic": Fault(
        WRONG["larger_critic"], "sac", "jnp.tanh(drawn)).min(0)", "jnp.tanh(drawn)).max(0)"
    ),
    "action_detached": Fault(
        WRONG["action_detached"],
        "sac",
        "drawn = mean + jnp.exp(log_std) * noise",
        "drawn = jax.lax.stop_gradient(mean + jnp.exp(log_std) * noise)",
    ),
    "action_scale": Fault(
        WRONG["action_scale"],
        *("sac", "return (high + low) / 2 + (high - low) / 2 * stored", "return stored"),
    ),
    "target_stale": Fault(
        WRONG["target_stale"],
        *("sac", 'losses.polyak(slow, networks.critics, hyperparameters["tau"])', "slow"),
    ),
    "critic_undetached": Fault(
        "the critics are trained by the loss of the actor, too",
        *("sac", "fixed = jax.lax.stop_gradient(critics)", "fixed = critics"),
    ),
    "temperature_sign": Fault(
        "the temperature moves away from its target",
        *("sac", "actor_loss + temperature * jax", "actor_loss - temperature * jax"),
    ),
    "uncorrected": Fault(
        "the log-probability is that before squashing",
        *("sac", "return (gaussian - log_slope)", "return (gaussian - 0 * log_slope)"),
    ),
    "entropy_in_target_sign": Fault(
        "targets are lower for entropy, not higher",
        *("sac", "worth + jnp.exp(log_temperature)", "worth - jnp.exp(log_temperature)"),
    ),
}

TD3 = {
    **of_replay("td3"),
    "critic_sign": Fault(
        WRONG["critic_sign"], "td3", "return 0.5 * (errors**2)", "return -0.5 * (errors**2)"
    ),
    "actor_sign": Fault(
        WRONG["actor_sign"], "td3", "return -self._values(first", "return self._values(first"
    ),
    "larger_critic": Fault(
        WRONG["larger_critic"],
        "td3",
        "next_observation, action).min(0)",
        "next_observation, action).max(0)",
    ),
    "action_detached": Fault(
        WRONG["action_detached"],
        "td3",
        "self._values(first, batch.observation, action)",
        "self._values(first, batch.observation, jax.lax.stop_gradient(action))",
    ),
    "action_scale": Fault(
        WRONG["action_scale"],
        *("td3", "return middle + self._half_width * squashed", "return squashed"),
    ),
    "target_stale": Fault(
        WRONG["target_stale"],
        "td3",
        "losses.polyak(learner.target_critics, learner.critics, tau)",
        "learner.target_critics",
    ),
    "target_actor_stale": Fault(
        "the slow actor never follows",
        "td3",
        "losses.polyak(learner.target_actor, learner.policy.actor, tau)",
        "learner.target_actor",
    ),
    "smoothing_unclipped": Fault(
        "the noise of the target is a hundred times too large, and not clipped",
        *("td3", "jnp.clip(noise, -clip, clip)", "100 * noise"),
    ),
    "always_random": Fault(
        "actions in training stay random for ever",
        *("td3", "jnp.where(warming_up, ", "jnp.where(True, "),
    ),
    "actor_never": Fault(
        "neither the actor nor the slow networks are ever updated",
        "td3",
        "updates % self.policy_delay == 0",
        "updates % self.policy_delay == self.policy_delay",
    ),
}

FAULTS: Mapping[str, Mapping[str, Fault]] = MappingProxyType(
    {"own_ppo": PPO, "own_dqn": DQN, "own_sac": SAC, "own_td3": TD3}
)
CONTINUOUS = ("own_sac", "own_td3")
STEPS = {name: 5_000 if name in CONTINUOUS else 10_000 for name in FAULTS}  # of training


@contextmanager
def with_fault(fault: Fault | None) -> Iterator[None]:
    """Run what is inside with the other text. Raises ValueError if the text is not there once."""
    modules = {name: importlib.import_module(f"synthgym.agents.{name}") for name in IN_ORDER}
    sources = {name: inspect.getsource(module) for name, module in modules.items()}

    if not fault:
        yield
        return
    if (count := sources[fault.module].count(fault.old)) != 1:
        raise ValueError(f"{fault.module} has {count} times, not once: {fault.old}")
    sources[fault.module] = sources[fault.module].replace(fault.old, fault.new)
    before = {name: dict(vars(module)) for name, module in modules.items()}
    try:
        for name, module in modules.items():
            code = compile(sources[name], str(module.__file__), "exec")
            exec(code, vars(module))  # noqa: S102 - it is our own, but for one place
        yield
    finally:
        for name, module in modules.items():
            vars(module).clear()
            vars(module).update(before[name])
