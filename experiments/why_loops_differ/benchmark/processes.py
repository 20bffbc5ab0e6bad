"""Scripts run each in a process of its own, forked from one that has imported TensorFlow."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
_IMPORTED = ["tensorflow", "keras", "sklearn.datasets", "sklearn.model_selection", "harness.why.investigate"]
_MOST_S = 180


@dataclass(frozen=True)
class Ran:
    """What a process gave: its exit status (None when it was stopped), standard output and standard error."""

    status: int | None
    out: str
    err: str


def run(text: str, name: str, way: str) -> Ran:
    """Run a script.

    Args:
        text: of it.
        name: of its file.
        way: ``why``: judged by ``harness why --format json``; ``plain``: as Python does; ``numerics``: likewise
            under ``tf.debugging.enable_check_numerics``.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    _FORKS.set_forkserver_preload(_IMPORTED)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / f"{name}.py"
        script.write_text(text, encoding="utf-8")
        said = [Path(folder) / end for end in ("out", "err")]
        process = _FORKS.Process(target=_inside, args=(str(script), way, [str(one) for one in said]))
        process.start()
        process.join(_MOST_S)
        if process.is_alive():
            process.kill()
            process.join()
        out, err = (one.read_text(encoding="utf-8", errors="replace") for one in said)
        return Ran(process.exitcode, out, err)


def run_in_turn(texts: Sequence[str], name: str) -> list[Ran]:
    """Judge several small scripts one after the other in one process, which starts TensorFlow once for all."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    _FORKS.set_forkserver_preload(_IMPORTED)
    with tempfile.TemporaryDirectory() as folder:
        scripts = [Path(folder) / str(place) / f"{name}.py" for place in range(len(texts))]
        for script, text in zip(scripts, texts):
            script.parent.mkdir()
            script.write_text(text, encoding="utf-8")
        process = _FORKS.Process(target=_all_inside, args=([str(one) for one in scripts],))
        process.start()
        process.join(_MOST_S * len(texts))
        if process.is_alive():
            process.kill()
            process.join()
        said = [[script.with_name(end) for end in ("out", "err")] for script in scripts]
        read = [[one.read_text(encoding="utf-8") if one.exists() else "" for one in pair] for pair in said]
        return [Ran(process.exitcode, out, err) for out, err in read]


def _all_inside(scripts: list[str]) -> None:
    for script in scripts:
        _judged(script, "why", [str(Path(script).with_name(end)) for end in ("out", "err")])
    os._exit(0)


def _inside(script: str, way: str, said: list[str]) -> None:
    os._exit(_judged(script, way, said))


def _judged(script: str, way: str, said: list[str]) -> int:
    for number, name in zip((1, 2), said):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.chdir(Path(script).parent)
    try:
        if way == "why":
            from harness.cli import main

            status = main(["why", script, "--format", "json"])
        else:
            status = _plainly(script, checked=way == "numerics")
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else 1
    except BaseException:
        traceback.print_exc()
        status = 3
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def _plainly(script: str, *, checked: bool) -> int:
    if checked:
        import tensorflow as tf

        tf.debugging.enable_check_numerics()
    runpy.run_path(script, run_name="__main__")
    return 0
