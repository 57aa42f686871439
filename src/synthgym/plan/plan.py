"""What is to be computed? params.yaml, checked: scales, each with its jobs and their
configurations.

Precedence of settings: schema < conf/ groups < the layers of a plan < command line. Layers of a
task's environment: scales.S.common < .tasks.T < .environments.E < .tasks.T.environments.E. Of an
expert: `tuned` in conf/task/T.yaml < scales.S.common < scales.S.experts.T. Of an experiment
(conf/experiment/, with its budget and what the scale says of it): settings < the arm < make, or the
trial < the way of training without.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from synthgym.core.definitions import read_yaml
from synthgym.core.settings import merged
from synthgym.jobs.planned import Job
from synthgym.plan.compose import Composer, conform
from synthgym.plan.scale import ScalePlan
from synthgym.plan.schema import ConfigError, Params, Scale, check, check_known
from synthgym.plan.validate import check_name

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Plan:
    """params.yaml: what there is to do, and the configuration of each job."""

    def __init__(self, params: Mapping[str, Any]):
        check(params, Params, "", complete=("scale", "scales"))
        for scale, values in params["scales"].items():
            check_name(scale, f"scales.{scale}")
            complete = ("seeds", "agents", "environments", "tasks")
            check(values, Scale, f"scales.{scale}", complete=complete)
        scales = {scale: conform(values, Scale) for scale, values in params["scales"].items()}
        self.params = {**params, "scales": scales}
        self.scale: str = self.params["scale"]
        check_known(self.scale, self.scales, "scale", "scale", "params.yaml")
        self.composer = Composer()

    @classmethod
    def load(cls, path: Path | str = "params.yaml", given: Mapping[str, Any] = NOTHING) -> "Plan":
        """Read the file, under what `--config` gave. Raises ConfigError where it is nonsense."""
        words = {"true": True, "false": False}  # which Snakemake takes for texts
        given = {name: words.get(str(value), value) for name, value in given.items()}
        try:
            values = read_yaml(path)
            return cls(merged(values, given) if given else values)
        except FileNotFoundError:
            raise ConfigError(f"{path} is not here; start at the top of the repository.") from None

    @property
    def accept_code(self) -> bool:
        """Whether the present code is to be adopted in the manifests of what was computed."""
        return bool(self.params.get("accept_code", False))

    @property
    def scales(self) -> list[str]:
        return list(self.params["scales"])

    @cached_property
    def _plans(self) -> dict[str, ScalePlan]:
        scales = self.params["scales"].items()
        return {name: ScalePlan(name, values, self.composer) for name, values in scales}

    def __getitem__(self, scale: str) -> ScalePlan:
        return self._plans[scale]

    def jobs(self, scale: str) -> dict[str, Job]:
        """Return every job of a scale by the directory of its results."""
        return self[scale].jobs

    def groups(self, scale: str) -> dict[str, list[str]]:
        """Return the meta-trainings that one job does side by side."""
        return self[scale].groups

    def check(self, scale: str) -> None:
        """Refuse whatever is wrong with a scale, by a ConfigError."""
        self[scale].check()
        self.composer.save()
