"""Everything of a scale is on its page, says where it is from, and can do no harm."""

import re
import shutil
from base64 import b64encode
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import pages
from synthgym.analysis import choices
from synthgym.analysis.page import origins, text
from synthgym.analysis.transfer_text import IN_SHORT
from synthgym.core.io import read_json, write_json
from synthgym.jobs.provenance import digest

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


class Reader(HTMLParser):
    """Elements with what they contain: (tag, attributes, text inside)."""

    VOID = ("meta", "link", "img")

    def __init__(self, html: str):
        super().__init__()
        self.open: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(html)
        assert not self.open, "an element is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.VOID:
            self.found.append((tag, dict(attrs), ""))
        else:
            self.open.append((tag, dict(attrs), []))

    def handle_data(self, data: str) -> None:
        for _, _, inside in self.open:
            inside.append(data)

    def handle_endtag(self, tag: str) -> None:
        name, attributes, inside = self.open.pop()
        assert name == tag, f"{name} is closed by {tag}"
        self.found.append((tag, attributes, " ".join("".join(inside).split())))

    def all(self, tag: str, **attributes: str) -> list[tuple[dict[str, str | None], str]]:
        """Attributes and text of the elements that have these attributes, in the order they end."""
        return [
            (there, inside)
            for name, there, inside in self.found
            if name == tag and attributes.items() <= there.items()
        ]


@pytest.fixture(scope="module")
def made(results_of: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Results of one task, CartPole: where they are, and what a page is made from there."""
    place = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        return place, *pages.make([results_of("one environment").world])


@pytest.fixture
def given(made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A copy of them, in the working directory: the configuration and inputs of the stage."""
    place, config, inputs = made
    shutil.copytree(place / "results", tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    return config, {name: list(paths) for name, paths in inputs.items()}


def rows(reader: Reader) -> list[str]:
    return [inside for _, inside in reader.all("tr")]


def test_every_figure_is_there_with_a_title_and_its_caption(given: Any) -> None:
    reader = Reader(pages.html(*given))
    drawn = pages.of(given[1], ".png")
    shown = {there["src"]: there for there, _ in reader.all("img")}
    for path in drawn:
        source = f"data:image/png;base64,{b64encode(path.read_bytes()).decode()}"
        assert (shown[source]["width"], shown[source]["height"]) == ("60", "40")
        assert shown[source]["alt"]
    figures = reader.all("figure")
    assert len(figures) == len(shown) == len(drawn)
    captions = [inside for _, inside in reader.all("figcaption")]
    assert len(captions) == len(figures)
    of_tasks = {path.stem for path in drawn} | {"experts"}  # other reports: not here
    for path in given[1]["captions"]:
        if path.stem in of_tasks:
            first = re.split(r"\{\{", path.read_text())[0].replace("``", "")
            assert any(caption.startswith(" ".join(first.split())) for caption in captions), path


def test_the_headline_numbers_are_those_of_the_summary(given: Any) -> None:
    reader = Reader(pages.html(*given))
    numbers = read_json(pages.RESULTS / "summary.json")["transfer"]["cartpole"]
    for environment in ("real", "bandit_ppo"):
        for cell in numbers[environment].values():
            value, interval = f"{cell['iqm']:,.1f}", f"[{cell['low']:,.1f}, {cell['high']:,.1f}]"
            dagger = " †" if cell.get("unseen") else ""
            assert any(f"{value} {interval}{dagger}" in row for row in rows(reader))
            solved = cell["iqm"] >= 475.0
            assert bool([1 for _, inside in reader.all("strong") if inside == value]) == solved
    assert any("published" in row and "498.7" in row for row in rows(reader))


def test_agents_of_another_library_are_shown_and_can_be_chosen(given: Any) -> None:
    config, inputs = given
    numbers = read_json(pages.RESULTS / "summary.json")
    cell = {**numbers["transfer"]["cartpole"]["bandit_ppo"]["ppo"], "iqm": 431.7, "n": 5}
    cell |= {"environments": 1, "unseen": True}
    numbers["clients"]["cartpole"] = {"bandit_ppo": {"sb3_a2c": cell}}
    pages.resummarise(numbers)
    place = pages.RESULTS / "clients/cartpole/bandit_ppo/sb3_a2c/seed0"
    about = {"seed": 0, "task": config["tasks"]["cartpole"], "clients": {"agent": "sb3_a2c"}}
    write_json(
        place / "manifest.json",
        {"stage": "clients", "config": about, "code": "2" * 16, "inputs": {}},
    )
    inputs["manifests"].append(place / "manifest.json")
    of_summary = read_json(pages.RESULTS / "manifest.json")
    of_summary["inputs"][str(place / "curves.parquet")] = "0" * 64
    write_json(pages.RESULTS / "manifest.json", of_summary)
    reader = Reader(pages.html(config, inputs))
    (line,) = [row for row in rows(reader) if row.startswith("clients")]
    assert line.startswith(f"clients bandit_ppo sb3_a2c 0 {'2' * 16}")
    assert any("431.7" in row and row.endswith("†") for row in rows(reader))
    columns = [there for there, inside in reader.all("th") if inside == "sb3_a2c"]
    assert columns[0]["data-agent"] == "sb3_a2c"
    assert [inside for _, inside in reader.all("h3")].count("Agents of another library") == 1


def test_the_page_begins_with_the_message_of_transfer(given: Any) -> None:
    config, inputs = given
    place = pages.RESULTS / "transfer_report"
    about = {"stage": "transfer_report", "config": {}, "code": "4" * 16}
    write_json(place / "manifest.json", about)
    claims = "| claim | verdict |\n|:--|:--|\n| a | holds |\n| b | undecided |\n| c | holds |"
    parts = ["# Transfer", f"## {IN_SHORT}", "One.", "Two.", "## Claims", claims]
    (place / "table.md").write_text("\n\n".join(parts), "utf-8")
    overview, other = (
        pages.picture(place / f"{name}.png") for name in ("overview", "transfer_profiles")
    )
    inputs["reports"] += [place / "table.md", overview, other]
    inputs["manifests"].append(place / "manifest.json")
    reader = Reader(pages.html(config, inputs))
    ((_, header),) = reader.all("header")
    assert "One. Two. How far agents come" in header
    assert [inside for _, inside in reader.all("h3")].count(IN_SHORT) == 0
    figures = [there["id"] for there, _ in reader.all("figure")]
    assert figures[0] == "figure-overview"
    assert figures.count("figure-overview") == figures.count("figure-transfer_profiles") == 1
    ((_, chapter),) = reader.all("details", id="transfer_report")
    assert chapter.startswith("Transfer claims: holds: 2, undecided: 1")


def test_everything_else_is_folded(given: Any) -> None:
    reader = Reader(pages.html(*given))
    folded = [there for there, _ in reader.all("details")]
    assert not [there for there in folded if "open" in there]
    ((_, main),) = reader.all("main")
    chapters = [
        inside for there, inside in reader.all("details") if there.get("class") == "chapter"
    ]
    assert main == " ".join(chapters)


def test_hostile_names_stay_words(
    results_of: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    html = pages.html(*pages.make([results_of("one environment").world], id=HOSTILE))
    reader = Reader(html)
    assert len(reader.all("script")) == 1
    assert all(there["src"].startswith("data:") for there, _ in reader.all("img") if there["src"])
    assert [inside for _, inside in reader.all("h2")][1] == HOSTILE
    for _, attributes, _ in reader.found:
        assert not [name for name in attributes if name.startswith("on")]


def test_nothing_is_fetched_from_anywhere(given: Any) -> None:
    html = pages.html(*given)
    addresses = re.findall(r"""(?:src|href|action)=["']?([^"' >]{1,30})|url\(([^)]{1,30})""", html)
    assert {"".join(address)[0:5].split(":")[0][0] for address in addresses} == {"#", "d"}
    assert "http" not in re.sub(r'http-equiv="Content-Security-Policy"', "", html)
    (policy,) = [there for there, _ in Reader(html).all("meta") if "http-equiv" in there]
    assert str(policy["content"]).startswith("default-src 'none';")


def test_every_link_leads_to_something_that_is_there_once(given: Any) -> None:
    reader = Reader(pages.html(*given))
    ids = [there["id"] for _, there, _ in reader.found if "id" in there]
    assert len(ids) == len(set(ids))
    links = {str(there["href"]) for there, _ in reader.all("a")}
    assert len(links) > 15
    assert {link.removeprefix("#") for link in links} <= set(ids)
    labels = {
        there["aria-labelledby"] for _, there, _ in reader.found if "aria-labelledby" in there
    }
    assert labels <= set(ids)


def test_without_its_script_everything_is_shown_but_the_choice(given: Any) -> None:
    reader = Reader(pages.html(*given))
    hidden = {(tag, there.get("class")) for tag, there, _ in reader.found if "hidden" in there}
    assert hidden == {("form", None)}


def test_each_job_is_there_with_code_configuration_environment_and_software(given: Any) -> None:
    reader = Reader(pages.html(*given))
    for path in given[1]["manifests"]:
        manifest = read_json(path)
        line = [row for row in rows(reader) if row.startswith(manifest["stage"])]
        assert any(manifest["code"] in row for row in line), path
    made = pages.CHECKSUM["cartpole"]
    checksums = [there["title"] for there, _ in reader.all("code") if "title" in there]
    assert checksums == [made] * 3  # the meta-training, and the transfer of two agents
    assert {row.split()[1] for row in rows(reader) if made[:12] in row} == {"bandit_ppo"}
    about = [there for there, inside in reader.all("tr") if inside.startswith("metatrain")]
    assert about == [{"data-task": "cartpole"}]  # whichever agent is chosen
    assert '{ "draws": 20 }' in [inside for _, inside in reader.all("pre")]
    configured = [
        inside for there, inside in reader.all("summary") if inside.startswith("task cart")
    ]
    assert len(configured) == len(set(configured)) == 1  # all jobs have the same
    said = [inside for _, inside in reader.all("p")]
    assert "jax 0.1.2, xla_cpu_enable_fast_math true." in said
    assert not any("sets of versions and flags" in inside for inside in said)


def test_results_of_other_software_are_told_apart(given: Any) -> None:
    path = next(path for path in given[1]["manifests"] if read_json(path)["stage"] == "metatrain")
    manifest = read_json(path)
    del manifest["flags"]
    write_json(path, manifest)
    said = [inside for _, inside in Reader(pages.html(*given)).all("p")]
    assert {"jax 0.1.2, flags not noted.", "jax 0.1.2, xla_cpu_enable_fast_math true."} < {*said}
    assert any("computed with 2 sets of versions and flags" in inside for inside in said)


def test_jobs_that_differ_by_their_seed_are_one_line(
    results_of: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _, inputs = pages.make([results_of("five environments").world])
    of = origins.read(inputs["manifests"])
    (entry,) = [e for e in of.entries if (e.stage, e.environment) == ("metatrain", "mdp_ppo")]
    assert (entry.seeds, entry.code) == ([0, 1], digest("metatrain"))
    assert entry.place == "results/quick/tasks/cartpole/mdp_ppo/seed*/metatrain"
    other = pages.RESULTS / "tasks/cartpole/mdp_ppo/seed1/metatrain/manifest.json"
    write_json(other, {**read_json(other), "code": "0" * 16})
    apart = origins.read(inputs["manifests"])
    assert len(apart.entries) == len(of.entries) + 1
    assert apart.at(other.parent).code == "0" * 16


def test_what_is_missing_is_said(given: Any) -> None:
    config, inputs = given
    html = pages.html(config, {**inputs, "reports": pages.of(inputs, "summary.")})
    (missing,) = re.findall(r"Not computed at this scale: (.*)\.", html)
    assert {"experts", "distillation", "objectives", "score transforms"} <= set(missing.split(", "))
    assert "No figures of this task are among the results." in html
    assert "<figure" not in html
    html = pages.html(config, inputs)
    assert "No figures" not in html
    assert "experts" not in re.findall(r"Not computed at this scale: (.*)\.", html)[0].split(", ")


def test_each_job_is_listed_once_with_its_task_or_report(given: Any) -> None:
    reader = Reader(pages.html(*given))
    places = [row.split(" ")[-1] for row in rows(reader) if "results/" in row]
    assert len(places) == len(set(places)) + 1  # the summary: with all tasks, and by itself
    listed = {there["id"]: inside for there, inside in reader.all("details") if "id" in there}
    assert "results/quick/figures/cartpole" in listed["provenance-task-cartpole"]
    assert "results/quick/experts/cartpole/es" in listed["provenance-expert_report"]


def test_adopted_results_say_by_which_code_they_were_computed(given: Any) -> None:
    path = pages.RESULTS / "figures/cartpole/manifest.json"
    adopted = [{"code": "3" * 16, "commit": "abcdef0123456789", "date": "2024-05-06"}]
    write_json(path, {**read_json(path), "adopted": adopted})
    reader = Reader(pages.html(*given))
    words = f"{digest('figures')}, computed by the code of abcdef012345, adopted on 2024-05-06"
    captions = [inside for _, inside in reader.all("figcaption") if words in inside]
    assert len(captions) == len(pages.of(given[1], "figures/"))
    assert any(words in row for row in rows(reader) if row.startswith("figures"))


def test_a_task_without_a_reward_surface_has_no_figure_of_one(given: Any) -> None:
    config, inputs = given
    section = {**config["tasks"]["cartpole"], "surface": []}
    html = pages.html({**config, "tasks": {"cartpole": section}}, inputs)
    assert "It names no two observations to draw rewards over." in html
    assert html.count("<figure ") == pages.html(config, inputs).count("<figure ") - 1
    assert 'id="figure-cartpole-reward_surface"' not in html


def test_the_same_results_in_any_order_give_the_same_bytes(given: Any) -> None:
    config, inputs = given
    once = pages.html(config, inputs)
    backwards = {name: list(reversed(paths)) for name, paths in inputs.items()}
    assert pages.html(config, backwards, Path("again")) == once


def test_choices_are_a_table_per_task_and_agent(given: Any) -> None:
    config, inputs = given
    place = pages.RESULTS / "choice_report"
    cell = {"iqm": 493.2, "low": 400.0, "high": 500.0, "mean": 470.0, "n": 20, "teacher": 500.0}
    fewest = {"smallest": 16, "and_all_larger": None}
    numbers = {
        "about": {"scale": "quick", "level": 0.95},
        "choices": {"cartpole": {"ppo": {"noise": {"0.5": cell}}, "dqn": {"noise": {"1.0": cell}}}},
        "fewest": {"cartpole": {"ppo": fewest, "dqn": fewest}},
    }
    write_json(place / "manifest.json", {"stage": "choice_report", "config": {}, "code": "1" * 16})
    (place / "table.md").write_text(choices.markdown(numbers, config["tasks"]), "utf-8")
    inputs["reports"].append(place / "table.md")
    inputs["manifests"].append(place / "manifest.json")
    reader = Reader(pages.html(config, inputs))
    for agent, value in (("ppo", "0.5"), ("dqn", "1.0")):
        about = {"data-task": "cartpole", "data-agent": agent, "class": "part"}
        ((_, part),) = reader.all("section", **about)
        assert part.startswith(f"CartPole-v1, {agent}")
        assert f"context noise (sd) {value} 493.2 [400.0, 500.0] 470.0 20 500.0" in part
        assert "16; such that it does in all larger ones too: none." in part


def test_a_figure_without_caption_or_title_is_refused(given: Any) -> None:
    config, inputs = given
    without = [path for path in inputs["captions"] if path.stem != "returns"]
    with pytest.raises(ValueError, match=r"returns has no caption: write workflow/report/returns"):
        pages.html(config, {**inputs, "captions": without})
    old = pages.of(inputs, "figures/")[0]
    new = old.rename(old.with_name("new.png"))
    with pytest.raises(ValueError, match=r"new\.png is a figure without a title"):
        pages.html(config, {**inputs, "reports": [*pages.of(inputs, "summary."), new]})


@pytest.mark.parametrize("content", ["{", "[]", '{"stage": "transfer"}'])
def test_a_broken_manifest_is_named(given: Any, content: str) -> None:
    path = given[1]["manifests"][3]
    path.write_text(content)
    with pytest.raises(ValueError, match=f"{path} is no manifest: remove"):
        pages.html(*given)


def test_a_figure_whose_job_is_not_among_the_manifests_is_refused(given: Any) -> None:
    config, inputs = given
    manifests = [path for path in inputs["manifests"] if "figures" not in path.parts]
    with pytest.raises(ValueError, match=r"figures/cartpole has no manifest\.json among"):
        pages.html(config, {**inputs, "manifests": manifests})


def test_captions_are_paragraphs_with_literals_and_emphasis() -> None:
    caption = text.caption(
        "Of {{ snakemake.wildcards.task }}, ``a_b``\nand *so*.\n\nAnd.", task="t"
    )
    assert caption == [
        [("text", "Of t, "), ("code", "a_b"), ("text", " and "), ("em", "so"), ("text", ".")],
        [("text", "And.")],
    ]


@pytest.mark.parametrize(
    "more", [".. image:: a.png", "Title\n=====", "a `link`_", ":math:`x`", "|name|", "- item"]
)
def test_more_than_that_in_a_caption_is_refused(more: str) -> None:
    with pytest.raises(ValueError, match="Captions in workflow/report/ are paragraphs"):
        text.caption(f"Words.\n\n{more}")


def test_a_caption_that_asks_for_another_wildcard_is_refused() -> None:
    with pytest.raises(ValueError, match=r"asks for more: .*'agent'"):
        text.caption("Of {{ snakemake.wildcards.agent }}.", task="t")


def test_a_name_with_a_bar_does_not_shift_a_table() -> None:
    with pytest.raises(ValueError, match="a row of 3 cells below 2 headings"):
        text.blocks("| a | b |\n|:--|:--|\n| 1 | 2|3 |")


def test_stars_that_mark_nothing_stay() -> None:
    words = text.pieces("better *, where (*) and **1.0** [0.5, 2.0] *x*")
    assert words == [
        ("text", "better *, where (*) and "),
        ("strong", "1.0"),
        ("text", " "),
        ("interval", "[0.5, 2.0]"),
        ("text", " "),
        ("em", "x"),
    ]
