"""The import order, held: one direction, and training, statistics and tracking apart."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import harness
from harness.plan.identity import TRAINING_CODE

PACKAGE = Path(harness.__file__).parent
# What every room may import: the words that all of them share.
SHARED = {"errors", "records", "digests", "location", "trees"}
# What else a room, a folder of the package, may import; the command line wires everything.
MAY_IMPORT = {
    "data": set(),
    "plan": set(),
    "observe": set(),
    "train": {"data", "plan", "observe"},
    "engine": {"plan", "train"},
    "certify": {"plan", "observe", "train"},
    "diagnose": {"plan", "observe", "train", "certify"},
    "why": {"observe", "train", "certify", "diagnose"},
    "analyse": set(),
    "articles": {"analyse"},
    "show": {"analyse", "articles"},
    "store": {"plan", "analyse"},
    "cli": {
        *("data", "plan", "observe", "train", "engine", "certify", "diagnose"),
        *("why", "analyse", "articles", "show", "store"),
    },
}
ONLY_IMPORTERS = {
    "mlflow": {"store"},
    "hydra": {"cli"},
    "tensorflow": {"observe", "train", "diagnose", "certify", "why", "cli"},
    "keras": {"data", "observe", "train", "diagnose", "certify", "why"},
    "matplotlib": {"show"},
    "scipy": {"analyse"},
}


def imports(file: Path) -> set[str]:
    """Dotted names a file imports, at any depth of its code."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def of_a_name(name: str) -> Path | None:
    """The file of one of our modules or packages; None where the name is not of one."""
    place = PACKAGE.joinpath(*name.split(".")[1:])
    files = (place.with_suffix(".py"), place / "__init__.py") if name.startswith("harness.") else ()
    return next((file for file in files if file.is_file()), None)


def test_all_that_training_imports_is_in_the_hash_of_its_results() -> None:
    """By the source alone, in every run; `test_identity.py` trains and looks at what was loaded."""
    waiting = [PACKAGE / name for name in ("engine/in_process.py", "engine/lanes.py", "train/methods/fit.py",
                                           "train/methods/tape.py")]  # fmt: skip
    found: set[Path] = set()
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += [other for name in imports(file) if (other := of_a_name(name))]
    hashed = {file for name in TRAINING_CODE for file in (PACKAGE / name, *(PACKAGE / name).rglob("*.py"))}
    assert PACKAGE / "train/trainee.py" in found
    assert found - hashed == {PACKAGE / "errors.py"}  # it says what was wrong, and no number


def room(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


FILES = [file for file in sorted(PACKAGE.rglob("*.py")) if room(file) != "__init__"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_go_one_way(file: Path) -> None:
    here = room(file)
    ours = {name.split(".")[1] for name in imports(file) if name.startswith("harness.")} - {here}
    assert ours - SHARED <= (set() if here in SHARED else MAY_IMPORT[here])
    foreign = {name.split(".")[0] for name in imports(file)}
    for library, rooms in ONLY_IMPORTERS.items():
        assert library not in foreign or here in rooms, f"{here} imports {library}"


def test_the_allowed_order_has_no_cycle() -> None:
    order: list[str] = []
    while len(order) < len(MAY_IMPORT):
        ready = [name for name, needs in MAY_IMPORT.items() if name not in order and needs <= set(order)]
        assert ready, f"a cycle among {set(MAY_IMPORT) - set(order)}"
        order += ready


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("from harness import compare, study_figure, render", ("tensorflow", "mlflow", "hydra", "keras")),
        ("from harness import open_store, read_study", ("tensorflow", "keras", "hydra", "mlflow", "pandas")),
        ("from harness import cross_validate, fit, tape", ("mlflow", "hydra")),
        pytest.param("import harness.cli.sweep.unit", ("mlflow",), marks=pytest.mark.slow),  # a worker has no store
    ],
)
def test_parts_do_not_load_each_other(statement: str, unwanted: tuple[str, ...]) -> None:
    check = f"import sys; {statement}; print([name for name in {unwanted!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there_and_said_to_be() -> None:
    assert all(getattr(harness, name) is not None for name in harness.__all__)
    lines = [line.strip() for line in str(harness.__doc__).splitlines()]
    assert [name for name in harness.__all__ if not any(line.startswith(f"{name}: ") for line in lines)] == []
