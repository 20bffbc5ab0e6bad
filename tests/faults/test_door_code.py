"""Files of Python given to `harness why`, `trace` and `run`: judged, or refused, whatever is in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from command_line import rows
from doors import door, knock, odd_text, tried, whole
from hypothesis import strategies as st

from harness.errors import override

_lines = st.sampled_from([
    "x = 1", "import keras", "import nowhere", "print('x')", "raise ValueError('x')", "raise SystemExit", "exit()",
    "exit(3)", "import sys; sys.exit('a word')", "quit()", "1 / 0", "assert False, '[/]'", "def f(:", "  x = 2",
    "raise Exception", "raise BaseException('b')", "class E(BaseException): pass\nraise E('own')",
    "class S(Exception):\n    def __str__(self): raise TypeError\nraise S",
    "raise ExceptionGroup('g', [ValueError()])", "import os; os.chdir('/')", "import sys; sys.argv[5]",
    "import sys; sys.stdout.write('x')", "del __builtins__", "import sys; sys.path.clear()", "open('nothing')",
    "input()", "def g(): g()\ng()", "raise GeneratorExit", "__file__", "assert __name__ == '__main__'",
    "from __future__ import annotations", "lambda: (yield)", "await x",
    "import asyncio; asyncio.run(asyncio.sleep(0))", "return", "nonlocal y", "'\\ud800'", "print('\\ud800')",
    "é = '😀'", "import warnings; warnings.warn('w')", "raise StopIteration", "import sys; sys.modules.pop('__main__')",
    "import sys; sys.stderr.write('[/]')", "globals().clear()", "import keras; keras.Sequential()", "x" * 2000,
    "model = __import__('keras').Sequential([__import__('keras').layers.Dense(1)])",
    "model(__import__('numpy').ones((2, 3)))", "model.fit()", "model.compile('sgd', 'mse')",
    "model.fit(__import__('numpy').ones((0, 3)), __import__('numpy').ones((0, 1)))", "(" * 150 + ")" * 150,
    "-" * 300 + "1", "if 1:\n" * 1 + "    pass", "\x0c", "# -*- coding: latin-1 -*-", "# coding: nope",
])  # fmt: skip
_source = st.lists(_lines | odd_text, max_size=4).map("\n".join)
_content = _source.map(lambda text: text.encode("utf-8", errors="surrogatepass")) | st.binary(max_size=40)
_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | odd_text, lambda inner: st.lists(inner, max_size=3), max_leaves=4
)
_cells = st.lists(
    st.fixed_dictionaries({"cell_type": st.sampled_from(["code", "markdown", 3])}, optional={"source": _source | _json})
    | _json,
    max_size=3,
)
_notebook = (st.fixed_dictionaries({"cells": _cells | _json}) | _json).map(lambda book: json.dumps(book).encode())
_name = st.sampled_from(["s.py", "s.ipynb", "s", "s.txt", "[bold].py", "a b.py", "é😀.py", "'\".py", "s.PY", "$x.py"])
scripts = st.tuples(_name, _content) | st.tuples(st.sampled_from(["s.ipynb", "[b].ipynb"]), _notebook | _content)
FOUND_SCRIPTS = [
    ("s.py", b"raise BaseException('b')"), ("s.py", b"x = '\xff'"), ("s.py", b"x = 1\0"), ("s.py", b"# coding: nope"),
    ("s.py", b"# coding: latin-1\nx = '\xff'"), ("s.py", b"-" * 5000 + b"1"), ("s.py", b"(" * 500 + b")" * 500),
    ("s.ipynb", b'{"cells": [{"cell_type": "code", "source": 3}]}'), ("s.ipynb", b"[" * 100000),
]  # fmt: skip
_ODD_PATHS = ["", ".", "/", "x" * 300 + ".py", "no/such.py", "~nobody.py", "-", "\udcff.py", "a\nb.py", "[/].py"]

_HEADS = [
    "def train(model, optimizer, loss, x, y, *, batch_size, epochs)", "def train(model, optimizer, loss, x, y)",
    "def train()", "def train(*a, **k)", "def train(model, optimizer, loss, x, y, extra)", "class train", "train = 3",
    "async def train(model, optimizer, loss, x, y)", "def other(model)", "def train(self, /, *, a, b, c, d, e)",
    "train = print", "train = lambda model, optimizer, loss, x, y, epochs: None", "train = dict",
]  # fmt: skip
_BODIES = [
    "pass", "model.compile(optimizer, loss)\n    return model.fit(x, y, epochs=1, verbose=0)",
    "model.compile(optimizer, loss)\n    model.train_on_batch(x[:9], y[:9])", "return 3", "return {'loss': [1]}",
    "return {'loss': 'x'}", "return {3: None}", "raise ValueError('[/]')", "exit()", "raise BaseException('b')",
    "yield 1", "raise KeyError", "return {'loss': [float('nan')] * 9}", "model.fit(x, y, verbose=0)",
    "optimizer.apply([], [])", "model.layers.clear()", "model(x[:0])", "del model", "return model",
    "model(x, training=True)", "return {'val_loss': [[1, 2]]}", "optimizer.build([])", "1 / 0",
    "def g(): g()\n    g()", "model.set_weights([])", "x[:] = 0", "print('\\ud800')", "raise SystemExit(5)",
    "import sys; sys.stdout = None", "return {'loss': [1e400], 'accuracy': [True], '<b>': [1]}",
]  # fmt: skip


def _loop(before: str, head: str, body: str, after: str) -> bytes:
    whole = (
        f"{before}\n{head}" + (f":\n    {body}" if head.startswith(("def", "class", "async")) else "") + f"\n{after}\n"
    )
    return whole.encode("utf-8", errors="surrogatepass")


_plain = st.just("")
loops = st.tuples(
    st.sampled_from(["l.py", "l.py", "l.py", "[b].py", "a b.py", "é😀.py", "x=y.py", "'q'.py"]),
    st.builds(_loop, _plain | _source, st.sampled_from(_HEADS), st.sampled_from(_BODIES), _plain | _plain | _source)
    | _content,
    st.sampled_from(["train", "train", "train", "trian", "", "__doc__", "other", "[/]"]),
)
_TINY = ("dataset=iris", "model=iris_mlp", "epochs=1", "batch_size=60", "cv.folds=2", "cv=kfold")
_NAMED = "def train(model, optimizer, loss, x, y, *, batch_size, epochs)"
FOUND_LOOPS = [
    ("l.py", _loop("", _NAMED, "raise ValueError('[/]')", ""), "train"),
    ("l.py", _loop("", _NAMED, "exit()", ""), "train"),
    ("l.py", _loop("", f"async {_NAMED}", "pass", ""), "train"),
    ("l.py", b"train = dict", "train"),
    ("l.py", b"class E(BaseException): pass\nraise E", "train"),
    ("l.py", b"class S(Exception):\n    def __str__(self): raise TypeError\nraise S", "train"),
    ("x" * 300 + ".py", b"", "train"),
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory; the interpreter's limits and hooks are those of each test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@door(30, 3000)
def test_any_script_is_judged_or_refused(inputs: int, here: Path) -> None:
    def why(given: tuple[str, bytes]) -> str:
        name, content = given
        with placed(name, content):
            answer = knock("why", str(here / name), codes=(0, 1, 2))
        return {0: "judged", 1: "judged", 2: "refused"}[answer.code]

    tried(inputs, scripts, FOUND_SCRIPTS, why)


@pytest.mark.parametrize("path", _ODD_PATHS)
def test_any_path_of_a_script_is_refused(path: str, here: Path) -> None:
    assert knock("why", "--", path).code == 2
    assert knock("why", *([path] if not path.startswith("-") else [f"./{path}"])).code == 2


@door(3, 150)
def test_any_loop_file_is_planned_or_refused(inputs: int, here: Path, empty: Path) -> None:
    def plan(given: tuple[str, bytes, str]) -> str:
        name, content, function = given
        with placed(name, content):
            answer = knock("plan", *_TINY, "method=custom", f"method.target={quoted(f'{name}:{function}')}")
        return "planned" if answer.code == 0 else "refused"

    tried(inputs, loops, FOUND_LOOPS, plan)
    assert rows(empty, "select * from runs") == []


@contextmanager
def placed(name: str, content: bytes) -> Iterator[None]:
    """The file in the working directory meanwhile, if there can be one of such a name."""
    try:
        Path(name).write_bytes(content)
    except OSError:
        yield
        return
    yield
    Path(name).unlink()


def quoted(text: str) -> str:
    return override("x", text).removeprefix("x=")


@pytest.mark.slow
@pytest.mark.parametrize("inputs", [20])
def test_any_loop_is_traced_or_refused(inputs: int, here: Path) -> None:
    def trace(given: tuple[str, bytes, str]) -> str:
        name, content, function = given
        with placed(name, content):
            answer = knock("trace", "fit", f"{name}:{function}", *_TINY, codes=(0, 1, 2))
        return {0: "traced", 1: "its own error shown", 2: "refused"}[answer.code]

    tried(inputs, loops, FOUND_LOOPS, trace)


@door(1, 40)
def test_any_loop_trains_a_whole_study_or_none(inputs: int, here: Path, store: Path) -> None:
    def run(given: tuple[str, bytes, str]) -> str:
        name, content, function = given
        own = ("method=custom", f"method.target={quoted(f'{name}:{function}')}", "tracking.figures=false")
        with placed(name, content):
            code = knock("run", *_TINY, *own, codes=(0, 1, 2)).code
        whole(store)
        return {0: "trained", 1: "failed", 2: "refused"}[code]

    tried(inputs, loops, FOUND_LOOPS[:2], run)
