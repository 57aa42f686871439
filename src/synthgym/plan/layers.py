"""How do layers of settings become one? Each overrides what is set before it."""

from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf

from synthgym.plan.schema import SEARCHES

Values = dict[str, Any]
Layers = list[tuple[str, Values]]  # (place, sections of the configuration), in order of precedence
USUAL = {"optimiser": "adam", "convolution": True}  # of agents: left out of what jobs see
BESIDE = (
    "agent",
    "arms",
    "beside",
    "seeds",
    "search",
    "in_place_of",
    "tune",
)  # of arms, trials: no section


def sections(values: Mapping[str, Any] | None) -> Values:
    """Return the sections of the configuration among what a plan says of an arm or a trial."""
    return expanded({k: v for k, v in (values or {}).items() if k not in BESIDE})


def expanded(layer: Values) -> Values:
    """`synth: bandit` is short for `synth: {name: bandit}`, and `meta` likewise.

    The search of a hyperparameter replaces one of other kind.
    """
    layer = dict(layer)
    for group in ("synth", "meta"):
        if isinstance(layer.get(group), str):
            layer[group] = {"name": layer[group]}
    for name, agent in (layer.get("agents") or {}).items():
        nothing = dict.fromkeys(SEARCHES)
        search = {key: {**nothing, **(how or {})} for key, how in agent.get("search", {}).items()}
        layer["agents"] = {
            **layer["agents"],
            name: {**agent, **({"search": search} if search else {})},
        }
    return layer


# of an environment: how often it is made, by whom, and with whose settings
PLANNED = ("seeds", "seeds_per_job", "search")


def settings_of(values: Any) -> Any:
    """An environment of a plan without what is no setting of a job."""
    if not isinstance(values, Mapping):
        return values
    return {name: value for name, value in values.items() if name not in PLANNED}


def plain(composed: Any, absent: set[str]) -> Values:
    """What Hydra composed, as plain dictionaries, without the sections that are `absent`."""
    return {
        str(name): OmegaConf.to_container(part, resolve=True, throw_on_missing=True)
        if OmegaConf.is_config(part)
        else part
        for name, part in composed.items_ex(resolve=True)
        if name not in absent
    }


def tidy_agents(agents: Values) -> None:
    """No trace of searches that were replaced, nor of settings on which nothing depends."""
    for agent in agents.values():
        kept = {
            key: {kind: values for kind, values in (how or {}).items() if values is not None}
            for key, how in agent["search"].items()
        }
        agent["search"] = {key: how for key, how in kept.items() if how}
        if not agent["shapes"]:  # nothing depends on that there could be some
            del agent["shapes"]
        for name, usual in USUAL.items():  # nor that these could be otherwise
            if agent["static"].get(name) == usual:
                del agent["static"][name]


def where_set(layers: Layers, *path: str) -> str:
    """Where a setting was made: in the last layer that has it, or else in conf/."""
    for place, layer in reversed(layers):
        found: object = layer
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        if found is not None:
            return ".".join([place, *path])
    return ".".join(["conf", *path])
