"""The table of conformance: of the zoo as it is, and it says what fails."""

from xml.etree import ElementTree as ET

import conformance
from synthgym import zoo

ENVIRONMENTS = [(name, variant) for name in zoo.names() for variant in zoo.variants(name)]


def test_each_environment_has_a_row_and_passes() -> None:
    text = conformance.TABLE.read_text()
    assert text.startswith(conformance.TEXT)
    lines = text.splitlines()
    header, _, *rows = [line.strip("|").split("|") for line in lines if line.startswith("|")]
    assert [name.strip() for name in header[2:]] == list(conformance.COLUMNS)
    assert [(row[0].strip(), row[1].strip()) for row in rows] == ENVIRONMENTS
    assert [row for row in rows if any(" of " in value for value in row)] == []
    tests = (conformance.ROOT / conformance.TESTS).read_text()
    assert [test for test in conformance.COLUMNS.values() if f"def {test}(" not in tests] == []


def test_a_case_that_fails_or_is_missing_is_said() -> None:
    name, variant = ENVIRONMENTS[0]
    (test,) = (x for x in conformance.COLUMNS.values() if "copy" in x)
    passed, failed, other = (
        ET.Element("testcase", name=f"{test}[{way}-{name}-{which}]")
        for way, which in (("deepcopy", variant), ("pickle", variant), ("pickle", f"un{variant}"))
    )
    ET.SubElement(failed, "failure")
    ET.SubElement(other, "failure")
    copies = 2 + list(conformance.COLUMNS).index("copies")
    assert conformance.table([passed, failed, other])[0][copies] == "1 of 2"
    assert conformance.table([passed, other])[0][copies:] == ["✓", "0 of 0", "0 of 0"]
