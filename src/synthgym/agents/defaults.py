"""An agent by its name, with the settings of conf/agent/: for scripts, which have no plan."""

import jax.numpy as jnp

from synthgym.agents import base
from synthgym.core.settings import typed
from synthgym.core.types import Agent, EnvSpec, Hyperparameters
from synthgym.plan.schema import check_known, definition, groups


def make(name: str, spec: EnvSpec) -> tuple[Agent, Hyperparameters]:
    """The agent, and the defaults of its hyperparameters. Raises ValueError for another name."""
    check_known(name, groups("agent"), "agent", "agents.defaults.make", "conf/agent")
    section = typed(definition("agent", name))
    settings = {key: jnp.float32(value) for key, value in section.hyperparameters.items()}
    return base.load(section, spec), settings
