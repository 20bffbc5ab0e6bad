"""Where things are: the shipped configuration, the default tracking store, the user's own code; and how many cores.

Light to import: the command line answers ``--help`` through here.
"""

from __future__ import annotations

import os
import re
import sysconfig
from functools import cache
from pathlib import Path

from harness.errors import InputError, shell_word

_PACKAGE = Path(__file__).resolve().parent
STORE_VARIABLE = "HARNESS_STORE"


def config_folder() -> Path:
    """The shipped ``conf``: inside an installed package, or beside it in a source checkout."""
    inside = _PACKAGE / "conf"
    return inside if inside.is_dir() else _PACKAGE.parent / "conf"


def experiments_folder() -> Path:
    """The reproduced articles: inside an installed package, or beside it in a source checkout."""
    inside = _PACKAGE / "experiments"
    return inside if inside.is_dir() else _PACKAGE.parent / "experiments"


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def is_own_code(file: str | Path) -> bool:
    """Whether a source file is the user's: no part of Python, of an installed package, or of harness."""
    path = Path(file).resolve()
    standard = [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")]
    installed = any(path.is_relative_to(folder) for folder in (_PACKAGE, *standard))
    return not installed and not {"site-packages", "dist-packages"} & set(path.parts)


def file_word(text: str, *, keep: str = "._-", blank: str = "-") -> str:
    """A text as part of a file's name: what not every file system takes becomes ``blank``; it may end up empty."""
    return re.sub(f"[^A-Za-z0-9{re.escape(keep)}]+", blank, text).strip("-.")


def in_checkout() -> bool:
    """Whether the package runs from its source checkout, not from an installed copy."""
    return (_PACKAGE.parent / "pyproject.toml").is_file() and (_PACKAGE.parent / "conf").is_dir()


def store_folder() -> Path:
    """The ``mlruns`` folder, the same from any working directory of a project.

    In this order: the folder named by the environment variable ``HARNESS_STORE``; the nearest
    ``mlruns`` that already holds a store, here or above; the one of the source checkout the package
    runs from; a new one in the working directory.

    Raises:
        InputError: ``HARNESS_STORE`` is an address.
    """
    named = os.environ.get(STORE_VARIABLE)
    if named and "://" in named:
        fix = f"unset {STORE_VARIABLE} and export {shell_word(f'MLFLOW_TRACKING_URI={named}')}"
        raise InputError(STORE_VARIABLE, named, "a folder", fix)
    if named:
        return Path(named).expanduser().resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "mlruns" / "mlflow.db").is_file():
            return folder / "mlruns"
    if in_checkout():
        return _PACKAGE.parent / "mlruns"
    return here / "mlruns"


def store_uri() -> str:
    """The tracking URI of the default store: ``MLFLOW_TRACKING_URI`` if set, else its SQLite file."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{store_folder() / 'mlflow.db'}"
