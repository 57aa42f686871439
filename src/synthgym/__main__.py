"""`synthgym <verb>`: a stage, from the workflow or by hand; a look at the plan; the README.

Imports lazily: help and plan need no jax.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from synthgym.verbs import commands

STAGES = {
    "metatrain": "meta-train a synthetic environment with an evolution strategy",
    "teacher": "train an agent in the real task, to distil from",
    "distil": "make a synthetic environment from what a teacher does",
    "transfer": "train agents in a synthetic environment, judge them on the real task",
    "baseline": "train and judge agents on the real task",
    "expert": "train and judge agents on the real task, with the settings tuned for it",
    "behaviour": "record what agents see and get, for histograms and the reward surface",
    "rollout": "record an episode on the real task of an agent trained in an environment",
    "choices": "vary the choices in distilling, one at a time",
    "insight": "look into what a bandit knows of its task",
    "insight_report": "put what bandits know together, and draw it",
    "clients": "train agents of Stable-Baselines3 in an environment, judge them in Gymnasium",
    "client_baseline": "train and judge agents of Stable-Baselines3 in the real task, Gymnasium's",
    "choice_report": "put the numbers of these choices together, and draw them",
    "reward_study": "train agents with reward networks in the real task, and judge them there",
    "tune": "search for settings of agents that learn in the real task: BOHB",
    "reward_map": "list the rewards with a reward network, for every state and action",
    "reward_report": "put the numbers of reward networks together, and draw them",
    "model": "fit a synthetic environment to what agents meet in the real task",
    "mdp_study": "train agents in synthetic MDPs, judge them on the real task",
    "noise": "train agents in disturbed synthetic environments, judge them on the real task",
    "mdp_report": "put the numbers of synthetic MDPs together, and draw them",
    "objective": "meta-train an objective: the drift of PPO",
    "judge": "train agents by an objective in a real task, and judge them",
    "objective_report": "put the numbers of the objectives together, and draw them",
    "transform_study": "meta-train with each transform of scores and step size",
    "transform_report": "put the numbers of score transforms together, and draw them",
    "search": "search for settings of a meta-training: BOHB, with generations as its budget",
    "search_comparison": "meta-train with the best settings found and with the plan's, and compare",
    "search_report": "put the numbers of these searches together, and draw them",
    "comparison_study": "train agents in environments that are compared, judge them on the task",
    "comparison_report": "put the numbers of comparisons together, and draw them",
    "figures": "draw the figures of a task",
    "summary": "put the numbers of a scale together",
    "transfer_report": "compare agents by where they were trained, and with what was published",
    "experts": "put the numbers of the experts of a scale together, and draw their learning curves",
    "page": "put everything about a scale on one page, to look at in a browser",
}
OPTIONS = {  # what says which job it is, besides the scale
    "metatrain": ["task", "environment"],
    "teacher": ["task"],
    "distil": ["task", "environment"],
    "transfer": ["task", "environment", "agent"],
    "baseline": ["task", "agent"],
    "expert": ["task", "expert"],
    "behaviour": ["task", "environment"],
    "rollout": ["task", "environment", "agent"],
    "choices": ["task", "environment", "agent"],
    "insight": ["task", "environment"],
    "insight_report": [],
    "clients": ["task", "environment", "client"],
    "client_baseline": ["task", "client"],
    "choice_report": [],
    "reward_study": [],
    "tune": [],
    "reward_map": [],
    "reward_report": [],
    "model": [],
    "mdp_study": [],
    "noise": [],
    "mdp_report": [],
    "objective": ["objective"],
    "judge": ["objective", "task"],
    "objective_report": [],
    "transform_study": [],
    "transform_report": [],
    "search": ["task", "search"],
    "search_comparison": ["task", "search"],
    "search_report": [],
    "comparison_study": [],
    "comparison_report": [],
    "figures": ["task"],
    "summary": [],
    "transfer_report": [],
    "experts": [],
    "page": [],
}
EXAMPLES = {
    "metatrain": "--task cartpole --environment bandit_ppo --out outputs/try meta.population=32",
    "teacher": "--task cartpole --out outputs/teacher teacher.agent=es",
    "distil": "--task cartpole --environment distilled --out outputs/try distil.noise=0.5",
    "transfer": "--task cartpole --environment bandit_ppo --agent dqn --out outputs/try seed=3",
    "baseline": "--task cartpole --agent dqn --out outputs/try baseline.draws=5",
    "expert": "--task cartpole --expert ppo --out outputs/try expert.draws=5",
    "behaviour": "--task cartpole --environment bandit_ppo --out outputs/try behaviour.agents=5",
    "rollout": "--task cartpole --environment bandit_ppo --agent ppo --out outputs/rollout seed=3",
    "choices": "--task cartpole --environment distilled --agent ppo --out outputs/choices",
    "insight": "--task cartpole --environment distilled --out outputs/insight",
    "insight_report": "--spec work/results/standard/insight_report/spec.json",
    "clients": "--task cartpole --environment distilled --client sb3_ppo --out outputs/clients",
    "client_baseline": "--task cartpole --client sb3_ppo --out outputs/try clients.draws=1",
    "choice_report": "--spec work/results/standard/choice_report/spec.json",
    "reward_study": "--spec work/results/quick/rewards/cliff/count/spec.json",
    "tune": "--spec work/results/standard/rewards/cliff/tuned/count_tuned/fixed/spec.json",
    "reward_map": "--spec work/results/quick/rewards/cliff/map/spec.json",
    "reward_report": "--spec work/results/standard/reward_report/spec.json",
    "model": "--spec work/results/standard/mdps/cartpole_v0/model/seed0/model/spec.json",
    "mdp_study": "--spec work/results/standard/mdps/cartpole_v0/fixed/transfer/same/spec.json",
    "noise": "--spec work/results/standard/mdps/cartpole_v0/fixed/noise/spec.json",
    "mdp_report": "--spec work/results/standard/mdp_report/spec.json",
    "objective": "--objective lpo_bandit --out outputs/objective meta.generations=10",
    "judge": "--objective dpo --task pendulum --out outputs/judged judge.draws=5",
    "objective_report": "--spec work/results/standard/objective_report/spec.json",
    "transform_study": "--spec work/results/quick/transforms/empty_room/spec.json",
    "transform_report": "--spec work/results/quick/transform_report/spec.json",
    "search": "--task cartpole_v0 --search se --out outputs/search meta.population=8",
    "search_comparison": "--task cartpole_v0 --search se --out outputs/compared",
    "search_report": "--spec work/results/quick/search_report/spec.json",
    "comparison_study": "--spec work/results/quick/comparisons/unseen/distilled/es/spec.json",
    "comparison_report": "--spec work/results/quick/comparison_report/spec.json",
    "figures": "--spec work/results/quick/figures/cartpole/spec.json",
    "summary": "--spec work/results/quick/spec.json",
    "transfer_report": "--spec work/results/quick/transfer_report/spec.json",
    "experts": "--spec work/results/quick/expert_report/spec.json",
    "page": "--spec work/results/quick/page/spec.json",
}
TOGETHER = ("metatrain",)  # stages that do several jobs side by side, and on several hosts
SETTINGS = """
Settings are written as in Hydra, section.name=value, and win over params.yaml. `synthgym
settings` lists them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit status."""
    parser = _parser()
    arguments, settings = parser.parse_known_args(argv)
    if unknown := [word for word in settings if word.startswith("-") or "=" not in word]:
        parser.error(f"unknown argument {unknown[0]}; settings are written as section.name=value")
    if settings and (arguments.verb not in STAGES or arguments.spec):
        parser.error(f"no settings here: {' '.join(settings)}")
    from synthgym.plan.schema import ConfigError

    try:
        return _do(arguments, settings)
    except ValueError as error:
        if arguments.verb in STAGES and not isinstance(error, ConfigError):
            raise  # where it happened is worth knowing
        print(f"synthgym: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if "pip install" not in str(error):
            raise
        # An extra that is not here, and how to get it.
        print(f"synthgym: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever reads, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        hint = "the same command goes on from the last checkpoint"
        print(f"synthgym: interrupted; {hint}", file=sys.stderr)
        return 130


def _do(arguments: argparse.Namespace, settings: Sequence[str]) -> int:
    if arguments.verb in STAGES:
        _stage(arguments, settings)
        return 0
    if arguments.verb in commands.VERBS:
        return commands.run(arguments)
    others = {"check": _check, "settings": _settings, "readme": _readme, "reference": _reference}
    others[arguments.verb](arguments)
    sys.stdout.flush()  # here, where it is known what a reader who has gone means
    return 0


def _parser() -> argparse.ArgumentParser:
    about = "Synthetic reinforcement-learning environments: meta-train them, judge them."
    parser = argparse.ArgumentParser("synthgym", description=about)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    for verb, text in STAGES.items():
        stage = verbs.add_parser(
            verb,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=f"example:\n  synthgym {verb} {EXAMPLES[verb]}\n{SETTINGS}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        one = "a job of the workflow: all in a file"
        several = "; several: jobs that differ in their seeds only, side by side"
        stage.add_argument(
            "--spec",
            type=Path,
            metavar="FILE",
            nargs="+",
            help=one + several * (verb in TOGETHER),
        )
        stage.add_argument("--scale", help="whose plan (default: the one params.yaml names)")
        for option in OPTIONS[verb]:
            stage.add_argument(f"--{option}", help=f"name of the {option} in the plan")
        stage.add_argument(
            "--out", metavar="DIR", help="directory for the results, outside results/"
        )
        again = "a file that the job reads; may be repeated"
        stage.add_argument("--input", action="append", default=[], metavar="NAME=FILE", help=again)
        stage.add_argument(
            "--threads", type=int, metavar="N", help="cores (default: NPROC, or all)"
        )
        chunk = "agents trained at a time on each core or GPU (default: as many as fit)"
        stage.add_argument("--chunk", type=int, metavar="N", help=chunk)
        if verb in TOGETHER:
            _add_processes(stage)
    check = verbs.add_parser("check", help="check params.yaml and show the plan: jobs per stage")
    check.add_argument("--scale", help="which to show (default: the one params.yaml names)")
    settings = verbs.add_parser("settings", help="list all settings: meaning, unit and range")
    settings.add_argument("--markdown", action="store_true", help="as docs/configuration.md")
    readme = verbs.add_parser("readme", help="put the results of a scale into README.md")
    readme.add_argument("--scale", help="whose results (default: the one params.yaml names)")
    reference = verbs.add_parser(
        "reference", help="measure what random actions earn in a task, for conf/task/"
    )
    reference.add_argument("--task", required=True, help="as in conf/task/<name>.yaml")
    reference.add_argument("--episodes", type=int, default=1000, help="default: 1000")
    reference.add_argument("--seed", type=int, default=0, help="default: 0")
    commands.add(verbs)
    return parser


def _add_processes(stage: argparse.ArgumentParser) -> None:
    """Options of a job that several processes do together, such as on the hosts of a cluster."""
    stage.add_argument(
        "--processes",
        metavar="N",
        help="this is one of N that do the job together; auto: as SLURM or Open MPI started them",
    )
    stage.add_argument("--process", type=int, metavar="I", help="which of them, from 0")
    stage.add_argument("--coordinator", metavar="HOST:PORT", help="where the first one listens")


def _stage(arguments: argparse.Namespace, settings: Sequence[str]) -> None:
    from synthgym.jobs.run import execute_together, prepare_devices, take_gpu

    if arguments.spec:
        specs = [json.loads(path.read_text()) for path in arguments.spec]
    else:
        specs = [_by_hand(arguments, settings)]
    prepare_devices(arguments.threads)
    take_gpu()
    if arguments.chunk is not None:
        os.environ["SYNTHGYM_CHUNK"] = str(arguments.chunk)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # progress is to be seen while it is news
    execute_together(specs, follows=_joined(arguments))


def _joined(arguments: argparse.Namespace) -> bool:
    """Whether another of several processes is the first, which alone writes and speaks."""
    if not getattr(arguments, "processes", None):
        return False
    from synthgym.core import parallel

    parallel.join(arguments.processes, arguments.process, arguments.coordinator)
    if parallel.first():
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def _by_hand(arguments: argparse.Namespace, settings: Sequence[str]) -> dict[str, Any]:
    """The spec of a job outside the workflow."""
    from synthgym.jobs.provenance import STAGES as KNOWN
    from synthgym.jobs.provenance import pick, stage_code
    from synthgym.plan.plan import Plan
    from synthgym.plan.schema import ConfigError

    verb, plan = arguments.verb, Plan.load()
    job = {"scale": _chosen("scale", arguments.scale or plan.scale, plan.scales)}
    plan.check(job["scale"])
    for option in OPTIONS[verb]:
        there = _there(plan, verb, option, job)
        job[option] = _chosen(option, getattr(arguments, option), there)
    if not arguments.out:
        raise ConfigError(f"{verb} needs --out, a directory for its results.")
    if Path(arguments.out).resolve().is_relative_to(Path("results").resolve()):
        raise ConfigError("--out: results/ belongs to the workflow; say outputs/try, for example.")
    full = plan.resolve(**job, overrides=settings)
    config = pick(full, KNOWN[verb].uses)
    return {
        "stage": verb,
        "config": config,
        "code": stage_code(verb, config),
        "out": arguments.out,
        "files": _files(arguments.input, verb, {**job, **_made(full)}, _objective_files(plan, job)),
        "upstream": {},
        "forced": False,
    }


def _there(plan: Any, verb: str, option: str, job: dict[str, str]) -> Sequence[str]:
    """The names that an option can have, given those before it."""
    from synthgym.plan.schema import CLIENTS

    if verb == "expert":
        experts = plan.experts(job["scale"])
        return list(experts) if option == "task" else experts[job["task"]]
    if option == "objective":
        learned = plan.objectives(job["scale"]).get("learned", {})
        return list(learned) if verb == "objective" else plan.judged(job["scale"])
    if option == "task" and verb == "judge":
        return list(plan.objectives(job["scale"])["judged"])
    if verb in ("search", "search_comparison"):
        planned = plan.searches(job["scale"])
        return list(planned if option == "task" else planned[job["task"]])
    if option == "task":
        return plan.tasks(job["scale"])
    if option == "client":
        return list(CLIENTS)
    return getattr(plan, f"{option}s")(job["scale"], job["task"])


def _chosen(option: str, name: str | None, there: Sequence[str]) -> str:
    from synthgym.plan.schema import ConfigError, listed

    if name is None:
        raise ConfigError(f"--{option} is missing; there is {listed(there)}.")
    if name not in there:
        raise ConfigError(f"--{option}: {name} is not in the plan; there is {listed(there)}.")
    return name


def _made(full: Mapping[str, Any]) -> dict[str, str]:
    """What else the paths of a job's inputs depend on."""
    made = "metatrain" if "meta" in full else "distil"
    start = full.get("meta", {}).get("start") or ""
    return {"seed": str(full.get("seed")), "made": made, "start": start}


def _objective_files(plan: Any, job: Mapping[str, str]) -> dict[str, list[str]]:
    """What the jobs of an objective read: the environment it is made in, or what it became."""
    scale, objective = job["scale"], job.get("objective")
    if objective not in plan.objectives(scale).get("learned", {}):
        return {}
    if "task" in job:
        seeds = plan.objectives(scale)["seeds"]
        made = f"results/{scale}/objectives/{objective}/seed{{}}/objective.safetensors"
        return {"objective": [made.format(seed) for seed in seeds]}
    if (where := plan.stand_in(scale, objective)) is None:
        return {}
    made = "distil" if plan.distilled(scale, where["environment"]) else "metatrain"
    place = "results/{scale}/tasks/{task}/{environment}/seed{seed}".format(**where)
    return {"environment": [f"{place}/{made}/environment.safetensors"]}


def _files(
    given: Sequence[str], verb: str, job: dict[str, str], otherwise: dict[str, list[str]]
) -> dict[str, list[str]]:
    """Input files by name; by default what the workflow made."""
    from synthgym.plan.schema import ConfigError

    files: dict[str, list[str]] = {}
    for word in given:
        name, _, path = word.partition("=")
        files.setdefault(name, []).append(path)
    files = {**otherwise, **files}
    if (
        verb in ("transfer", "behaviour", "rollout", "insight", "clients")
        and "environment" not in files
    ):
        made = "results/{scale}/tasks/{task}/{environment}/seed{seed}/{made}".format(**job)
        files["environment"] = [f"{made}/environment.safetensors"]
    if verb in ("distil", "choices"):
        teacher = "results/{scale}/tasks/{task}/teacher/seed{seed}".format(**job)
        files.setdefault("policy", [f"{teacher}/policy.safetensors"])
    if verb == "distil":
        files.setdefault("progress", [f"{teacher}/progress.parquet"])
    if verb == "metatrain" and job["start"] and "start" not in files:
        start = "results/{scale}/tasks/{task}/{start}/seed{seed}/distil".format(**job)
        files["start"] = [f"{start}/environment.safetensors"]
        files["start_progress"] = [f"{start}/progress.parquet"]
    if verb == "search_comparison":
        settings = "results/{scale}/search/{task}/{search}/best.json".format(**job)
        files.setdefault("settings", [settings])
    for name, path in [(name, path) for name, paths in files.items() for path in paths]:
        if not Path(path).is_file():
            raise ConfigError(f"{path} is not there; name a file by --input {name}=FILE.")
    return files


def _check(arguments: argparse.Namespace) -> None:
    """Every scale is checked; one is shown."""
    from tabulate import tabulate

    from synthgym.plan.plan import Plan

    plan = Plan.load()
    scale = _chosen("scale", arguments.scale or plan.scale, plan.scales)
    for name in plan.scales:
        plan.check(name)
    tasks = dict.fromkeys([*plan.tasks(scale), *plan.experts(scale)])
    jobs = {task: _jobs(plan, scale, task) for task in tasks}
    rows = [[task, *row.values()] for task, row in jobs.items()]
    rows.append(["all", *(sum(column) for column in zip(*(row[1:] for row in rows), strict=True))])
    print(f"params.yaml is in order: {', '.join(plan.scales)}.")
    print(f"Jobs of {scale}, besides its tables:\n")
    print(tabulate(rows, ["task", *next(iter(jobs.values()))]))


def _jobs(plan: Any, scale: str, task: str) -> dict[str, int]:
    agents, made = 0, {}
    if task in plan.tasks(scale):
        agents = len(plan.agents(scale, task))
        made = {name: plan.seeds(scale, name) for name in plan.environments(scale, task)}
    distilled = [seed for name in made if plan.distilled(scale, name) for seed in made[name]]
    runs = sum(map(len, made.values()))
    jobs = {
        "teacher": len(set(distilled)),
        "distil": len(distilled),
        "metatrain": runs - len(distilled),
        "transfer": runs * agents,
        "behaviour": len(made),
        "rollout": len(made),
        "baseline": agents,
    }
    experts = len(plan.experts(scale).get(task, []))
    clients = [job for job in plan.clients(scale) if job[0] == task]
    jobs |= {"figures": int(task in plan.tasks(scale)), "expert": experts}
    return {**jobs, "clients": len(clients), "client_baseline": len({job[2] for job in clients})}


def _settings(arguments: argparse.Namespace) -> None:
    from tabulate import tabulate

    from synthgym.plan.schema import described
    from synthgym.verbs.configuration import markdown

    if arguments.markdown:
        print(markdown(), end="")
        return
    print(tabulate(described(), ["setting", "type", "meaning", "range and unit"], tablefmt="plain"))


def _reference(arguments: argparse.Namespace) -> None:
    from synthgym.core.checking import check_known
    from synthgym.core.definitions import definition, groups
    from synthgym.core.settings import Task

    name = arguments.task
    check_known(name, groups("task"), "task", "--task", "conf/task")
    from synthgym.evaluation.reference import mean_and_error, random_returns
    from synthgym.tasks.base import load

    task = load(Task.read(definition("task", name)))
    mean, error = mean_and_error(random_returns(task, arguments.episodes, arguments.seed))
    episodes = f"{arguments.episodes:,} episodes, seed {arguments.seed}"
    print(f"{name}: random actions earn {mean:.4g} ± {error:.2g} per episode")
    print(f"(mean and its standard error; undiscounted return of {episodes})")


def _readme(arguments: argparse.Namespace) -> None:
    from synthgym.analysis import readme
    from synthgym.plan.plan import Plan

    plan = Plan.load()
    scale = _chosen("scale", arguments.scale or plan.scale, plan.scales)
    readme.update(Path("README.md"), Path("results", scale, "summary.json"))


if __name__ == "__main__":
    sys.exit(main())
