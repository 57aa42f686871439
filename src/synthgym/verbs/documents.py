"""`synthgym document`: what README.md and docs/ say of results and stages, from these themselves.

No number in them is copied by hand. README.md and docs/artefacts.md have their part between two
marks; docs/results/ has a page for each report: question, verdicts, figures.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2

from synthgym.analysis.core.estimate import COUNT, given, number, span, written
from synthgym.analysis.core.report import document
from synthgym.analysis.core.tables import REAL, table
from synthgym.analysis.core.verdict import FAILS, HOLDS, UNDECIDED
from synthgym.core.io import atomic, read_json
from synthgym.jobs import kept
from synthgym.jobs.planned import rule_of
from synthgym.plan.plan import Plan
from synthgym.stages import PHASES, STAGES

Numbers = Mapping[str, Any]
FUZZ = "docs/fuzz.json"  # `make fuzz` writes it
QUESTIONS = {  # report -> what it answers, in the order of the index
    "transfer_report": "Do agents trained only in synthetic environments do well on the real task?",
    "comparison_report": "What does making an environment take, and who can use it?",
    "choice_report": "Which choices matter in distilling?",
    "insight_report": "What do bandits know of their task?",
    "mdp_report": "Do agents learn in synthetic MDPs, and in which of them?",
    "reward_report": "Do reward networks make agents faster?",
    "objective_report": "Can what agents maximise be meta-trained in a bandit?",
    "transform_report": "Which transform of scores finds environments?",
    "search_report": "Which settings of a meta-training are good?",
    "expert_report": "How good do agents get in the real tasks?",
}
LABELS = ("comparison", "task", "environment")  # of a claim: what it is about
HEADLINE = (
    "Return: interquartile mean [{level:.0%} interval] in the real task of agents with random "
    "hyperparameters, of all environments made in the same way with different seeds (in "
    "parentheses: how many). Agent: the best algorithm of the row, chosen "
    "afterwards, so returns are a little flattered. Agents train for {steps} steps. Rows in bold: "
    "in the task itself, where that is too little for most. Published: the same "
    "algorithm in evolved bandits (Liesen et al. 2024; "
    "CartPole-v0: in MDPs of Ferreira et al. 2022). Real steps and seconds are what making one "
    "environment takes, teachers included. Scale `{scale}`."
)
NOT_BETTER = (
    "**Not in the table, as they are no better.** Worse than training in the task: {worse}. Not "
    "told apart from it, as intervals of the best algorithms overlap: {alike}. "
    "[Findings](docs/results/index.md) has all agents, and every claim with its verdict; "
    "[methods](docs/methods.md) says how each environment is made."
)
INDEX = (
    "# Findings\n\n"
    "What the experiments of scale `{scale}` say, by question, and how many of the claims that "
    "were written down before hold. `synthgym document` writes these pages from the reports in "
    "`results/{scale}/`. Returns and costs of all environments are in "
    "[one document](../../results/{scale}/summary.md)."
)
PAGE = (
    "# {question}\n\n"
    "Written by `synthgym document` from what the stage `{report}` found: "
    "[all tables]({place}/table.md), [numbers]({place}/summary.json)."
)


def write(root: Path, scale: str) -> None:
    """Write all documents that show results of a scale."""
    for name, text in documents(root, scale).items():
        with atomic(root / name) as partial:
            partial.write_text(text, encoding="utf-8")


def documents(root: Path, scale: str) -> dict[str, str]:
    """Path -> text. Raises ValueError where a report is not there, or a document has no marks."""
    transfer, summary = (_numbers(root, scale, name) for name in ("transfer_report", ""))
    parts = {
        "README.md": headline(transfer, summary),
        "docs/artefacts.md": f"{experiments(root, scale)}\n\n{artefacts()}",
        "docs/running.md": fuzzed(_read(root / FUZZ)),
    }
    texts = {name: replaced((root / name).read_text("utf-8"), parts[name]) for name in parts}
    texts["docs/results/index.md"] = index(root, scale)
    return texts | {
        f"docs/results/{_name(report)}.md": finding(root, scale, report) for report in QUESTIONS
    }


def replaced(text: str, new: str, what: str = "generated") -> str:
    """A document with something new between the marks of that name."""
    marks = [f"<!-- {what}:{place} -->" for place in ("begin", "end")]
    before, begin, rest = text.partition(marks[0])
    old, end, after = rest.partition(marks[1])
    if not (begin and end) or marks[0] in after + old:
        raise ValueError(f"A document must have the lines {' and '.join(marks)}, each once.")
    return f"{before}{begin}\n{new}\n{end}{after}"


def headline(transfer: Numbers, summary: Numbers) -> str:
    """One table of all tasks: who does best where, and what making the place took.

    Environments that are no better than the task itself are named below it.
    """
    rows: list[dict[str, str]] = []
    worse: list[str] = []
    alike: list[str] = []
    for task, about in transfer["about"]["tasks"].items():
        agents = transfer["transfer"][task]
        agent, in_task = _best(agents[REAL])
        rows.append(
            {"trained in": f"**{about['id']}**", "agent": agent, "return": written(in_task)}
        )
        for environment, cost in sorted(summary["meta_training"][task].items()):
            agent, best = _best(agents[environment])
            if best["low"] <= in_task["high"]:
                verdict = worse if best["high"] < in_task["low"] else alike
                verdict.append(f"`{environment}` in {about['id']}")
                continue
            published = about["published"].get(agent, {}).get("synthetic")
            rows.append(
                {
                    "trained in": f"`{environment}` ({cost['n']})",
                    "agent": agent,
                    "return": written(best),
                    "published": given(published),
                    "real steps": number(cost["real_steps"]["mean"], COUNT),
                    "seconds": number(cost["seconds"]["mean"], COUNT),
                }
            )
    about = transfer["about"]
    steps = span(one["steps"] for one in transfer["overview"].values())
    places = {"worse": ", ".join(worse) or "none", "alike": ", ".join(alike) or "none"}
    shown = table([{name: row.get(name, "") for name in rows[1]} for row in rows])
    return "\n\n".join([HEADLINE.format(**about, steps=steps), shown, NOT_BETTER.format(**places)])


def index(root: Path, scale: str) -> str:
    """The page that leads to all findings, with the claims and their verdicts."""
    questions, claims = [], []
    for report, question in QUESTIONS.items():
        page, judged = f"{_name(report)}.md", _numbers(root, scale, report).get("claims", ())
        verdicts = Counter(claim["verdict"] for claim in judged)
        counts = {word: verdicts[word] or "" for word in (HOLDS, FAILS, UNDECIDED)}
        questions.append({"question": f"[{question}]({page})", **counts})
        for claim in judged:
            of = [claim[label].strip("`") for label in LABELS if label in claim]
            said = {"claim": f"[{claim['claim']}]({page})", "of": ", ".join(of)}
            claims.append({**said, "verdict": claim["verdict"]})
    return document(INDEX.format(scale=scale), table(questions), "## All claims", table(claims))


def finding(root: Path, scale: str, report: str) -> str:
    """The page of a report: its tables as far as the claims, all where it has none; its figures."""
    place = f"results/{scale}/{report}"
    tables = (root / place / "table.md").read_text("utf-8").split("\n\n", 1)[1]
    claims = re.match(r".*?^## Claims\n.*?(?=^## |\Z)", tables, re.DOTALL | re.MULTILINE)
    return document(
        PAGE.format(question=QUESTIONS[report], report=report, place=f"../../{place}"),
        (claims[0] if claims else tables).strip(),
        "## Figures",
        *_figures(root, scale, report),
    )


def experiments(root: Path, scale: str) -> str:
    """Where to find each experiment: its plan, what makes and judges its arms, its figures."""
    plan, rows = Plan.load(root / "params.yaml"), []
    jobs, top = plan.jobs(scale), f"results/{scale}/"
    for name, one in {"transfer": None, **plan[scale].experiments}.items():
        place = one.place if one else f"{top}tasks"

        def within(path: str, place: str = place) -> bool:
            return f"{path}/".startswith(f"{place}/")

        own = {rule_of(job): STAGES[job.stage] for out, job in jobs.items() if within(out)}
        reports = {
            job.stage: STAGES[job.stage]
            for job in jobs.values()
            if job.stage in QUESTIONS and any(within(f) for fs in job.needs.values() for f in fs)
        }
        shown = ", ".join(f"[{_name(r)}](results/{_name(r)}.md)" for r in reports)
        drawn = {
            r: one.module.replace("analysis", "analysis.figures") for r, one in reports.items()
        }
        rows.append(
            {
                "experiment": f"[`{name}`](../src/synthgym/conf/experiment/{name}.yaml)",
                "results": f"`{place.removeprefix(top)}`",
                "rule: module": _modules({rule: one.module for rule, one in own.items()}),
                "figures": f"{shown}<br>{_modules(drawn)}",
            }
        )
    return f"### Experiments of `{scale}`\n\n{table(rows)}"


def _modules(by_rule: Mapping[str, str]) -> str:
    files = {rule: module.split(".", 1)[1].replace(".", "/") for rule, module in by_rule.items()}
    return "<br>".join(f"`{rule}`: `{file}.py`" for rule, file in files.items())


def artefacts() -> str:
    """Where the results of each stage lie, and what they are, by phase of the method."""
    parts = []
    for phase, stages in PHASES.items():
        rows = [
            {
                "stage": f"`{name}`",
                "what it does": stage.help,
                "below `results/<scale>/`": "<br>".join(f"`{_below(p)}`" for p in stage.places),
                "files": ", ".join(
                    f"`{file}`" for file in (*stage.outputs, *(f.file for f in stage.figures))
                ),
            }
            for name, stage in stages.items()
        ]
        parts.append(f"### {phase.capitalize()}\n\n{table(rows)}")
    return "\n\n".join(parts)


def fuzzed(figures: Numbers) -> str:
    """What the fuzzer found, kind by kind: tests/fuzz.py wrote the numbers."""
    kinds = figures["kinds"]
    rows = [{"what": kind, **_counted(found)} for kind, found in kinds.items()]
    total = sum(found["cases"] for found in kinds.values())
    failures = sum(found["failures"] for found in kinds.values())
    return f"{total:,} cases (seed {figures['seed']}), {failures} failures.\n\n{table(rows)}"


def _counted(found: Numbers) -> dict[str, str]:
    return {
        "cases": f"{found['cases']:,}",
        "accepted": f"{found['accepted']:,}",
        "slowest": f"{found['slowest_seconds']:.1f} s",
        "memory": f"{found['megabytes']} MB",
    }


def _figures(root: Path, scale: str, report: str) -> Iterator[str]:
    """Each figure of a report with its caption, which is said once where several share it."""
    place, captions = f"results/{scale}/{report}", set()
    config = _read(root / place / "manifest.json")["config"]
    for figure in STAGES[report].figures:
        one = {"": {"about": figure.title}}
        for name, about in (config[figure.family] if figure.family else one).items():
            yield f"### {about['about']}"
            yield f"![{figure.alt}](../../{place}/{figure.file.format(experiment=name)})"
            if figure.explained not in captions:
                yield _caption(root, figure.explained, scale)
            captions.add(figure.explained)


def _caption(root: Path, name: str, scale: str) -> str:
    text = (root / "workflow/report" / f"{name}.rst").read_text("utf-8")
    shown = jinja2.Template(text).render(snakemake={"wildcards": {"scale": scale}})
    return shown.strip().replace("``", "`")


def _best(agents: Mapping[str, Numbers]) -> tuple[str, Numbers]:
    return max(agents.items(), key=lambda one: one[1]["value"])


def _below(place: str) -> str:
    """A place of stages.yaml, below the directory of a scale."""
    return re.sub(r"{(\w+)}", r"<\1>", place.removeprefix("results/{scale}").strip("/")) or "."


def _name(report: str) -> str:
    return report.removesuffix("_report")


def _numbers(root: Path, scale: str, report: str) -> Numbers:
    return _read(root / "results" / scale / report / "summary.json")


def _read(path: Path) -> Numbers:
    if not path.exists() or (numbers := read_json(path)) is None:
        raise ValueError(f"{path} is not there, or is not JSON: run the workflow first.")
    kept.checked(path)
    return dict(numbers)
