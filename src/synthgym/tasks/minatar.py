"""MinAtar (Young & Tian 2019) from gymnax: games of Atari on ten by ten cells, as binary images.

As in gymnax, actions are the few that do something, and none is repeated by chance.
"""

import math

from synthgym.core import settings
from synthgym.core.spec import image_of, spec_of
from synthgym.tasks.base import check
from synthgym.tasks.classic import GymnaxTask, of_gymnax


def make(task: settings.Task) -> GymnaxTask:
    """The game of a config section.

    Raises ValueError where the section contradicts it.
    """
    env, params = of_gymnax(task.id, int(task.horizon))
    shape = env.observation_space(params).shape
    true = {
        "observation_size": math.prod(shape),
        "num_states": 0,
        "action.kind": "discrete",
        "action.size": env.num_actions,
    }
    check(task, true, options=("image",))
    if image_of(task.options) != shape:
        raise ValueError(f"conf/task/{task.name}.yaml: options.image must be {list(shape)}.")
    return GymnaxTask(spec=spec_of(task), id=task.id)
