"""Which files of the user's own a piece of their code consists of."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.plan.imports import imports_noted, own_sources

FILES = {
    "loop.py": "import numpy, os.path, tensorflow, harness\nimport helpers\nfrom nets import dense\n"
    "def train():\n    import lazy\n    from importlib import import_module as load\n",
    "helpers.py": "import deeper\n",
    "deeper.py": "import loop\n",  # a circle
    "lazy.py": "def later():\n    import importlib\n    importlib.import_module('named')\n",
    "named.py": "",
    "nets/__init__.py": "from . import base\n",
    "nets/base.py": "from .parts.layer import Layer\n",
    "nets/dense.py": "from .base import *\nfrom ..outside import x\n",
    # parts is a package without __init__; four dots lead out of the outermost.
    "nets/parts/layer.py": "import helpers\nfrom .. import base\nfrom .... import unused\nclass Layer: ...\n",
    "nets/unused.py": "",
    "beside.py": "",
}
EXPECTED = {"loop", "helpers", "deeper", "lazy", "named", "nets", "nets.base", "nets.dense", "nets.parts.layer"}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    before, path = dict(sys.modules), list(sys.path)
    yield tmp_path
    for name in sys.modules.keys() - before.keys():
        del sys.modules[name]
    sys.path[:] = path


def test_a_file_consists_of_all_that_it_imports_anywhere(folder: Path) -> None:
    found = own_sources(folder / "loop.py")
    assert {name for name, _ in found} == EXPECTED
    files = {name: file.relative_to(folder).as_posix() for name, file in found}
    assert files == {name: f"{name.replace('.', '/')}.py" for name in EXPECTED} | {"nets": "nets/__init__.py"}


def test_a_module_is_found_where_python_finds_it(folder: Path) -> None:
    assert own_sources("lazy.later") == set()
    sys.path.insert(0, str(folder))
    assert {name for name, _ in own_sources("lazy.later")} == {"lazy", "named"}
    assert {name for name, _ in own_sources("nets.parts.layer.Layer")} == EXPECTED


@pytest.mark.parametrize(
    "name", ["harness.train.models.dense", "keras.optimizers.Adam", "json.dumps", "sys", "nowhere"]
)
def test_what_is_installed_is_not_the_users(name: str) -> None:
    assert own_sources(name) == set()


def test_a_name_made_up_at_run_time_is_known_once_imported(folder: Path) -> None:
    (folder / "plugins.py").write_text("import importlib\nfor name in ['be' + 'side']: importlib.import_module(name)\n")
    sys.path.insert(0, str(folder))
    assert {name for name, _ in own_sources("plugins")} == {"plugins"}
    with imports_noted("plugins"):
        importlib.import_module("plugins")
    assert {name for name, _ in own_sources("plugins")} == {"plugins", "beside"}


def test_a_file_that_python_cannot_read_imports_nothing(folder: Path) -> None:
    (folder / "helpers.py").write_text("print 'two'\n")
    assert {name for name, _ in own_sources(folder / "loop.py")} == EXPECTED - {"deeper"}
