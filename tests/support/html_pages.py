"""HTML pages as tests read them: a strict parser, and a browser where there is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "br", "hr", "img", "input", "wbr"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OUTSIDE = re.compile(
    r"""(?:\b(?:src|href|action|poster|data)\s*=\s*["']?|url\(\s*["']?|@import)\s*(?:https?:)?//""", re.I
)


@dataclass
class Table:
    """A table's class, metric, head and body, every cell as its text."""

    kind: str
    metric: str | None
    head: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    exact: list[list[float]] = field(default_factory=list)


class Page(HTMLParser):
    """Parses a whole page; every tag must be closed, in order, and every id unique."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[Table] = []
        self.headings: list[tuple[int, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, f"not closed: {self._open}"
        assert len(set(self.ids)) == len(self.ids), "an id twice"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.attributes.append((tag, given))
        self.ids += [str(given["id"])] if "id" in given else []
        self.links += [str(given["href"])] if tag == "a" else []
        if tag not in VOID:
            self._open.append(tag)
        if tag == "table":
            self.tables.append(Table(given.get("class") or "", given.get("data-metric")))
        elif tag == "tr" and "tbody" in self._open:
            self.tables[-1].rows.append([])
            self.tables[-1].exact.append([])
        elif tag in ("th", "td"):
            assert tag == "td" or given.get("scope") in ("col", "row")
            (self.tables[-1].rows[-1] if "tbody" in self._open else self.tables[-1].head).append("")
        elif tag == "data":
            self.tables[-1].exact[-1].append(float(str(given["value"])))
        elif re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1] == tag, f"</{tag}> closes <{self._open[-1]}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        self.text += data
        if {"th", "td"} & set(self._open):
            cells = self.tables[-1].rows[-1] if "tbody" in self._open else self.tables[-1].head
            cells[-1] = " ".join((cells[-1] + data).split()) + (" " if data.endswith(" ") else "")
        elif self._open and re.fullmatch("h[1-6]", self._open[-1]):
            level, words = self.headings[-1]
            self.headings[-1] = level, words + data

    def named(self, kind: str, metric: str | None = None) -> list[Table]:
        """Tables of a class, of one metric where that is given."""
        return [table for table in self.tables if table.kind == kind and metric in (None, table.metric)]

    def labels(self) -> list[str]:
        """What the pictures show, in words."""
        return [
            str(given["aria-label"]) for tag, given in self.attributes if tag == "svg" and given.get("role") == "img"
        ]


def outside(text: str) -> list[str]:
    """Whatever in a page would be fetched from elsewhere."""
    return OUTSIDE.findall(text)


def browser() -> str | None:
    """A headless-capable browser of this machine."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def browse(
    program: str, file: Path, profile: Path, *, width: int = 1200, picture: Path | None = None
) -> tuple[str, str]:
    """Open a file in a headless browser: the page as it stands afterwards, and what the browser complained of.

    Complaints are errors of the page's console and files that could not be loaded.
    """
    show = [f"--screenshot={picture}", "--hide-scrollbars"] if picture else ["--dump-dom"]
    command = [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={profile}", "--enable-logging=stderr", "--v=0", "--virtual-time-budget=3000"]
    command += [f"--window-size={width},2000", *show, file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, "\n".join(complaints)
