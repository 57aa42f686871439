"""`make conformance`: what each environment of the zoo passes of what Gymnasium's tasks do.

Into docs/conformance.md, from a run of tests/adapters/test_conformance.py.
"""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree as ET

from tabulate import tabulate

from synthgym import zoo

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "docs" / "conformance.md"
TESTS = "tests/adapters/test_conformance.py"
COLUMNS = {  # the test of each
    "wrappers": "test_wrappers_that_work_with_the_real_tasks_work_here",
    "of vectors": "test_wrappers_that_work_with_vectors_of_the_real_tasks_work_here",
    "spaces": "test_what_comes_out_is_in_the_declared_spaces_and_belongs_to_the_caller",
    "copies": "test_a_copy_goes_on_as_the_original",
    "autoreset": "test_a_vector_of_its_own_says_when_episodes_end_as_gymnasiums_vectors",
    "actions": "test_actions_that_the_real_tasks_refuse_are_refused",
}
TEXT = f"""# Conformance

What works with Gymnasium's own tasks works with each environment of the zoo. A number is how many
were tried and pass; where some do not, it says so: 2 of 3.

- *wrappers*, *of vectors*: those of `gymnasium.wrappers` and `gymnasium.wrappers.vector` that work
  with Gymnasium's CartPole (with Pendulum, where actions are continuous). Two need bounds of
  observations, and some need pictures; they count where there are such.
- *spaces*: what reset and step return is float32, in the declared spaces, and the caller's own.
- *copies*: by deepcopy, pickle and cloudpickle; a copy goes on as the original.
- *autoreset*: modes in which a vector says when episodes end as Gymnasium's vectors.
- *actions*: invalid ones are refused, valid ones of other types taken.

`make conformance` writes this page, from `{TESTS}`. Stable-Baselines3,
sb3-contrib, rejax, Tianshou and PyTorch alone train here by scripts of ten lines or fewer, in
`tests/adapters/clients/`.
"""


def table(cases: Iterable[ET.Element]) -> list[list[str]]:
    """A row for each environment, of the test cases of a JUnit report."""
    cases, rows = list(cases), []
    for name in zoo.names():
        for variant in zoo.variants(name):
            one = [case for case in cases if _is_of(case, f"{name}-{variant}")]
            passed = [
                cell([case for case in one if case.get("name", "").startswith(f"{test}[")])
                for test in COLUMNS.values()
            ]
            rows.append([name, variant, *passed])
    return rows


def cell(cases: list[ET.Element]) -> str:
    """How many pass: what a test says that it tried, or cases."""
    failed = sum(bool({"failure", "error", "skipped"} & {x.tag for x in case}) for case in cases)
    if failed or not cases:
        return f"{len(cases) - failed} of {len(cases)}"
    tried = [int(x.get("value", "")) for case in cases for x in case.iter("property")]
    number = sum(tried) or len(cases)
    return f"{number}" if number > 1 else "✓"


def _is_of(case: ET.Element, environment: str) -> bool:
    return case.get("name", "").endswith((f"[{environment}]", f"-{environment}]"))


def main() -> int:
    """Run the tests, write the page; the status of pytest."""
    with TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        options = ["-q", "-m", "slow or not slow", f"--junitxml={report}", *sys.argv[1:]]
        done = subprocess.run([sys.executable, "-m", "pytest", TESTS, *options], cwd=ROOT)
        cases = ET.parse(report).iter("testcase")
    header = ["environment", "variant", *COLUMNS]
    TABLE.write_text(f"{TEXT}\n{tabulate(table(cases), header, tablefmt='pipe')}\n")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
