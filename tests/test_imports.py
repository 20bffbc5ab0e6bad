"""The import order, held: one direction, and training, statistics and tracking apart."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import harness

PACKAGE = Path(harness.__file__).parent
# What each room may import of the package; a room is a module or a folder of them.
MAY_IMPORT = {
    "errors": set(),
    "location": set(),
    "records": set(),
    "digests": set(),
    "statistics": set(),
    "schedule": {"digests"},
    "folds": {"digests", "errors"},
    "data": {"digests", "errors"},
    "models": {"errors"},
    "objectives": {"models"},
    "precision": {"errors"},
    "gradients": set(),
    "rows": {"schedule"},
    "trainee": {"digests", "gradients", "models", "objectives"},
    "watch": {"errors", "trainee"},
    "methods": {"errors", "records", "rows", "schedule", "trainee", "watch"},
    "trace": {"crossval", "digests", "errors", "folds", "methods", "records", "schedule", "trainee", "watch"},
    "crossval": {"data", "folds", "methods", "models", "records", "schedule", "trainee"},
    "identity": {"digests", "folds"},
    "history": {"records"},
    "groups": {"errors", "records"},
    "verdict": {"groups", "records", "statistics"},
    "comparison": {"errors", "groups", "records", "statistics", "verdict"},
    "tables": {"comparison", "errors", "groups", "verdict"},
    "figures": {"figure_files", "groups", "records"},
    "shapley": set(),
    "explain": {"errors", "groups", "records", "shapley", "statistics"},
    "explain_text": {"explain", "tables", "verdict"},
    "explain_figure": {"explain", "explain_text", "figure_files", "figures", "tables"},
    "tracking": {"errors", "groups", "history", "identity", "location", "records"},
    "figure_files": set(),
    "report": {
        *("articles", "comparison", "errors", "figures", "groups", "records", "tables"),
        *("explain", "explain_text", "explain_figure"),
    },
    "articles": {
        *("errors", "figure_files", "figures", "groups", "history", "location", "records", "statistics"),
        *("explain", "explain_text", "explain_figure", "shapley"),
    },
}
ONLY_IMPORTERS = {
    "mlflow": {"tracking"},
    "hydra": {"cli"},
    "tensorflow": {"gradients", "rows", "trainee", "methods", "trace", "watch", "cli"},
    "keras": {"data", "models", "objectives", "precision", "rows", "trainee", "methods", "trace", "watch"},
    "matplotlib": {"articles", "report", "explain_figure", "figure_files", "figures"},
    "scipy": {"statistics"},
}


def imports(file: Path) -> set[str]:
    """Dotted names a file imports, at any depth of its code."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def room(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


FILES = [file for file in sorted(PACKAGE.rglob("*.py")) if room(file) != "__init__"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_go_one_way(file: Path) -> None:
    here = room(file)
    ours = {name.split(".")[1] for name in imports(file) if name.startswith("harness.")} - {here}
    if here != "cli":
        assert ours <= MAY_IMPORT[here]
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
        ("from harness import open_store, read_study", ("tensorflow", "keras", "hydra")),
        ("from harness import cross_validate, fit, tape", ("mlflow", "hydra")),
    ],
)
def test_parts_do_not_load_each_other(statement: str, unwanted: tuple[str, ...]) -> None:
    check = f"import sys; {statement}; print([name for name in {unwanted!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    assert all(getattr(harness, name) is not None for name in harness.__all__)
