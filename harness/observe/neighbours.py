"""What a loop's file finds beside it: its imports go there first, as a script's do.

Python keeps one module of a name. Two loops in two folders, each with its own ``helpers.py``, get each
their own all the same: what is found in a loop's folder is known to others only where they find it too.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from harness.location import is_own_code

Modules = dict[str, ModuleType]


class Neighbours:
    """The modules in the folder of a loop's file. One object a folder: see `neighbours_in`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names = {entry.stem for entry in folder.iterdir() if entry.suffix == ".py" or entry.is_dir()}
        self._kept: Modules = {}

    @contextmanager
    def first(self) -> Iterator[None]:
        """Let whatever is imported inside be looked for here first."""
        others = self._take(here=False)
        sys.modules.update(self._kept)
        sys.path.insert(0, str(self._folder))
        try:
            yield
        finally:
            with suppress(ValueError):  # taken out by the loop itself
                sys.path.remove(str(self._folder))
            if others or str(self._folder) not in sys.path:  # else all code finds them here
                self._kept = self._take(here=True)
            sys.modules.update(others)

    def _take(self, *, here: bool) -> Modules:
        """Take the user's modules of these names, and those inside them, from this folder or from others, out."""
        tops = {name for name in self._names & sys.modules.keys() if _lies_in(sys.modules[name], self._folder) is here}
        names = [name for name in sys.modules if name.partition(".")[0] in tops] if tops else []
        return {name: sys.modules.pop(name) for name in names}


@functools.cache
def neighbours_in(folder: Path) -> Neighbours:
    """Those of a folder, as they are when it is first asked for."""
    return Neighbours(folder)


def _lies_in(module: ModuleType, folder: Path) -> bool | None:
    """Whether a module lies in the folder; None for one that is not the user's own."""
    place = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
    if place is None or not is_own_code(place):
        return None
    return Path(place).resolve().is_relative_to(folder)
