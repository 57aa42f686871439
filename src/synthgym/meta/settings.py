"""Settings that a search found, in a file, for whoever meta-trains."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from synthgym.core.checking import check, listed
from synthgym.core.io import read_json
from synthgym.core.settings import Config, ConfigError, merged, plain


def with_settings(config: Config, paths: Iterable[Path]) -> Config:
    """A job's configuration with the settings of these files (best.json) over its own.

    Raises ConfigError, in a sentence, where a file has something that is no setting, out of range,
    or of an agent that the job does not have.
    """
    for path in paths:
        sections = read_json(path)
        if not isinstance(sections, Mapping):
            raise ConfigError(f"{path} is not there, or no sections of a configuration.")
        config = with_sections(config, dict(sections), str(path))
    return config


def with_sections(config: Config, sections: dict[str, Any], place: str) -> Config:
    """A configuration with sections such as {"meta": {"sigma": 0.1}} over its own.

    `place` is where they come from. Raises ConfigError as `with_settings`.
    """
    check(sections, Config, place)
    values = plain(config)
    if lacking := sections.keys() - values.keys():
        raise ConfigError(f"{place}: this job has no section {listed(sorted(lacking))}.")
    if unknown := sections.get("agents", {}).keys() - values["agents"].keys():
        raise ConfigError(f"{place}: this job has no agent {listed(sorted(unknown))}.")
    return Config.read(merged(values, sections))
