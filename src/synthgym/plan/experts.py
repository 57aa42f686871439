"""Experts: agents trained in a task itself, with the settings tuned for it."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from synthgym.jobs.planned import Job
from synthgym.plan.layers import Values, expanded
from synthgym.plan.schema import (
    Config,
    ConfigError,
    check,
    check_known,
    check_names,
    groups,
    short,
)
from synthgym.plan.views import of_agents, task_seen, with_level

if TYPE_CHECKING:
    from synthgym.plan.scale import ScalePlan


class Experts:
    """Agents trained in a task itself, with the settings tuned for it."""

    def __init__(self, scale: "ScalePlan", task: str, values: Any):
        self.scale, self.task, self.values = scale, task, values
        self.where = f"scales.{scale.name}.experts.{task}"

    def composed(self, overrides: Sequence[str] = ()) -> Values:
        """Return all sections for the experts of the task."""
        key = (self.where, *overrides)
        if key not in self.scale.composed:
            values = {k: v for k, v in self.values.items() if k != "train"}
            common = expanded(self.scale.values.get("common") or {})
            layers = [(f"scales.{self.scale.name}.common", common), (self.where, expanded(values))]
            self.scale.composed[key] = self.scale.composer.tuned(
                self.where,
                self.task,
                self.values["train"],
                f"{self.where}.train",
                layers,
                overrides,
            )
        return self.scale.composed[key]

    def config(self, agent: str, overrides: Sequence[str]) -> Values:
        """Return the configuration of the training of an expert."""
        config = self.composed(overrides)
        steps = config["expert"]["steps"] or config["task"]["tuned"][agent]["steps"]
        return {
            **of_agents(config, [agent]),
            "scale": self.scale.name,
            "task": task_seen(config["task"]),
            "expert": {**with_level(config["expert"], config["task"]), "steps": steps},
        }

    def jobs(self) -> Iterator[Job]:
        """List the training of each expert."""
        for agent in self.values["train"]:
            labels = {"scale": self.scale.name, "task": self.task, "agent": agent}
            out = f"results/{self.scale.name}/experts/{self.task}/{agent}"
            yield Job("expert", out, labels, partial(self.config, agent))

    def check(self) -> None:
        """Refuse whatever is wrong with the experts of the task, by a ConfigError."""
        check_known(self.task, groups("task"), "task", self.where, "conf/task")
        if not isinstance(self.values, dict) or not isinstance(self.values.get("train"), list):
            raise ConfigError(
                f"{self.where}: must be such as {{train: [ppo]}}, not {short(self.values)}."
            )
        check_names(self.values["train"], "agent", f"{self.where}.train")
        check({k: v for k, v in self.values.items() if k != "train"}, Config, self.where)
        self.composed()
