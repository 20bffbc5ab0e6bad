"""Running a script or a notebook as Python would: as ``__main__``, from its folder, with its own arguments."""

from __future__ import annotations

import json
import linecache
import os
import sys
import tokenize
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType

from harness.errors import InputError, near_miss

_FIELD = "SCRIPT"
_ALLOWED = "a Python script (.py) or a Jupyter notebook (.ipynb)"


@dataclass(frozen=True)
class Part:
    """A file, or a code cell of a notebook: what to call it, its source, and the same compiled."""

    name: str
    source: str
    code: CodeType


def parts_of(path: Path) -> list[Part]:
    """The parts of a script: one for a file, one for each code cell of a notebook.

    Raises:
        InputError: no such file, no Python in it, or a notebook that cannot be read.
    """
    return [Part(name, source, _compiled(name, source)) for name, source in _sources(path)]


def _sources(path: Path) -> list[tuple[str, str]]:
    if not os.path.isfile(path):  # Path.is_file raises on names that no file system takes
        raise InputError(_FIELD, str(path), _ALLOWED, _instead(path))
    try:
        if path.suffix == ".ipynb":
            return _cells(path)
        with tokenize.open(path) as file:  # in the encoding that its first lines name
            return [(str(path), file.read())]
    except (OSError, SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise InputError(
            _FIELD, f"{path}, which cannot be read ({error})", _ALLOWED, "save it again as UTF-8"
        ) from error


def _instead(path: Path) -> str:
    """What to name in place of a folder or of a file that is not there."""
    folder = path if os.path.isdir(path) else path.parent
    if not os.path.isdir(folder):
        return f"check the path: there is no folder {folder}"
    scripts = sorted(one.name for one in folder.iterdir() if one.suffix in (".py", ".ipynb"))
    if not scripts:
        return (
            "name a file: that folder has no script"
            if os.path.isdir(path)
            else "check the path: its folder has no script"
        )
    return (
        near_miss(path.name, scripts) if not os.path.isdir(path) else f"name one of its files: {', '.join(scripts[:5])}"
    )


def _cells(path: Path) -> list[tuple[str, str]]:
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = [one["source"] for one in cells if one["cell_type"] == "code"]
        sources = ["".join(source) for source in code]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(_FIELD, str(path), _ALLOWED, "save the notebook again: it is no notebook's JSON") from error
    return [(f"{path}[cell {place}]", _plain(source)) for place, source in enumerate(sources, start=1)]


def _plain(source: str) -> str:
    """A cell without the lines that only IPython understands."""
    if source.lstrip().startswith("%%"):
        return ""
    lines = [line if not line.lstrip().startswith(("%", "!", "?")) else _passed(line) for line in source.splitlines()]
    return "\n".join(lines) + "\n"


def _passed(line: str) -> str:
    return line[: len(line) - len(line.lstrip())] + "pass"


def run(path: Path, parts: Sequence[Part], arguments: Sequence[str]) -> None:
    """Execute a script, its parts one after the other in one ``__main__``.

    Args:
        path: of the script.
        parts: of it.
        arguments: its own.
    """
    main = ModuleType("__main__")
    vars(main).update(__file__=str(path), __builtins__=__builtins__)
    with _as_main(main, path, arguments):
        for part in parts:
            linecache.cache[part.name] = (len(part.source), None, part.source.splitlines(keepends=True), part.name)
            exec(part.code, vars(main))


def _compiled(name: str, source: str) -> CodeType:
    try:
        return compile(source, name, "exec")
    except SyntaxError as error:
        raise InputError(_FIELD, f"{name}, line {error.lineno}: {error.msg}", _ALLOWED, "correct the line") from error
    except (ValueError, RecursionError, MemoryError) as error:  # a zero byte, or nested too deeply for the compiler
        raise InputError(_FIELD, f"{name} ({error or type(error).__name__})", _ALLOWED, "correct the file") from error


@contextmanager
def _as_main(main: ModuleType, path: Path, arguments: Sequence[str]) -> Iterator[None]:
    kept = sys.modules["__main__"], sys.argv, sys.path[:], os.getcwd()
    sys.modules["__main__"] = main
    sys.argv, sys.path[:] = [str(path), *arguments], [str(path.parent), *sys.path]
    try:
        yield
    finally:
        sys.modules["__main__"], sys.argv = kept[0], kept[1]
        sys.path[:] = kept[2]
        os.chdir(kept[3])
