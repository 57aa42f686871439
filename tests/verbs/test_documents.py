"""README.md and docs/ say what results and stages say, and can be read as written."""

import re
from functools import cache
from pathlib import Path

import pytest

from synthgym.core.settings import ConfigError
from synthgym.plan.schema import definition, groups
from synthgym.plan.validate import check_pair
from synthgym.stages import PHASES
from synthgym.verbs import documents

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- generated:begin -->", "<!-- generated:end -->"
TEXT = f"# Title\n\nbefore\n\n{BEGIN}\nold\n{END}\n\nafter\n"
FINDINGS = {f"docs/results/{name.removesuffix('_report')}.md" for name in documents.QUESTIONS}


@cache
def fresh() -> dict[str, str]:
    return documents.documents(ROOT, "standard")


@pytest.mark.parametrize(
    "name", ["README.md", "docs/artefacts.md", "docs/results/index.md", *sorted(FINDINGS)]
)
def test_no_number_is_edited_by_hand(name: str) -> None:
    assert (ROOT / name).read_text("utf-8") == fresh()[name], "run: synthgym document"


def test_nothing_else_lies_among_the_generated_pages() -> None:
    there = {f"docs/results/{path.name}" for path in (ROOT / "docs/results").iterdir()}
    assert there == {name for name in fresh() if name.startswith("docs/results/")}


def test_every_report_has_its_question() -> None:
    reports = {name for name, stage in PHASES["report"].items() if "table.md" in stage.outputs}
    assert set(documents.QUESTIONS) == reports


@pytest.mark.parametrize("what", ["generated", "results"])
def test_only_what_is_between_the_marks_of_a_name_is_replaced(what: str) -> None:
    text = TEXT + TEXT.replace("generated", "results").replace("old", "other")
    old = {"generated": "old", "results": "other"}[what]
    assert documents.replaced(text, "new", what) == text.replace(old, "new")


@pytest.mark.parametrize("text", ["", TEXT + TEXT, TEXT.replace(END, "")])
def test_a_document_without_both_marks_once_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="each once"):
        documents.replaced(text, "new")


def test_results_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"summary\.json is not there"):
        documents.documents(tmp_path, "standard")


def test_headline_shows_the_best_algorithm_and_names_what_is_no_better_than_the_task() -> None:
    def cell(value: float, low: float, high: float) -> dict[str, float]:
        return {"value": value, "low": low, "high": high}

    about = {"id": "Task-v0", "published": {"ppo": {"synthetic": 9.0}}}
    cost = {"n": 3, "real_steps": {"mean": 1200.0}, "seconds": {"mean": 7.4}}
    places = {
        "real": {"ppo": cell(2, 1, 3), "dqn": cell(1, 0, 2)},
        "good": {"ppo": cell(8, 7, 9), "dqn": cell(6, 5, 7)},
        "alike": {"ppo": cell(1, 0, 2), "dqn": cell(4, 3, 5)},  # 3 is within the task's interval
        "worse": {"ppo": cell(0.5, 0.2, 0.8), "dqn": cell(0, 0, 0)},
    }
    text = documents.headline(
        {
            "about": {"level": 0.95, "scale": "tiny", "tasks": {"task": about}},
            "transfer": {"task": places},
            "overview": {"task": {"steps": 10_000}, "other": {"steps": 500}},
        },
        {"meta_training": {"task": {"good": cost, "alike": cost, "worse": cost}}},
    )
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    assert ["**Task-v0**", "ppo", "2.0 [1.0, 3.0]", "", "", ""] in rows
    assert ["`good` (3)", "ppo", "8.0 [7.0, 9.0]", "9", "1,200", "7"] in rows
    assert [cells[0] for cells in rows if cells][2:] == ["**Task-v0**", "`good` (3)"]
    assert "Worse than training in the task: `worse` in Task-v0." in text
    assert "intervals of the best algorithms overlap: `alike` in Task-v0." in text
    assert "Agents train for 500 to 10,000 steps." in text


def test_the_readme_says_which_agents_can_do_which_tasks() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    section = " ".join(text.split("## Agents and tasks")[1].split("## ")[0].split())
    columns = ("cartpole", "breakout_minatar", "pendulum", "hopper", "cliff")
    kinds = {  # the sentence that names agents -> where they can learn
        r"^(.*?): all tasks": set(columns),
        r"Discrete actions .*?\): (.*?);": {"cartpole", "breakout_minatar", "cliff"},
        r"; grid worlds: (.*?);": {"cliff"},
        r"continuous ones .*`\): (.*?)\.": {"pendulum", "hopper"},
    }
    said = {
        agent: tasks
        for sentence, tasks in kinds.items()
        for agent in re.findall(r"`(\w+)`", re.findall(sentence, section)[0])
    }

    def fits(agent: str, task: str) -> bool:
        try:
            check_pair(agent, definition("task", task), "")
        except ConfigError:
            return False
        return True

    assert said == {agent: {task for task in columns if fits(agent, task)} for agent in said}
    curious = {name for name in groups("agent") if name.endswith("_icm")}
    assert "`_icm`" in section
    assert set(said) | curious | {"dpo", "lpo"} == set(groups("agent"))


def test_the_readme_is_short_and_no_table_is_wider_than_a_page() -> None:
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert len(lines) <= 150
    assert [line for line in lines if line.startswith("|") and len(line) > 120] == []


def test_an_experiment_leads_to_its_own_stages_and_figures() -> None:
    lines = documents.experiments(ROOT, "standard").splitlines()
    rows = {line.split("`")[1]: line for line in lines if line.startswith("| [")}
    assert "`grade`: `meta/grade.py`" in rows["contexts"]
    assert "metatrain" not in rows["contexts"]
    assert "results/comparison.md" in rows["contexts"]
    assert "tune" in rows["rewards_cliff"]
    assert "tune" not in rows["rewards_halfcheetah"]
