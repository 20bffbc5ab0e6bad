"""Which files of the user's own a piece of their code consists of: its own, and those it imports at any depth.

Imports are read in the source, wherever they stand in it, so that one made only while a fold trains is
known before. Of a module whose name is put together at run time only what was imported when the code
was first used is known.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from harness.location import is_own_code

Source = tuple[str, Path]  # a module's dotted name and its file
_IMPORTERS = ("__import__", "import_module")
_IMPORT_NOTHING = ("harness.", "keras.")  # of the user's; most of what is made is one of theirs
_came_with: dict[str | Path, set[str]] = {}


def own_sources(root: str | Path) -> set[Source]:
    """The user's files behind a piece of code; none for one of an installed package.

    Args:
        root: a file, beside which imports are looked for first, as Python does for a script; or the dotted
            name of a module, or of something in one, to be found on ``sys.path``.
    """
    folders = [str(root.parent), *sys.path] if isinstance(root, Path) else list(sys.path)
    found = {(root.stem, root)} if isinstance(root, Path) else set()
    waiting = [*_came_with.get(root, ()), *(_imports(root.stem, root) if isinstance(root, Path) else [root])]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            new = set(_files(name, folders)) - found
            found |= new
            waiting += [imported for source in new for imported in _imports(*source)]
    return found


@contextmanager
def imports_noted(root: str | Path) -> Iterator[None]:
    """Count the modules that are imported inside among those of the root, whatever its source says."""
    if str(root).startswith(_IMPORT_NOTHING):
        yield
        return
    before = set(sys.modules)
    try:
        yield
    finally:
        files = {name: getattr(sys.modules[name], "__file__", None) for name in sys.modules.keys() - before}
        own = {name for name, file in files.items() if file and is_own_code(file) and Path(file) != root}
        _came_with.setdefault(root, set()).update(own)


def _files(name: str, folders: Sequence[str]) -> Iterator[Source]:
    """The user's files that importing a dotted name runs: of the packages around it, and its own."""
    parts = name.split(".")
    for depth, part in enumerate(parts, start=1):
        file, folders = _find(part, folders)
        if file is None and depth == 1 and not folders:  # found by a hook, as an editable install is
            file, folders = _loaded(part)
        if file is not None:
            if not is_own_code(file):
                return
            yield ".".join(parts[:depth]), file.resolve()


def _find(part: str, folders: Sequence[str]) -> tuple[Path | None, list[str]]:
    """The file of a module or a package in the first folder that has it, and where what is inside it is found."""
    for folder in folders:
        package = Path(folder) / part
        if (package / "__init__.py").is_file():
            return package / "__init__.py", [str(package)]
        for suffix in (".py", *EXTENSION_SUFFIXES):
            if (package.parent / f"{part}{suffix}").is_file():
                return package.parent / f"{part}{suffix}", []
    return None, [str(Path(folder) / part) for folder in folders if (Path(folder) / part).is_dir()]


def _loaded(name: str) -> tuple[Path | None, list[str]]:
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    return (Path(file) if file else None), list(getattr(module, "__path__", ()))


def _imports(name: str, file: Path) -> Iterator[str]:
    """Dotted names that a source file imports; of ``from a import b`` it is a.b, which may be no module."""
    if file.suffix != ".py":
        return
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # it cannot be imported either
        return
    package = name.split(".") if file.stem == "__init__" else name.split(".")[:-1]
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                if level > len(package):  # beyond the outermost package: Python refuses that
                    continue
                inside = [*package[: len(package) - level + 1], module] if level else [module]
                yield from (".".join(filter(None, [*inside, alias.name])) for alias in names)
            case ast.Call(
                func=ast.Name(id=called) | ast.Attribute(attr=called), args=[ast.Constant(value=str(imported)), *_]
            ) if called in _IMPORTERS:
                yield imported
