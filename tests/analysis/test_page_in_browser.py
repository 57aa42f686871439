"""The page of results in a real browser without a network: it shows everything, at any width.

Needs Chromium and its driver (Debian: chromium, chromium-driver). Screenshots, to be looked at, are
left in .pytest_cache/page/. PAGE=<file> opens that one, such as results/standard/page/report.html.
"""

import os
import shutil
from base64 import b64decode
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService, Keys
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.support.ui import WebDriverWait

import pages
from synthgym.core.io import read_json

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
DRIVER = shutil.which("chromedriver")
PHONE, DESKTOP = (390, 844), (1280, 900)
pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER),
    reason="no Chromium with its driver (Debian: apt install chromium chromium-driver)",
)
VISIBLE = "return [...document.querySelectorAll(arguments[0])].filter((e) => e.checkVisibility())"
TO_FILTERS = "document.querySelector('[name=task]').focus()"
UNFOLD = "for (const part of document.querySelectorAll('details')) part.open = true"
EMPTY = """
return [...document.querySelectorAll("main table")].filter((table) => table.checkVisibility())
  .filter((table) => ![...table.tBodies[0].rows].some((row) => !row.hidden && [...row.cells]
    .slice(1).some((cell) => !cell.hidden && cell.textContent.trim() !== "")))
  .map((table) => table.closest("details").id)
"""


@pytest.fixture(scope="module")
def page(results_of: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with two tasks, on which PPO and DQN are judged; of the experts, ES is one."""
    if "PAGE" in os.environ:
        return Path(os.environ["PAGE"]).resolve()
    place = tmp_path_factory.mktemp("page")
    names = ("one environment", "negative returns, six dimensions, three actions")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        given = pages.make([results_of(name).world for name in names])
        numbers = read_json(pages.RESULTS / "summary.json")
        cell = {**numbers["transfer"]["cartpole"]["bandit_ppo"]["ppo"], "environments": 1}
        numbers["clients"]["cartpole"] = {"bandit_ppo": {"sb3_a2c": cell}}  # in a table of its own
        pages.resummarise(numbers)
        pages.html(*given)
    return place / "page/report.html"


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = BROWSER
    root = ["--no-sandbox"] if os.geteuid() == 0 else []  # it has no sandbox for root
    for word in ("--headless=new", "--disable-gpu", "--hide-scrollbars", *root):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "localhost,127.0.0.1")  # where the driver is
        browser = Chrome(options=options, service=ChromeService(DRIVER))
        yield browser
        browser.quit()


@pytest.fixture
def opened(driver: Chrome, page: Path) -> Callable[..., Chrome]:
    """Opens the page without a network: at a size, with words after the #, in a colour scheme."""

    def open_at(size: tuple[int, int] = DESKTOP, hash_: str = "", scheme: str = "light") -> Chrome:
        width, height = size
        mobile = size == PHONE
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        driver.execute_cdp_cmd("Network.enable", {})
        offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
        driver.get("about:blank")
        driver.get_log("browser")  # what came before
        driver.get(page.as_uri() + (f"#{hash_}" if hash_ else ""))
        ready = "return document.readyState == 'complete'"
        WebDriverWait(driver, 20).until(lambda browser: browser.execute_script(ready))
        return driver

    return open_at


def shoot(driver: Chrome, name: str, height: int = 4000) -> None:
    """A screenshot of the top of the page, in .pytest_cache/page/."""
    width, full = driver.execute_script(
        "return [innerWidth, document.documentElement.scrollHeight]"
    )
    clip = {"x": 0, "y": 0, "width": width, "height": min(full, height), "scale": 1}
    shot = driver.execute_cdp_cmd(
        "Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip}
    )
    path = pages.ROOT / ".pytest_cache/page" / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b64decode(shot["data"]))


def shown(driver: Chrome, selector: str) -> list[str]:
    """The text of what can be seen."""
    return [element.text for element in driver.execute_script(VISIBLE, selector)]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_figures_load_without_an_error_or_a_request(
    opened: Callable[..., Chrome], size: tuple[int, int], scheme: str
) -> None:
    driver = opened(size, scheme=scheme)
    widths = driver.execute_script("return [...document.images].map((image) => image.naturalWidth)")
    assert len(widths) > 10
    assert min(widths) > 0
    assert driver.get_log("browser") == []
    fetched = driver.execute_script("return performance.getEntriesByType('resource')")
    assert [one["name"] for one in fetched if not one["name"].startswith("data:")] == []
    shoot(driver, f"{'phone' if size == PHONE else 'desktop'}-{scheme}")


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_but_tables_and_figures_scrolls_sideways(
    opened: Callable[..., Chrome], width: int
) -> None:
    driver = opened((width, 844))
    for script in ("", UNFOLD):
        driver.execute_script(script)
        assert driver.execute_script("return document.documentElement.scrollWidth") == width


def test_tables_scroll_in_their_own_place_by_keyboard(opened: Callable[..., Chrome]) -> None:
    driver = opened(PHONE)
    driver.execute_script(UNFOLD)
    wide = "[...document.querySelectorAll('.scroll')].find((e) => e.scrollWidth > e.clientWidth)"
    place = driver.execute_script(f"return {wide}")
    driver.execute_script("arguments[0].focus()", place)
    assert driver.switch_to.active_element == place
    ActionChains(driver).send_keys(Keys.ARROW_RIGHT).perform()
    moved = "return arguments[0].scrollLeft > 0"
    WebDriverWait(driver, 20).until(lambda browser: browser.execute_script(moved, place))


def test_a_task_and_an_agent_are_chosen_by_keyboard_and_kept_in_the_address(
    opened: Callable[..., Chrome],
) -> None:
    driver = opened()
    everything = shown(driver, "main h2")
    assert {"Acrobot-v1", "CartPole-v1"} <= set(everything)
    driver.execute_script(TO_FILTERS)
    ActionChains(driver).send_keys("CartPole", Keys.TAB, "ppo").perform()
    assert driver.execute_script("return location.hash") == "#task=cartpole&agent=ppo"
    assert shown(driver, "main h2") == [name for name in everything if name != "Acrobot-v1"]
    assert "Acrobot-v1" not in " ".join(shown(driver, "nav a"))
    assert shown(driver, "#task-cartpole .part thead th")[:2] == ["trained in", "ppo"]
    assert "dqn" not in " ".join(shown(driver, "#task-cartpole .part thead th"))
    assert "Shown: CartPole-v1, ppo." in shown(driver, "[role=status]")[0]
    again = opened(hash_="task=cartpole&agent=ppo")
    assert "Acrobot-v1" not in shown(again, "main h2")
    again.execute_script(TO_FILTERS)
    ActionChains(again).send_keys(Keys.TAB, Keys.TAB, Keys.ENTER).perform()  # Show all
    WebDriverWait(again, 20).until(lambda browser: shown(browser, "main h2") == everything)
    assert again.execute_script("return location.hash") == ""


def test_a_choice_leaves_no_empty_table(opened: Callable[..., Chrome]) -> None:
    driver = opened(hash_="task=cartpole&agent=es")  # an expert, judged in no environment
    driver.execute_script(UNFOLD)
    assert "CartPole-v1" not in shown(driver, "main h2")
    assert len(shown(driver, "#expert_report .part tbody tr")) == 1
    driver = opened(hash_="agent=sb3_a2c")  # the other way round
    driver.execute_script(UNFOLD)
    assert "CartPole-v1" in shown(driver, "main h2")
    assert shown(driver, "#expert_report .part") == []  # a figure about all is left
    choices = [
        driver.execute_script(f"return [...document.querySelector('[name={kind}]').options]")
        for kind in ("task", "agent")
    ]
    names = [[option.get_attribute("value") for option in options] for options in choices]
    for task, agent in product(*names):
        driver.execute_script(f"location.hash = 'task={task}&agent={agent}'")
        driver.execute_script("dispatchEvent(new HashChangeEvent('hashchange'))")
        assert driver.execute_script(EMPTY) == [], (task, agent)


def test_little_is_to_be_scrolled_before_anything_is_unfolded(
    opened: Callable[..., Chrome],
) -> None:
    for size in (DESKTOP, PHONE):
        driver = opened(size)
        height = driver.execute_script("return document.documentElement.scrollHeight")
        assert height < 20 * size[1]


def test_an_address_with_unknown_names_shows_everything(opened: Callable[..., Chrome]) -> None:
    driver = opened(hash_="task=nonsense&agent=nobody")
    assert {"Acrobot-v1", "CartPole-v1"} <= set(shown(driver, "main h2"))
    assert driver.get_log("browser") == []


def test_links_open_what_they_lead_to(opened: Callable[..., Chrome]) -> None:
    driver = opened()
    link = driver.execute_script("return document.querySelector('main figure .from a')")
    driver.execute_script("arguments[0].click()", link)
    target = link.get_attribute("hash").lstrip("#")
    is_open = f"return document.getElementById('{target}').open"
    WebDriverWait(driver, 20).until(lambda browser: browser.execute_script(is_open))
    config = driver.execute_script(
        f"return document.querySelector('#{target} td a[href^=\"#config\"]')"
    )
    driver.execute_script("arguments[0].click()", config)
    hash_ = config.get_attribute("hash")
    script = f"return document.querySelector('{hash_} pre').checkVisibility()"
    WebDriverWait(driver, 20).until(lambda browser: browser.execute_script(script))


def test_without_scripts_everything_is_shown(opened: Callable[..., Chrome]) -> None:
    driver = opened()
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        driver.refresh()
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
        assert {"Acrobot-v1", "CartPole-v1"} <= set(shown(driver, "main h2"))
        assert shown(driver, "#filters") == []
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_their_ground(opened: Callable[..., Chrome], scheme: str) -> None:
    """Contrast of at least 4.5, as WCAG 2 asks at level AA."""
    driver = opened(scheme=scheme)
    pairs = driver.execute_script(
        """
        const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
        const ground = (element) => {
          for (let e = element; e; e = e.parentElement) {
            const colour = numbers(getComputedStyle(e).backgroundColor);
            if (colour.length == 3 || colour[3] == 1) return colour.slice(0, 3);
          }
          return [255, 255, 255];
        };
        const seen = new Map();
        for (const e of document.querySelectorAll("body *")) {
          const own = [...e.childNodes].some((n) => n.nodeType == 3 && n.textContent.trim());
          if (!own || !e.checkVisibility()) continue;
          const pair = [numbers(getComputedStyle(e).color).slice(0, 3), ground(e)];
          seen.set(JSON.stringify(pair), pair);
        }
        return [...seen.values()];
        """
    )
    assert len(pairs) >= 3
    for words, ground in pairs:
        light, dark = sorted([luminance(words), luminance(ground)], reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (words, ground)


def luminance(colour: list[float]) -> float:
    """Relative, as WCAG 2 defines it, of red, green, blue up to 255."""
    parts = [c / 255 for c in colour]
    r, g, b = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
