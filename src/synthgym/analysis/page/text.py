"""Sentences and tables of our Markdown and captions, in pieces for a template to escape.

A small part of both, and no more: what is not known here is refused, or stays as it is written.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import jinja2

INLINE = re.compile(
    r"``(?P<literal>[^`]+)``|`(?P<code>[^`]+)`"
    r"|\*\*(?P<strong>[^*\s][^*]*)\*\*|\*(?P<em>\w[^*]*)\*(?!\w)"
    r"|(?P<interval>\[[^\]]*\d[^\]]*\])"
)
NUMBER = re.compile(r"|-|-?[\d,.]+( \([^)]*\)| of \d+)?|(-?[\d,.]+ )?\[.*\]")
FIRST = tuple("-0123456789")  # of a number with its interval
WIDE = 24  # characters
MORE_THAN_A_CAPTION = re.compile(r"(?m)^\.\. |^([=\-~^\"*#])\1{2,}$|`_|:\w+:`|\|\w+\||^\s*[-*] ")


class Piece(NamedTuple):
    """Some words, and what they are: text, code, strong, em, or an interval of numbers."""

    kind: str
    text: str


@dataclass(frozen=True)
class Heading:
    """The title of what follows; the first level is 1."""

    level: int
    words: list[Piece]


@dataclass(frozen=True)
class Paragraph:
    """Sentences."""

    words: list[Piece]


@dataclass(frozen=True)
class Row:
    """The first cell names the row; `task` and `agent` say what it is about, where it is one."""

    cells: list[list[Piece]]
    task: str = ""
    agent: str = ""


@dataclass(frozen=True)
class Table:
    """`agents`: of each column the agent that it is about, or nothing."""

    header: list[str]
    rows: list[Row]
    agents: list[str]

    @property
    def looks(self) -> list[str]:
        """Of each column: number (its ends are aligned), long (its words are wrapped), or short."""
        columns = range(len(self.header))
        return [_look([plain(row.cells[i]) for row in self.rows]) for i in columns]


Block = Heading | Paragraph | Table


def pieces(text: str) -> list[Piece]:
    """The words of a line or paragraph."""
    found, end = [], 0
    for match in INLINE.finditer(text):
        found.append(Piece("text", text[end : match.start()]))
        kind = match.lastgroup or "text"
        found.append(Piece("code" if kind == "literal" else kind, match[kind]))
        end = match.end()
    return [piece for piece in [*found, Piece("text", text[end:])] if piece.text]


def words(block: Block) -> list[Piece]:
    """The words of a heading or a paragraph."""
    return [] if isinstance(block, Table) else block.words


def plain(words: Iterable[Piece]) -> str:
    """The words alone."""
    return "".join(piece.text for piece in words)


def blocks(markdown: str, agents: Iterable[str] = (), tasks: Mapping[str, str] = {}) -> list[Block]:
    """Headings, paragraphs and pipe tables of our own Markdown.

    Columns of tables and rows are said to be about one of `agents`, or of `tasks` (what tables call
    it -> its name). Raises ValueError where a row has another number of cells than its header.
    """
    return [_block(part, set(agents), tasks) for part in markdown.split("\n\n") if part.strip()]


def caption(rst: str, **wildcards: str) -> list[list[Piece]]:
    """The paragraphs of a caption of workflow/report/, with these wildcards of Snakemake.

    Raises ValueError where it has anything but paragraphs, literals and emphasis in it.
    """
    template = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(rst)
    try:
        text = template.render(snakemake={"wildcards": wildcards})
    except jinja2.UndefinedError as error:
        raise ValueError(f"The caption “{rst.strip()[:60]}…” asks for more: {error}.") from None
    if more := MORE_THAN_A_CAPTION.search(text):
        raise ValueError(
            f"The caption “{text.strip()[:60]}…” has {more[0]!r} in it. Captions in "
            "workflow/report/ are paragraphs with ``literals``, *emphasis* and **strong** words."
        )
    return [pieces(" ".join(part.split())) for part in text.split("\n\n") if part.strip()]


def _block(part: str, agents: set[str], tasks: Mapping[str, str]) -> Block:
    if heading := re.fullmatch(r"(#+) (.*)", part.strip()):
        return Heading(len(heading[1]), pieces(heading[2]))
    if part.lstrip().startswith("|"):
        return _table(part.strip().splitlines(), agents, tasks)
    return Paragraph(pieces(" ".join(part.split())))


def _table(lines: list[str], agents: set[str], tasks: Mapping[str, str]) -> Table:
    header, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    for row in rows:
        if len(row) != len(header):
            raise ValueError(
                f"A table has a row of {len(row)} cells below {len(header)} headings: "
                f"{' | '.join(row)[:100]}. No name in it may contain a |."
            )

    def row_of(row: list[str]) -> Row:
        named = dict(zip(header, row, strict=True))
        agent = named.get("agent", "").split(" ")[0]
        about = (tasks.get(named.get("task", ""), ""), agent if agent in agents else "")
        return Row([pieces(cell) for cell in row], *about)

    about = [name if name in agents else "" for name in header]
    return Table(header, [row_of(row) for row in rows], about)


def _look(column: list[str]) -> str:
    if all(NUMBER.fullmatch(cell) for cell in column):
        return "number"
    wide = any(len(cell) > WIDE and not cell.startswith(FIRST) for cell in column)
    return "long" if wide else "short"
