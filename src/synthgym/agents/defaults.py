"""An agent by its name, with the settings of conf/agent/: for scripts, which have no plan."""

from synthgym.agents import base, spaces
from synthgym.core import settings
from synthgym.core.checking import check_known
from synthgym.core.definitions import definition, groups
from synthgym.core.types import Agent, EnvSpec, Hyperparameters


def make(name: str, spec: EnvSpec) -> tuple[Agent, Hyperparameters]:
    """The agent, and the defaults of its hyperparameters. Raises ValueError for another name."""
    check_known(name, groups("agent"), "agent", "agents.defaults.make", "conf/agent")
    agent = settings.Agent.read(definition("agent", name))
    return base.load(agent, spec), spaces.default(agent)
