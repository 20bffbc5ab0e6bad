"""Text in parts, written for a terminal or as Markdown: what is said is decided once, how it looks here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text as RichText


@dataclass(frozen=True)
class Title:
    """A heading, of level 2 or 3 in Markdown."""

    text: str
    level: int = 3


@dataclass(frozen=True)
class Table:
    """A header and rows of cells; columns named in ``words``, and the first, are set left."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: Sequence[str] = ("verdict",)


@dataclass(frozen=True)
class Bullets:
    """Sentences, each on a line of its own."""

    items: Sequence[str]


Block = Title | Table | Bullets


def print_blocks(blocks: Sequence[Block], console: Console) -> None:
    """Print to ``console``: titles in bold, a blank line before each but the first."""
    for place, block in enumerate(blocks):
        # Every string is wrapped in Text: a label such as "tape[x]" must not be read as Rich's markup.
        if isinstance(block, Title):
            if place:
                console.print()
            console.print(RichText(block.text, style="bold"))
        elif isinstance(block, Table):
            console.print(_rich_table(block))
        else:
            for item in block.items:
                console.print(RichText("• " + item))


def markdown(blocks: Sequence[Block]) -> str:
    """The blocks as Markdown that ends with a newline."""
    return "\n\n".join(_markdown_block(block) for block in blocks) + "\n"


def _markdown_block(block: Block) -> str:
    if isinstance(block, Title):
        return f"{'#' * block.level} {escaped(block.text)}"
    if isinstance(block, Table):
        rule = ["---" if left else "---:" for left in _left(block)]
        lines = ([escaped(cell) for cell in row] for row in (block.header, rule, *block.rows))
        return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
    return "\n".join(f"- {escaped(item)}" for item in block.items)


def escaped(text: str) -> str:
    """Text that GitHub shows as it is, on one line: its marks for tables, emphasis and HTML escaped."""
    text = " ".join(text.splitlines())
    for mark in ("\\", "|", "*", "_", "<", "`", "[", "]", "&", "~", "$"):
        text = text.replace(mark, "\\" + mark)
    return text


def _left(table: Table) -> list[bool]:
    return [place == 0 or name in table.words for place, name in enumerate(table.header)]


def _rich_table(table: Table) -> RichTable:
    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, left in zip(table.header, _left(table), strict=True):
        # Numbers stay on one line, words give way.
        drawn.add_column(RichText(name), justify="left" if left else "right", overflow="fold", no_wrap=not left)
    for row in table.rows:
        drawn.add_row(*(RichText(cell) for cell in row))
    return drawn
