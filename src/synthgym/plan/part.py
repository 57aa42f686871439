"""What parts of a scale's plan have in common: experiments, sweeps, tasks, experts."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from synthgym.plan.layers import Values

if TYPE_CHECKING:
    from synthgym.plan.scale import ScalePlan


class Part:
    """A part of what a scale plans, with what params.yaml and conf/experiment/ say of it."""

    def __init__(self, scale: "ScalePlan", name: str, values: Values):
        self.scale, self.name, self.values = scale, name, values
        self.where = f"experiment {name}"
        self.place = f"results/{scale.name}/{values.get('place')}"
        self.task: str = values.get("task", "")

    def once(self, key: Sequence[object], compose: Callable[[], Values]) -> Values:
        """Return what `compose` gives; it is called once for each key."""
        whole = (self.where, *key)
        if whole not in self.scale.composed:
            self.scale.composed[whole] = compose()
        return self.scale.composed[whole]

    def seeded(self, config: Values, seed: int | None, overrides: Sequence[str]) -> Values:
        """Return a configuration with its scale, and its seed if the command line has none."""
        given = any(override.startswith("seed=") for override in overrides)
        seed = config["seed"] if seed is None or given else seed
        return {**config, "scale": self.scale.name, "seed": seed}
