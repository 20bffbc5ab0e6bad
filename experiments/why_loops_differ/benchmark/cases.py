"""The benchmark's scripts: what each is expected to be found guilty of, and its corrected twin.

A script's docstring names its ``source``, its ``causes`` (keys of the findings, or ``none``) and, under ``not
checked``, words of which one has to stand in what the verdict says it could not check. A comment at the end of a
line makes the twin: ``# fixed: LINE`` puts another line in its place, ``# fixed-out`` takes it out; a comment alone
on its line puts a line in.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

SCRIPTS, HELD_OUT = (Path(__file__).parent / name for name in ("scripts", "held_out"))
_FIELD = re.compile(r"^(source|causes|not checked): (.+)$", re.MULTILINE)
_PUT, _OUT = "# fixed: ", "# fixed-out"


@dataclass(frozen=True)
class Case:
    """A script with its expectations, written down before it was first judged.

    Attributes:
        name: ``kind/name``.
        story: what goes wrong, in a line.
        source: the public report that it is modelled on.
        causes: expected, faults or choices.
        unchecked: words expected in what is said to be not checked; empty where nothing is.
        text: of the script.
    """

    name: str
    story: str
    source: str
    causes: frozenset[str]
    unchecked: tuple[str, ...]
    text: str

    @property
    def file(self) -> str:
        """Name of its file, without the ending."""
        return self.name.rpartition("/")[2]

    @property
    def twin(self) -> str:
        """The script without its faults."""
        return twin_of(self.text)


def cases(only: tuple[str, ...] = (), folder: Path = SCRIPTS) -> list[Case]:
    """All scripts of a folder, or those with one of these words in their names."""
    found = [_read(path) for path in sorted(folder.glob("*/*.py"))]
    return [one for one in found if not only or any(word in one.name for word in only)]


def twin_of(text: str) -> str:
    """A script with its wrong lines replaced."""
    lines = []
    for line in text.splitlines():
        if _PUT in line:
            indent = line[: len(line) - len(line.lstrip())]
            lines.append(indent + line.partition(_PUT)[2])
        elif _OUT not in line:
            lines.append(line)
    return "\n".join(lines) + "\n"


def _read(path: Path) -> Case:
    text = path.read_text(encoding="utf-8")
    said = ast.get_docstring(ast.parse(text)) or ""
    fields = dict(_FIELD.findall(said))
    causes = frozenset(fields["causes"].split(", ")) - {"none"}
    unchecked = tuple(fields["not checked"].split(", ")) if "not checked" in fields else ()
    name = f"{path.parent.name}/{path.stem}"
    return Case(name, said.partition("\n")[0], fields["source"], causes, unchecked, text)
