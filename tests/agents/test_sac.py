"""What is SAC's own: its policies, three losses that keep to themselves, values, entropy."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from probes import (
    GAMMA,
    HORIZON,
    PROBES,
    TARGET,
    Target,
    defaults,
    hold,
    parts,
    stacked,
    table,
    tiny,
)
from synthgym.agents import base, sac
from synthgym.core.types import EnvSpec, Transition

BANDIT = table(
    (-1.0, 0.3, 1.0), ((1.0, -1.0), (0.5, 0.0), (-1.0, 2.0)), start=(0.5, 0.3, 0.2), horizon=1
)
WIDE = Target(EnvSpec(1, 0, 1, -3.0, 1.0, 1))  # a bandit
HOLDS = [hold(terminates=False), hold(terminates=True)]  # actions in [-3, 1]
SEEN = jnp.array([0.5])
# What is worth 1 at each step. Truncation does not end what may come: v = 1 + gamma v. Termination
# does, at the last of HORIZON steps that look the same: v = 1 + gamma v (HORIZON - 1) / HORIZON.
FOREVER = 1 / (1 - GAMMA)
ENDING = 1 / (1 - GAMMA * (HORIZON - 1) / HORIZON)
TARGET_RATIO = 0.4


def new(env: Any, **static: Any) -> tuple[Any, Any]:
    """The agent, and its defaults."""
    config = tiny("sac", static=static)
    return sac.make(config, env.spec), defaults(config)


def trained(envs: list[Any], steps: int, changes: dict[str, float], **static: Any) -> Any:
    """The agent, and what it knows after a training in each environment."""
    agent, settings = new(envs[0], **static)
    settings |= {name: jnp.float32(value) for name, value in changes.items()}

    def train(env: Any, key: Any) -> Any:
        def iterate(state: Any, i: Any) -> Any:
            return agent.iterate(jax.random.fold_in(key, i), state, env, settings, steps)[0], None

        iterations = steps // agent.num_envs
        state = agent.init(jax.random.fold_in(key, iterations), env, settings, steps)
        return jax.lax.scan(iterate, state, jnp.arange(iterations))[0].learner

    keys = jax.random.split(jax.random.key(0), len(envs))
    learners = jax.jit(jax.vmap(train))(stacked(envs), keys)
    return agent, parts(learners, len(envs))


@pytest.fixture(scope="module", params=[True, False], ids=["dueling", "plain"])
def discrete(request: pytest.FixtureRequest) -> Any:
    """The agent, and what it knows of each probe."""
    static = {"buffer_size": 480, "batch_size": 32, "num_updates": 2, "dueling": request.param}
    changes = {
        "gamma": GAMMA,
        "learning_rate": 0.003,
        "tau": 0.1,
        "target_entropy_ratio": TARGET_RATIO,
    }
    agent, learners = trained(list(PROBES.values()), 8000, changes, **static)
    return agent, dict(zip(PROBES, learners, strict=True))


@pytest.mark.parametrize(
    ("probe", "observation", "values"),
    [
        ("constant", 0.5, (1.0, 1.0)),
        ("observed", -1.0, (-1.0, -1.0)),
        ("observed", 1.0, (1.0, 1.0)),
        ("delayed", -1.0, (GAMMA, GAMMA)),
        ("delayed", 1.0, (1.0, 1.0)),
        ("action", 0.5, (-1.0, 1.0)),
        ("action by observation", -1.0, (1.0, -1.0)),
        ("action by observation", 1.0, (-1.0, 1.0)),
        ("truncated", 0.5, (FOREVER, FOREVER)),
        ("terminated", 0.5, (ENDING, ENDING)),
    ],
)
def test_critics_know_what_discrete_actions_are_worth(
    discrete: Any, probe: str, observation: float, values: tuple[float, float]
) -> None:
    """Where something follows, all actions are worth the same, so that the temperature falls to 0.

    Their values then have no entropy in them.
    """
    agent, learners = discrete
    critics = learners[probe].networks.critics
    for action, value in enumerate(values):
        said = agent._values(critics, jnp.array([[observation]]), jnp.array([action]))
        np.testing.assert_allclose(said, value, atol=0.15, rtol=0.03)


@pytest.mark.parametrize(
    ("probe", "best"), [("action", {0.5: 1}), ("action by observation", {-1.0: 0, 1.0: 1})]
)
def test_discrete_policies_are_as_random_as_they_are_meant_to_be(
    discrete: Any, probe: str, best: dict[float, int]
) -> None:
    """Entropy of 0.4 log 2 where one action is better; the better one is the more probable."""
    agent, learners = discrete
    entropies = []
    for observation, action in best.items():
        probs = jax.nn.softmax(agent._actor.apply(learners[probe].policy, jnp.array([observation])))
        assert probs.argmax() == action
        entropies.append(scipy.stats.entropy(probs))
    np.testing.assert_allclose(np.mean(entropies), TARGET_RATIO * np.log(2), atol=0.06)


@pytest.fixture(scope="module")
def continuous() -> Any:
    """The agent, and what it knows of a task that is truncated, and of one that terminates.

    With so little entropy that neither its bonus nor what chance costs is seen in the values.
    """
    static = {"buffer_size": 2000, "batch_size": 32, "num_updates": 2, "hidden": [16, 16]}
    changes = {
        "gamma": GAMMA,
        "learning_rate": 0.005,
        "tau": 0.05,
        "target_entropy_per_dimension": -1.5,
    }
    return trained(HOLDS, 8000, changes, **static)


@pytest.mark.parametrize(("i", "value"), [(0, FOREVER), (1, ENDING)], ids=["truncated", "ended"])
def test_critics_know_what_continuous_actions_are_worth(
    continuous: Any, i: int, value: float
) -> None:
    """Best is -2 in [-3, 1], stored as -0.5."""
    agent, learners = continuous
    said = agent._values(learners[i].networks.critics, SEEN[None], jnp.array([[-0.5]]))
    np.testing.assert_allclose(said, value, atol=0.15, rtol=0.04)


@pytest.mark.parametrize("i", [0, 1])
def test_continuous_policies_find_the_best_action_and_their_entropy(
    continuous: Any, i: int
) -> None:
    agent, learners = continuous
    keys = jax.random.split(jax.random.key(1), 2000)
    actions = jax.vmap(lambda key: agent.act((learners[i].policy, None), key, SEEN))(keys)[:, 0]
    np.testing.assert_allclose(actions.mean(), -2.0, atol=0.12)
    entropy = scipy.stats.differential_entropy((actions + 1.0) / 2.0)  # as stored
    np.testing.assert_allclose(entropy, -1.5, atol=0.3)


@pytest.mark.parametrize(("mean", "log_std"), [(0.0, 0.0), (0.7, -1.0), (-0.5, 0.5)])
def test_the_density_of_squashed_actions(mean: float, log_std: float) -> None:
    """Its integral is the distribution function, which needs no correction."""
    actions = np.linspace(-0.9999, 0.9999, 200001)
    x = np.arctanh(actions)
    noise = (x - mean) / np.exp(log_std)
    inputs = (jnp.float32(v)[:, None] for v in (noise, x, np.full_like(x, log_std)))
    density = np.exp(np.asarray(sac.squashed_log_prob(*inputs), np.float64))
    integral = scipy.integrate.cumulative_trapezoid(density, actions, initial=0.0)
    below = scipy.stats.norm.cdf(x, mean, np.exp(log_std))
    np.testing.assert_allclose(integral, below - below[0], atol=1e-3)


def test_the_density_is_finite_where_tanh_is_flat() -> None:
    """log (1 - tanh(x)^2) is log 4 - 2 |x| for large |x|; of each of two dimensions."""
    x = jnp.array([30.0, -30.0])
    log_prob = sac.squashed_log_prob(jnp.zeros(2), x, jnp.zeros(2))
    expected = 2 * (60.0 - np.log(4.0) - 0.5 * np.log(2 * np.pi))
    np.testing.assert_allclose(log_prob, expected, rtol=1e-6)


@pytest.mark.parametrize("env", [PROBES["action"], HOLDS[0]], ids=["discrete", "continuous"])
def test_each_loss_trains_its_own_network(env: Any) -> None:
    """No gradient of critics depends on the actor; none of the actor on what critics should say.

    The gradient of the log temperature is the temperature times the entropy above its target.
    """
    agent, settings = new(env)
    networks = jax.jit(agent.init_learner)(jax.random.key(0), settings).networks
    networks = networks._replace(log_temperature=jnp.float32(0.7))
    batch = transitions(env, 16)

    @jax.jit
    def gradients(networks: Any, target: Any) -> Any:
        return jax.grad(agent._loss)(networks, jax.random.key(2), batch, target, settings)

    def alone(critics: Any) -> Any:
        errors = agent._values(critics, batch.observation, batch.action) - batch.reward
        return 0.5 * (errors**2).mean(1).sum()

    critics = jax.jit(jax.grad(alone))(networks.critics)
    gradient = gradients(networks, batch.reward)
    close(gradient.critics, critics)
    other = networks._replace(actor=jax.tree.map(lambda x: x + 0.1, networks.actor))
    close(gradients(other, batch.reward).critics, critics)
    close(gradients(networks, 2 * batch.reward).actor, gradient.actor)
    assert max(jnp.abs(x).max() for x in jax.tree.leaves(gradient.actor)) > 1e-3
    worth = jax.jit(agent._worth)
    entropy = worth(networks.actor, networks.critics, jax.random.key(2), batch.observation)[1]
    excess = entropy.mean() - agent._target_entropy(settings)
    np.testing.assert_allclose(gradient.log_temperature, np.exp(0.7) * excess, rtol=1e-5)


def transitions(env: Any, size: int) -> Transition:
    """Random ones, that lead on."""
    key_seen, key_action, key_reward = jax.random.split(jax.random.key(7), 3)
    seen, never = jax.random.normal(key_seen, (size, 1)), jnp.zeros(size, bool)
    action = jax.random.uniform(key_action, (size, 1), minval=-1.0, maxval=1.0)
    action = (action[:, 0] > 0).astype(jnp.int32) if env.spec.discrete else action
    return Transition(seen, action, jax.random.normal(key_reward, (size,)), seen, never, never)


def close(tree: Any, other: Any) -> None:
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6), tree, other)


@pytest.mark.parametrize("env", [PROBES["action"], HOLDS[0]], ids=["discrete", "continuous"])
def test_targets_are_of_the_least_slow_critic_and_of_entropy(env: Any) -> None:
    """Slow critics say 5 and 3; the slow step after it is a share `tau` of the way."""
    agent, settings = new(env)
    settings |= {"tau": jnp.float32(0.25)}
    learner = jax.jit(agent.init_learner)(jax.random.key(0), settings)
    networks = learner.networks._replace(log_temperature=jnp.float32(np.log(0.5)))
    slow = jax.tree.map(jnp.zeros_like, learner.target_critics)
    slow = constant(slow, (5.0, 3.0))
    learner = learner.replace(networks=networks, target_critics=slow)
    batch, compute = transitions(env, 4), jax.jit(agent._target)
    worth = jax.jit(agent._worth)
    entropy = worth(networks.actor, slow, jax.random.key(2), batch.next_observation)[1]
    target = compute(learner, jax.random.key(2), batch, settings)
    close(target, batch.reward + 0.99 * (3.0 + 0.5 * entropy))
    final = batch._replace(terminated=jnp.ones(4, bool))
    close(compute(learner, jax.random.key(2), final, settings), batch.reward)
    after = jax.jit(agent.learn)(learner, jax.random.key(3), batch, settings)
    expected = jax.tree.map(lambda x, y: 0.75 * x + 0.25 * y, slow, after.networks.critics)
    close(after.target_critics, expected)


def constant(zeros: Any, values: tuple[float, float]) -> Any:
    """Critics that say so: the last bias, of the state's value where there are two heads."""
    params = zeros["params"]
    last = params["MLP_0"]["Dense_0"] if "MLP_0" in params else params["Dense_2"]
    last["bias"] += jnp.array(values)[:, None]
    return zeros


@pytest.mark.parametrize(("test_policy", "deviation"), [("mode", 0.0), ("sample", 1.255)])
def test_actions_are_within_their_bounds(test_policy: str, deviation: float) -> None:
    """Those of an untrained policy: tanh of a standard normal, which has a deviation of 0.6275.

    Where the policy is wide, they come close to both bounds, and no further.
    """
    agent, settings = new(WIDE, test_policy=test_policy)
    policy = jax.jit(agent.init_learner)(jax.random.key(0), settings).policy

    @jax.jit
    def actions(policy: Any) -> Any:
        keys = jax.random.split(jax.random.key(1), 4000)
        return jax.vmap(lambda key: agent.act((policy, None), key, SEEN))(keys)

    untrained = actions(jax.tree.map(jnp.zeros_like, policy))
    assert jnp.std(untrained) == pytest.approx(deviation, abs=0.03)
    np.testing.assert_allclose(untrained.mean(), -1.0, atol=0.06)
    policy["params"]["Dense_2"]["bias"] += jnp.array([0.0, 5.0])  # the deviation is at most e^2
    wide = actions(policy)
    assert wide.min() >= -3.0
    assert wide.max() <= 1.0
    if test_policy == "sample":
        assert wide.min() < -2.99
        assert wide.max() > 0.99
        within = scipy.stats.norm.cdf(1.0 / np.exp(2.0)) - scipy.stats.norm.cdf(-1.0 / np.exp(2.0))
        assert np.mean(np.abs((wide + 1) / 2) < np.tanh(1.0)) == pytest.approx(within, abs=0.03)


def test_discrete_actions_are_sampled_or_the_mode() -> None:
    """Logits 0 and log 3: the second action in three of four cases."""
    shares = {}
    for test_policy in ("mode", "sample"):
        agent, settings = new(PROBES["action"], test_policy=test_policy)
        policy = jax.jit(agent.init_learner)(jax.random.key(0), settings).policy
        policy = jax.tree.map(jnp.zeros_like, policy)
        policy["params"]["Dense_2"]["bias"] += jnp.log(jnp.array([1.0, 3.0]))
        keys = jax.random.split(jax.random.key(1), 4000)
        act = jax.vmap(lambda key, agent=agent, p=policy: agent.act((p, None), key, SEEN))
        shares[test_policy] = act(keys).mean()
    assert shares["mode"] == 1.0
    assert shares["sample"] == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize("env", [BANDIT, WIDE], ids=["discrete", "continuous"])
def test_the_short_cut_for_bandits_is_no_other_algorithm(env: Any) -> None:
    """512 agents on either path: what they know in the end is equally distributed.

    A two-sample Kolmogorov-Smirnov test for what the actor says of three observations, and for the
    rewards of both halves of the training; the smallest p-value is above 0.01.
    """
    at = jnp.linspace(-1.0, 1.0, 3)[:, None]

    def know(short: bool) -> np.ndarray:
        agent, settings = new(env, bandit_path=short, buffer_size=32, hidden=[8], dueling=False)
        settings |= {"learning_rate": jnp.float32(0.01)}

        def train(key: Any) -> Any:
            (policy, _), seen = base.train(agent, env, settings, key, 160)
            halves = seen.reward.reshape(2, -1).mean(1)
            return jnp.concatenate([agent._actor.apply(policy, at).ravel(), halves])

        return np.asarray(jax.jit(jax.vmap(train))(jax.random.split(jax.random.key(short), 512)))

    short, general = know(True), know(False)
    assert min(scipy.stats.ks_2samp(short, general).pvalue) > 0.01
    assert short.std(0).min() > 0.02  # there is something to compare


def test_bandits_have_no_slow_critics() -> None:
    agent, settings = new(WIDE)
    assert jax.jit(agent.init_learner)(jax.random.key(0), settings).target_critics is None


@pytest.mark.parametrize(
    ("static", "complaint"),
    [
        ({"test_policy": "greedy"}, "test_policy must be one of sample, mode, not 'greedy'"),
        ({"activation": "rely"}, "activation must be one of .*, not 'rely'"),
        ({"bandit_path": True}, "bandit_path: only where every episode has one step"),
        ({"buffer_size": 65}, r"buffer_size \(65\) must be a multiple of num_envs \(4\)"),
    ],
)
def test_settings_that_make_no_sense_are_refused(static: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"agents.sac.static.*{complaint}"):
        new(TARGET, **static)
