"""Snakemake and DVC, with stages that compute nothing: is what should run what runs?

Behaviours (a) fresh clone, (b) edited parameters, (c) Snakemake then DVC, (d) kill -9, (e) edited
code. Every set below is spelled out: one job too many costs hours, one too few is a stale result.
"""

import importlib.util
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from clones import SCALE, Clone, descendants, run

Copy = Callable[[], Clone]
ACROBOT = {
    "tasks/acrobot/mdp_dqn/seed0/metatrain",
    "tasks/acrobot/mdp_dqn/seed0/transfer/dqn",
    "tasks/acrobot/mdp_dqn/seed0/behaviour",
    "tasks/acrobot/mdp_dqn/seed0/rollout/dqn",
    "tasks/acrobot/teacher/seed0",
    "tasks/acrobot/distilled/seed0/distil",
    "tasks/acrobot/distilled/seed0/transfer/dqn",
    "tasks/acrobot/distilled/seed0/behaviour",
    "tasks/acrobot/distilled/seed0/rollout/dqn",
    "tasks/acrobot/distilled_dqn/seed0/metatrain",
    "tasks/acrobot/distilled_dqn/seed0/transfer/dqn",
    "tasks/acrobot/distilled_dqn/seed0/behaviour",
    "tasks/acrobot/distilled_dqn/seed0/rollout/dqn",
    "tasks/acrobot/real/dqn",
}
GRADED = {
    f"tasks/cartpole/graded/seed0/{job}"
    for job in ("grade", "transfer/ppo", "transfer/dqn", "behaviour", "rollout/ppo")
}
CARTPOLE = GRADED | {
    "tasks/cartpole/bandit_ppo/seed0/metatrain",
    "tasks/cartpole/bandit_ppo/seed0/transfer/ppo",
    "tasks/cartpole/bandit_ppo/seed0/transfer/dqn",
    "tasks/cartpole/bandit_ppo/seed0/behaviour",
    "tasks/cartpole/bandit_ppo/seed0/rollout/ppo",
    "tasks/cartpole/real/ppo",
    "tasks/cartpole/real/dqn",
}
OBJECTIVES = {
    "objectives/lpo_task/seed0",
    *(f"objectives/{name}/judged/cartpole" for name in ("ppo", "dpo", "lpo_task")),
    "objective_report",
}
TRANSFORMS = {"transforms/empty_room", "transform_report"}
SEARCH = {"search/cartpole/se", "search/cartpole/se/comparison", "search_report"}
REPORT = {"figures/acrobot", "figures/cartpole", "summary", "transfer_report", "page"}
OF_ACROBOT = {"figures/acrobot", "summary", "transfer_report", "page"}
EXPERTS = (  # know nothing of environments
    {"experts/cartpole/ppo", "expert_report"} | OBJECTIVES | TRANSFORMS | SEARCH
)
TRIALS = ("seen", "ranking")
REWARDS = {
    "rewards/cliff/additive_potential/seed0/metatrain",
    "rewards/cliff/additive_potential/seed1/metatrain",
    "rewards/cliff/additive_potential/transfer/fixed",
    "rewards/cliff/additive_potential/map",
    "rewards/cliff/real/plain/fixed",
    "rewards/cliff/real/plain_tuned/fixed",
    "rewards/cliff/tuned/plain_tuned/fixed",
    "reward_report",
}
INSIGHT = {"insight/cartpole/bandit_ppo/seed0", "insight_report"}
MDPS = INSIGHT | {
    *(f"mdps/cartpole_v0/{job}" for job in ("varied/seed0/metatrain", "modelled/seed0/model")),
    *(f"mdps/cartpole_v0/varied/{job}" for job in ("behaviour", "noise")),
    *(f"mdps/cartpole_v0/varied/transfer/{trial}" for trial in TRIALS),
    "mdps/cartpole_v0/modelled/transfer/seen",
    *(f"mdps/cartpole_v0/real/{trial}" for trial in TRIALS),
    "mdp_report",
}
COMPARED = {
    "comparisons/inner_loop/fixed/seed0/metatrain",
    *(f"comparisons/inner_loop/{arm}/transfer/inside" for arm in ("fixed", "bandit_ppo")),
    "comparisons/inner_loop/fixed/transfer/outside",
    *(f"comparisons/inner_loop/real/{trial}" for trial in ("inside", "outside")),
    "comparison_report",
}
WHOLE = ACROBOT | CARTPOLE | REPORT | EXPERTS | REWARDS | MDPS | COMPARED
TRANSFER = {job for job in ACROBOT if "/transfer/" in job}
ANALYSED = TRANSFER | OF_ACROBOT
DISTILLED = {job for job in ACROBOT if "teacher" in job or "/distilled/" in job}
ACROBOT_META = ACROBOT - DISTILLED - {"tasks/acrobot/real/dqn"} | OF_ACROBOT
TRAINED = "tasks/acrobot/mdp_dqn/seed0/metatrain"
ENVIRONMENT = f"results/{SCALE}/{TRAINED}/environment.safetensors"
DRAWS = "transfer: {draws: 3}"
POPULATION = "meta: {population: 6}"
GENERATIONS = "meta: {generations: 4}"


def test_a_fresh_clone_after_dvc_pull_has_nothing_to_do(fresh: Clone) -> None:
    assert fresh.planned() == set()
    fresh.shuffle_times(1)
    assert fresh.planned("--workflow-profile", "none") == set()
    assert fresh.stages("status") == set()


def test_environments_alone_are_enough_for_the_rest(published: Clone, tmp_path: Path) -> None:
    clone = published.clone(tmp_path / "clone")
    trained = [job for job in ACROBOT | CARTPOLE if job.endswith("metatrain")]
    clone.dvc("pull", "-q", *(f"results/{SCALE}/{job}" for job in trained))
    # Figures and summary came with git, and are made again with the tables that they show.
    assert clone.planned() == WHOLE - set(trained)


def test_one_number_of_one_task_names_what_depends_on_it(fresh: Clone) -> None:
    fresh.edit_acrobot(POPULATION)
    assert fresh.outdated() == ACROBOT_META
    # What DVC knows of these is that they look into tasks; Snakemake knows which.
    looking = {f"on_tasks@{SCALE}-{name}" for name in ("insight", "comparisons", "objectives")}
    others = {f"report@{SCALE}", f"transfer@{SCALE}", f"{SCALE}-page"}
    changed = {f"{SCALE}@acrobot"} | looking | others
    assert fresh.stages("status") == changed
    assert fresh.stages("repro", "--dry") == changed
    fresh.git("checkout", "-q", "params.yaml")
    assert fresh.outdated() == set()


def test_snakemake_names_what_is_outdated_also_without_its_profile(fresh: Clone) -> None:
    fresh.edit_acrobot(DRAWS)
    assert fresh.outdated() == fresh.planned() == ANALYSED
    assert fresh.planned("--workflow-profile", "none") == ANALYSED


def test_after_snakemake_dvc_only_records_and_no_old_result_ever_passes(used: Copy) -> None:
    clone = used()
    clone.edit_acrobot(DRAWS)
    clone.snakemake()
    assert set(clone.computed()) == ANALYSED
    clone.dvc("repro")
    assert set(clone.computed()) == set()
    assert clone.stages("status") == set()
    clone.git("checkout", "-q", "params.yaml")  # the results are of other settings now
    assert clone.outdated() == ANALYSED


def test_kill_9_of_everything_then_the_same_command_goes_on(used: Copy) -> None:
    clone = used()
    clone.edit_acrobot(POPULATION)
    snakemake = clone.start("snakemake", "--cores", "2", ENVIRONMENT, FAKE_STOP="1")
    clone.wait_for("metatrain 1")
    for pid in [snakemake.pid, *descendants(snakemake.pid)]:
        _kill(pid)
    snakemake.wait()
    clone.snakemake(ENVIRONMENT)
    # The step that was under way is done again, those before are not.
    assert clone.computed() == {TRAINED: 4}


def test_seeds_of_one_job_are_computed_once_and_killed_ones_go_on(used: Copy) -> None:
    clone = used()
    several = "mdp_dqn: {seeds: [0, 1], seeds_per_job: 2, synth"
    clone.edit("params.yaml", r"mdp_dqn: \{synth", several)
    clone.edit_acrobot(POPULATION)
    seeds = [TRAINED, TRAINED.replace("seed0", "seed1")]
    targets = [ENVIRONMENT, ENVIRONMENT.replace("seed0", "seed1")]
    assert clone.planned(*targets) == {*seeds, TRAINED.replace("seed0/metatrain", "group0")}
    snakemake = clone.start("snakemake", "--cores", "2", *targets, FAKE_STOP="1")
    clone.wait_for(f"{seeds[0]} 1")
    for pid in [snakemake.pid, *descendants(snakemake.pid)]:
        _kill(pid)
    snakemake.wait()
    clone.snakemake(*targets)
    assert clone.computed() == {seeds[0]: 4, seeds[1]: 3}  # a step was under way
    assert clone.planned(*targets) == set()
    clone.snakemake("--forcerun", "metatrain", "--", *targets)
    assert clone.computed() == dict.fromkeys(seeds, 3)


def test_kill_9_of_snakemake_alone_then_its_orphans_are_waited_for(used: Copy) -> None:
    clone = used()
    clone.edit_acrobot(POPULATION)
    snakemake = clone.start("snakemake", "--cores", "2", ENVIRONMENT, FAKE_STOP="1")
    clone.wait_for("metatrain 1")
    _kill(snakemake.pid)
    snakemake.wait()
    again = clone.start("snakemake", "--cores", "2", ENVIRONMENT)
    clone.wait_for("which does this job already", "log")
    clone.go()
    assert again.wait(timeout=120) == 0
    assert clone.computed() == {TRAINED: 3}  # nothing was done twice


def test_a_comment_makes_nothing_run_again(fresh: Clone) -> None:
    fresh.edit("src/synthgym/meta/evolve.py", "^    given = .*", r"\g<0>  # a comment")
    fresh.edit("src/synthgym/agents/dqn.py", r'\A"""', '"""Documented. ')
    assert fresh.outdated() == set()


def test_code_of_an_agent_makes_its_jobs_run_again(fresh: Clone) -> None:
    with (fresh.path / "src/synthgym/agents/dqn.py").open("a") as file:
        file.write("\nchanged = True\n")
    in_cartpole = {job for job in CARTPOLE if job.endswith("dqn")} | GRADED
    of_ddqn = MDPS - INSIGHT | SEARCH
    assert fresh.outdated() == ACROBOT | in_cartpole | REPORT | of_ddqn | COMPARED


def test_code_of_a_stage_makes_it_run_again(fresh: Clone) -> None:
    with (fresh.path / "src/synthgym/evaluation/transfer.py").open("a") as file:
        file.write("\nchanged = True\n")
    transfers = {job for job in ACROBOT | CARTPOLE if "/transfer/" in job}
    assert fresh.outdated() == transfers | REPORT


def test_agents_of_another_library_are_left_out_where_it_is_not(fresh: Clone) -> None:
    where = "    clients:\n      cartpole: {agents: [sb3_ppo], environments: [bandit_ppo]}\n"
    fresh.edit("params.yaml", "^    experts:              # name of", rf"{where}\g<0>")
    jobs = {"clients/cartpole/bandit_ppo/sb3_ppo/seed0", "clients/cartpole/real/sb3_ppo"}
    assert fresh.planned("all_clients") == jobs
    if importlib.util.find_spec("stable_baselines3"):
        assert fresh.planned() == jobs | {"summary", "page"}
    else:
        assert fresh.planned() == set()
        assert "`make clients SCALE=smoke` installs it and trains them" in fresh.snakemake("-n")


def test_nonsense_is_refused_in_a_sentence_before_the_first_job(fresh: Clone) -> None:
    fresh.edit_acrobot("meta: {popsize: 6}")
    for program in (["snakemake", "-n"], ["synthgym", "check"]):
        said = run(*program, cwd=fresh.path, fails=True)
        assert f"scales.{SCALE}.tasks.acrobot.meta.popsize: unknown setting" in said
        assert "Traceback" not in said
        assert "in <module>" not in said


def test_a_result_edited_by_hand_is_out_of_date(used: Copy) -> None:
    clone = used()
    with (clone.path / ENVIRONMENT).open("a") as file:
        file.write("by hand\n")
    others = {job for job in ACROBOT_META if "/distilled_dqn/" in job}
    assert clone.outdated() == ACROBOT_META - others


# What else there is to get wrong. Slow: more of the same mechanism.


@pytest.mark.slow
def test_the_whole_plan_is_computed_once_by_dvc(tmp_path: Path) -> None:
    clone = Clone.of_working_tree(tmp_path / "repository").with_fake_stages()
    clone.dvc("repro")
    assert clone.computed() == dict.fromkeys(WHOLE, 3)
    assert clone.stages("status") == set()


@pytest.mark.slow
def test_dvc_refuses_nonsense_too(fresh: Clone) -> None:
    fresh.edit_acrobot("meta: {popsize: 6}")
    said = run("dvc", "repro", cwd=fresh.path, fails=True)
    assert f"scales.{SCALE}.tasks.acrobot.meta.popsize: unknown setting" in said


@pytest.mark.slow
def test_dvc_repro_computes_what_an_edit_changed(fresh: Clone) -> None:
    fresh.edit_acrobot(DRAWS)
    fresh.dvc("repro")
    assert set(fresh.computed()) == ANALYSED
    assert fresh.stages("status") == set()
    assert fresh.planned() == set()


@pytest.mark.slow
@pytest.mark.parametrize("link", ["copy", "hardlink", "symlink"])
def test_any_type_of_link_into_the_cache_will_do(
    published: Clone, tmp_path: Path, link: str
) -> None:
    clone = published.clone(tmp_path / "clone")
    clone.dvc("config", "--local", "cache.type", link)
    clone.dvc("pull", "-q")
    assert clone.planned() == set()
    before = _contents(clone)
    clone.edit_acrobot(POPULATION)
    clone.dvc("repro")
    assert _contents(clone) != before
    clone.git("checkout", "-q", "HEAD", "--", ".")
    clone.dvc("checkout", "-q")
    assert _contents(clone) == before  # not written through the links


@pytest.mark.slow
def test_no_metatraining_where_its_results_are_pulled_later(
    published: Clone, tmp_path: Path
) -> None:
    clone = published.clone(tmp_path / "clone")
    for job in ACROBOT | CARTPOLE:
        if job.endswith("metatrain"):
            clone.dvc("pull", "-q", f"results/{SCALE}/{job}")
    clone.snakemake()
    there = {job for job in ACROBOT | CARTPOLE if job.endswith("metatrain")}
    assert not there & set(clone.computed())
    assert clone.planned() == set()
    clone.dvc("repro")
    assert clone.git("status", "--short") == ""  # the same bytes


@pytest.mark.slow
def test_results_of_another_version_are_never_stale_never_redone(used: Copy) -> None:
    clone = used()
    clone.edit_acrobot(DRAWS)
    clone.dvc("repro")
    clone.commit("more draws")
    clone.git("checkout", "-q", "HEAD~1")
    assert clone.planned() >= TRANSFER  # old parameters and figures, new tables
    clone.dvc("checkout", "-q")
    assert clone.planned() == set()
    assert clone.stages("status") == set()
    clone.git("checkout", "-q", "main")
    clone.dvc("checkout", "-q")
    assert clone.planned() == set()
    assert clone.stages("status") == set()


@pytest.mark.slow
def test_a_new_task_appears_in_both_tools(fresh: Clone) -> None:
    conf = fresh.path / "src/synthgym/conf/task"
    acrobot = (conf / "acrobot.yaml").read_text()
    (conf / "new.yaml").write_text(acrobot.replace("name: acrobot", "name: new"))
    task = r"^      acrobot:\n((?:        .*\n)+?        task: {horizon: 100}\n)"
    fresh.edit("params.yaml", task, r"\g<0>      new:\n\1")
    assert fresh.planned() == {job.replace("acrobot", "new") for job in ACROBOT} | {
        "figures/new",
        "summary",
        "transfer_report",
        "page",
    }
    assert f"{SCALE}@new" in fresh.stages("status")


@pytest.mark.slow
def test_the_same_result_from_other_settings_cuts_off_what_depends_on_it(used: Copy) -> None:
    clone = used()
    clone.edit_acrobot(GENERATIONS)
    assert clone.planned() == ACROBOT_META
    clone.snakemake()
    shown = [job for job in ACROBOT if job.endswith("metatrain")]
    assert clone.computed() == dict.fromkeys([*shown, "page"], 3)  # which shows the settings
    assert clone.planned() == set()


@pytest.mark.slow
def test_a_result_edited_by_hand_is_made_again(used: Copy) -> None:
    clone = used()
    with (clone.path / ENVIRONMENT).open("a") as file:
        file.write("by hand\n")
    clone.snakemake()
    assert clone.computed() == {TRAINED: 3}  # the same again: what depends on it is cut off


@pytest.mark.slow
def test_kill_9_of_dvc_and_snakemake_then_dvc_again(used: Copy) -> None:
    clone = used()
    clone.edit_acrobot(POPULATION)
    dvc = clone.start("dvc", "repro", FAKE_STOP="1")
    clone.wait_for("metatrain 1")
    snakemake = [p for p in descendants(dvc.pid) if "snakemake" in _command(p)]
    for pid in [dvc.pid, *snakemake]:
        _kill(pid)
    dvc.wait()
    clone.go()
    clone.dvc("repro")
    assert set(clone.computed().values()) == {3}
    assert clone.stages("status") == set()


@pytest.mark.slow
def test_two_snakemakes_at_once_do_nothing_twice(used: Copy) -> None:
    clone = used()
    clone.edit_acrobot(POPULATION)
    both = [clone.start("snakemake", "--cores", "2", FAKE_STOP="1") for _ in range(2)]
    clone.wait_for("which does this job already", "log")
    clone.go()
    assert [one.wait(timeout=300) for one in both] == [0, 0]
    assert set(clone.computed().values()) == {3}


@pytest.mark.slow
def test_forced_jobs_compute_again(used: Copy) -> None:
    clone = used()
    clone.snakemake("-f", ENVIRONMENT)
    assert clone.computed() == {TRAINED: 3}
    assert clone.planned() == set()
    clone.snakemake("-R", "behaviour")
    assert all(job.endswith("behaviour") for job in clone.computed())  # the same: cut off


@pytest.mark.slow
def test_code_known_to_be_harmless_can_be_accepted(used: Copy) -> None:
    clone = used()
    with (clone.path / "src/synthgym/core/io.py").open("a") as file:
        file.write("\nchanged = True\n")
    with (clone.path / "src/synthgym/meta/evolve.py").open("a") as file:
        file.write("\nchanged = True\n")
    planned, results = clone.planned(), _contents(clone)
    assert planned >= {job for job in ACROBOT | CARTPOLE if job.endswith("metatrain")}
    accepting = ("--config", "accept_code=true")
    assert clone.planned(*accepting) == {"page"}  # which shows the fingerprints
    assert "results would have the present code adopted" in clone.snakemake("-n", *accepting)
    assert _contents(clone) == results
    assert clone.planned() == planned
    assert "results have the present code adopted" in clone.snakemake(*accepting)
    assert set(clone.computed()) == {"page"}
    assert clone.planned() == set()


@pytest.mark.slow
def test_caches_may_hold_anything_and_files_be_of_any_time(used: Copy) -> None:
    clone = used()
    caches = [path for path in (clone.path / "work").rglob("*.json") if path.is_file()]
    assert {"compositions.json", "modules.json", "spec.json"} <= {path.name for path in caches}
    junk = (b"", b"[1]", b"5", b"\xff\xfe{\0}\0", b"[" * 100_000, b'{"content": {}, "sha256": "0"}')
    for number, path in enumerate(caches):
        path.write_bytes(junk[number % len(junk)])
    assert clone.planned() == set()
    for path in [*(clone.path / "work").rglob("*"), *(clone.path / "results").rglob("*")]:
        os.utime(path, (4e9, 4e9), follow_symlinks=False)
    assert clone.planned() == set()
    clone.edit_acrobot(DRAWS)
    clone.snakemake()
    assert set(clone.computed()) == ANALYSED
    assert clone.planned() == set()


@pytest.mark.slow
def test_an_experiment_of_dvc_computes_what_it_changes(used: Copy) -> None:
    clone = used()
    clone.dvc("exp", "run", "-S", f"scales.{SCALE}.tasks.acrobot.task.horizon=50")
    assert set(clone.computed()) == ACROBOT | OF_ACROBOT
    assert clone.stages("status") == set()


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except FileNotFoundError:
        return ""


def _contents(clone: Clone) -> dict[str, bytes]:
    results = clone.path / "results"
    return {str(p.relative_to(results)): p.read_bytes() for p in results.rglob("*") if p.is_file()}


ODD = "it's a $(touch RAN) `touch RAN` {x} [y] größe & ; #"


def test_the_name_of_a_folder_is_never_executed_nor_in_the_way(
    pulled: Clone, tmp_path: Path
) -> None:
    clone = pulled.copy(tmp_path / ODD)
    clone.snakemake("-f", f"results/{SCALE}/tasks/cartpole/real/ppo/manifest.json")
    assert set(clone.computed()) == {"tasks/cartpole/real/ppo"}
    assert list(tmp_path.rglob("RAN*")) == []
