"""Is the best setting better than the plan's? Both meta-trained anew, with seeds not searched with.

Each for the whole budget; judged as in the search, by fresh agents with the settings of the plan.
"""

from pathlib import Path

import pandas as pd

from synthgym.core.display import say
from synthgym.core.io import read_json, write_table
from synthgym.core.job import Inputs
from synthgym.core.settings import Config
from synthgym.search.rungs import Programs

OUTPUTS = ["comparison.parquet"]


def run(config: Config, inputs: Inputs, out: Path, checkpoint: Path) -> list[str]:
    """Write comparison.parquet: a row per setting, seed and agent."""
    (path,) = inputs["settings"]
    compared, budget = config.comparison, config.meta.generations
    programs = Programs(config, compared.draws, compared.episodes)
    settings = {"default": {}, "best": read_json(path)}
    jobs = [(name, seed) for name in settings for seed in compared.seeds]
    searches = [
        programs.search(settings[name], seed, checkpoint / f"{name}-{seed}.safetensors", budget)
        for name, seed in jobs
    ]
    rows = []
    for index, worth in programs.advanced(searches, budget):
        name, seed = jobs[index]
        say(f"{name}, seed {seed}: mean return {worth.value:.1f} after {budget} generations")
        rows += [
            {"setting": name, "seed": seed, "agent": agent, "draw": i, "return_": x, **worth.cost}
            for agent, returns in worth.returns.items()
            for i, x in enumerate(returns)
        ]
    table = pd.DataFrame(rows).sort_values(["setting", "seed", "agent", "draw"])
    write_table(out / "comparison.parquet", table)
    return OUTPUTS
