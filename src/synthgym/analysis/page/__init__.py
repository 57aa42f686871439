"""Page of results to look at: one HTML file per scale, readable without a network or a script.

Tables and figures are those of the reports, captions those of workflow/report/. Where each comes
from is read from the manifests.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2

from synthgym.analysis.page.content import Content
from synthgym.core.io import atomic


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write report.html into `out`; the same content gives the same bytes.

    inputs: `reports`, numbers and text of the summary, text and figures of all other reports that
    there are; `manifests` of all jobs behind these; `captions`; `design`, the template with its
    style and script. Raises ValueError if one is not what it should be, or a figure has no caption.
    """
    given = {name: sorted(paths) for name, paths in inputs.items()}
    content = Content(config, given)
    design = {path.name: path.read_text("utf-8") for path in given["design"]}
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    html = environment.from_string(design["page.html"]).render(
        style=design["page.css"], script=design["page.js"], page=content
    )
    with atomic(out / "report.html") as path:
        path.write_text(html, encoding="utf-8")
    return ["report.html"]
