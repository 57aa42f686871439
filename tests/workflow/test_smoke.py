"""The smoke plan, with the real stages: every table, figure and number; it is versioned whole."""

import json
import os
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from clones import OUTPUTS, SCALE, Clone, run
from compiling import FAST
from synthgym.jobs.kept import MANIFEST
from synthgym.stages import STAGES

RUN = f"results/{SCALE}/tasks/cartpole/bandit_ppo/seed0"


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """With everything computed; in DVC's store and committed."""
    clone = Clone.of_working_tree(tmp_path_factory.mktemp("smoke") / "repository", FAST)
    clone.compute()
    clone.dvc("commit", "-q", "-f")
    return clone.publish()


@pytest.fixture(scope="module")
def pulled(smoke: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A fresh clone after `dvc pull`, which nobody touches."""
    clone = smoke.clone(tmp_path_factory.mktemp("pulled") / "clone")
    clone.dvc("pull", "-q")
    assert clone.outdated() == set()
    return clone


@pytest.fixture
def fresh(pulled: Clone, tmp_path: Path) -> Clone:
    clone = pulled.copy(tmp_path / "fresh")
    clone.shuffle_times(0)
    return clone


def test_the_plan_leaves_every_table_figure_and_number(smoke: Clone) -> None:
    results = smoke.path / "results" / SCALE
    summary = json.loads((results / "summary.json").read_text())
    assert summary["transfer"]["cartpole"].keys() == {"bandit_ppo", "graded", "real"}
    ways = {"mdp_dqn": "evolved", "distilled": "distilled", "distilled_dqn": "distilled+evolved"}
    assert summary["transfer"]["acrobot"].keys() == {*ways, "real"}
    assert {name: e["made"] for name, e in summary["meta_training"]["acrobot"].items()} == ways
    assert summary["transfer"]["cartpole"]["bandit_ppo"]["dqn"]["n"] == 2  # unseen in its training
    for task in ("cartpole", "acrobot"):
        for figure in OUTPUTS["figures"]:
            assert (results / "figures" / task / figure).read_bytes().startswith(b"\x89PNG")
    experts = json.loads((results / "expert_report/summary.json").read_text())["experts"]
    assert experts["cartpole"]["ppo"]["n"] == 3
    judged = json.loads((results / "objective_report/summary.json").read_text())["judged"]
    assert {name: cell["n"] for name, cell in judged["cartpole"].items()} == dict.fromkeys(
        ("ppo", "dpo", "lpo_task"), 2
    )
    studied = json.loads((results / "transform_report/summary.json").read_text())["tasks"]
    assert studied["empty_room"]["searches"] == 2 * 2 * 2  # transforms, step sizes, seeds
    page = (results / "page/report.html").read_text()
    figures = len(list(results.rglob("*.png")))
    assert page.count("<figure ") == page.count("data:image/png;base64,") == figures
    assert figures >= len([figure for stage in STAGES.values() for figure in stage.figures])
    manifests = list(results.rglob(MANIFEST))
    # of reward networks; objectives; MDPs; insight; transforms; search; transfer; comparisons
    assert len(manifests) == 32 + 8 + 5 + 10 + 2 + 2 + 3 + 1 + 7
    transfer = json.loads((results / "transfer_report/summary.json").read_text())
    cartpole = transfer["transfer"]["cartpole"]
    assert cartpole.keys() == {"bandit_ppo", "graded", "real", "tuned"}
    rewards = json.loads((results / "reward_report/summary.json").read_text())["tasks"]["cliff"]
    assert rewards["fixed"].keys() == {"additive_potential", "plain", "plain_tuned"}
    assert rewards["fixed"]["plain"]["agents"] == rewards["fixed"]["additive_potential"]["agents"]
    mdps = json.loads((results / "mdp_report/summary.json").read_text())["tasks"]["cartpole_v0"]
    assert mdps["trials"]["seen"].keys() == {"real", "varied", "modelled"}
    assert mdps["ranking"]["varied"]["settings"] == 4
    compared = json.loads((results / "comparison_report/summary.json").read_text())["comparisons"]
    returns = compared["inner_loop"]["returns"]["inside"]
    assert returns.keys() == {"real", "fixed", "bandit_ppo"}
    assert 0 <= compared["inner_loop"]["making"]["fixed"]["one_step_last"][0] <= 1
    for path in manifests:
        manifest = json.loads(path.read_text())
        there = {p.name for p in path.parent.iterdir() if p.is_file() and p.name != ".gitignore"}
        assert there == {*manifest["outputs"], MANIFEST}


def test_a_fresh_clone_has_nothing_to_do_until_one_number_is_edited(fresh: Clone) -> None:
    assert fresh.planned() == set()
    assert fresh.stages("status") == set()
    fresh.edit_acrobot("transfer: {draws: 3}")
    assert fresh.planned() == {
        "tasks/acrobot/mdp_dqn/seed0/transfer/dqn",
        "tasks/acrobot/distilled/seed0/transfer/dqn",
        "tasks/acrobot/distilled_dqn/seed0/transfer/dqn",
        "figures/acrobot",
        "summary",
        "transfer_report",
        "page",
    }


def test_a_job_done_again_gives_the_same_bytes(fresh: Clone) -> None:
    job = fresh.path / RUN / "behaviour"
    before = {path.name: path.read_bytes() for path in job.iterdir()}
    shutil.rmtree(job)
    fresh.snakemake(f"{RUN}/behaviour/values.parquet")
    assert {path.name: path.read_bytes() for path in job.iterdir()} == before


def test_a_stage_by_hand_writes_where_it_is_told(smoke: Clone, tmp_path: Path) -> None:
    words = ["--task", "cartpole", "--agent", "dqn", "--out", str(tmp_path / "try")]
    settings = ["seed=3", "agents.dqn.hyperparameters.gamma=0.5"]
    environment = {**FAST, "PYTHONPATH": str(smoke.path / "src"), "NPROC": "1"}
    run("synthgym", "baseline", *words, *settings, cwd=smoke.path, more=environment)
    config = json.loads((tmp_path / "try" / MANIFEST).read_text())["config"]
    assert config["seed"] == 3
    assert config["agents"]["dqn"]["hyperparameters"]["gamma"] == 0.5


EXAMPLES = [  # those about scale standard name jobs of its plan (tests/verbs/test_by_hand.py)
    [name, *shlex.split(row.example)]
    for name, row in STAGES.items()
    if f"--scale {SCALE}" in row.example
]
CHANGED = [words for words in EXAMPLES if "=" in words[-1]]  # with a setting of their own


def test_examples_of_help_texts_are_jobs_that_ran(smoke: Clone) -> None:
    examples = [words for words in EXAMPLES if words not in CHANGED]
    assert len(examples) > 15
    asked, changed = (_asked(smoke, words) for words in (examples, CHANGED))
    assert [spec["stage"] for spec in changed] == [words[0] for words in CHANGED]
    ran = [json.loads(path.read_text()) for path in (smoke.path / "results").rglob(MANIFEST)]
    jobs = [[job["stage"], job["config"], job["code"], sorted(job["inputs"])] for job in ran]
    for spec in asked:
        files = sorted(path for paths in spec["files"].values() for path in paths)
        assert [spec["stage"], spec["config"], spec["code"], files] in jobs, spec["stage"]


def _asked(clone: Clone, examples: list[list[str]]) -> list[Any]:
    """The jobs that commands are about; none is run."""
    said = clone.python(
        "import json; from synthgym.__main__ import _by_hand, _parser\n"
        f"for words in {examples}:\n"
        "    print(json.dumps(_by_hand(*_parser().parse_known_args(words))))\n"
    )
    return [json.loads(line) for line in said.splitlines()]


@pytest.mark.slow
def test_examples_with_other_settings_run(smoke: Clone) -> None:
    assert len(CHANGED) > 5
    smoke.python(
        "from synthgym.__main__ import main\n"
        f"for words in {CHANGED}:\n"
        "    print('synthgym', *words, flush=True)\n"
        "    assert main(words) == 0\n"
    )
    outs = {words[words.index("--out") + 1] for words in CHANGED}
    assert {out for out in outs if not (smoke.path / out / MANIFEST).exists()} == set()


def test_a_failing_stage_fails_the_workflow(smoke: Clone, tmp_path: Path) -> None:
    clone = smoke.copy(tmp_path / "copy")
    clone.edit("src/synthgym/analysis/summary.py", "^def run", "def not_run")
    said = clone.run("snakemake", "--cores", "2", fails=True)
    assert "Error in rule summary" in said
    assert os.path.getsize(clone.path / f"work/results/{SCALE}/log")
    assert (clone.path / f"results/{SCALE}/summary.json").exists()  # the old one is back
