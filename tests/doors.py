"""The command line's front doors knocked at, many times in one process: what comes back, and what must never."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from command_line import PARENT, rows
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harness.cli import main

_LIMIT_S = 60
_OWN = "itself raised this"  # of a traceback that is the user's own

# Texts that mean something to some reader: a shell, Hydra, SQL, Rich, Matplotlib, HTML, Markdown, a file system.
ODD = (
    "", " ", "../up", "/", "~", "~nobody/x", ".", "..", "a/b", "a\\b", "C:\\x", "x" * 300, "é" * 200, "名前", "😀🏳️‍🌈",
    "<script>alert(1)</script>", "</script><!--", "<b>&amp;", "'", '"', "'\"`", "';drop table runs;--", "%s%(x)s{0}",
    "[bold]x", "[/]", "[/bold]", "[link=x]y", "$x", "$\\frac{", "a$b$c", "_hidden", "|a|b|", "*a*", "[a](b)", "`a`",
    "a\nb", "a\r\nb", "\t", "\x1b[31m", "\u2028", "\u202ex", "\ufeff", "nan", "inf", "-inf", "null", "true", "1e999",
    "${x}", "${oc.env:HOME}", "${", "}", "[", "]", "{", "(", ")", ",", "=", ":", "#", "!", "@", "&", "*", "?", "\\",
)  # fmt: skip
odd_text = st.sampled_from(ODD) | st.text(max_size=12)


@dataclass(frozen=True)
class Answer:
    """A command's exit code and what it wrote."""

    code: int
    out: str
    err: str


def knock(*arguments: str, codes: tuple[int, ...] = (0, 2), limit_s: int = _LIMIT_S) -> Answer:
    """Run a command in this process, and hold it to what every command owes to any input.

    It ends within the limit with one of these exit codes, raises nothing and shows no traceback but that of the
    user's own code; where it refuses, it says so in four parts or as argparse does, and leaves standard output empty.
    """
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors=how) for how in ("strict", "backslashreplace"))
    kept = list(sys.path), list(sys.argv), dict(os.environ), os.getcwd(), dict(sys.modules)
    try:
        with redirect_stdout(out), redirect_stderr(err), _limited(limit_s):
            code: Any = _code(arguments)
    finally:
        sys.path[:], sys.argv[:] = kept[0], kept[1]
        os.environ.clear()
        os.environ.update(kept[2])
        os.chdir(kept[3])
    told = []
    for stream in (out, err):
        stream.flush()
        told.append(stream.buffer.getvalue().decode("utf-8"))  # type: ignore[attr-defined]
    answer = Answer(code, *told)
    assert code in codes, answer
    assert "Traceback" not in answer.out + answer.err or _OWN in answer.err, answer
    if code == 2 and "usage: harness" not in answer.err and _OWN not in answer.err:
        for part in ("error: ", "  received: ", "  allowed:  ", "  fix:      "):
            assert any(line.startswith(part) for line in answer.err.splitlines()), answer
        assert not answer.out, answer
    return answer


def _code(arguments: tuple[str, ...]) -> Any:
    try:
        return main(arguments)
    except SystemExit as leaving:  # argparse and Hydra print and leave
        return 0 if leaving.code is None else leaving.code


@contextmanager
def _limited(seconds: int) -> Iterator[None]:
    fired: list[int] = []  # for code that catches whatever is raised

    def late(number: int, frame: FrameType | None) -> None:
        fired.append(number)
        raise TimeoutError

    kept = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, kept)
        assert not fired, f"no end within {seconds} s"


def door(quick: int, slow: int) -> pytest.MarkDecorator:
    """Parametrize a test by how many ``inputs`` it tries: few, the same ones each time, or many when slow ones run."""
    return pytest.mark.parametrize("inputs", [quick, pytest.param(slow, marks=pytest.mark.slow)])


def tried(inputs: int, made: st.SearchStrategy[Any], found: list[Any], try_one: Callable[[Any], str]) -> None:
    """Try what went wrong once, and then ``inputs`` more; say at the end how they came out.

    Args:
        try_one: answers with a word for what became of it.
    """
    ended: Counter[str] = Counter()
    for one in found:
        ended[try_one(one)] += 1

    quick = inputs < 100
    phases = (Phase.generate,) if quick else (Phase.generate, Phase.shrink)

    @settings(max_examples=inputs, deadline=None, database=None, derandomize=quick, phases=phases,
              suppress_health_check=list(HealthCheck), print_blob=True)  # fmt: skip
    @given(made)
    def all_of_them(one: Any) -> None:
        ended[try_one(one)] += 1

    all_of_them()
    print(f"{sum(ended.values())} inputs:", ", ".join(f"{count} {word}" for word, count in ended.most_common()))
    assert sum(ended.values()) >= inputs


def whole(store: Path) -> None:
    """No run of the store is open, and each job that is FINISHED has all of its folds."""
    assert rows(store, "select name from runs where status not in ('FINISHED', 'FAILED', 'KILLED')") == []
    planned = rows(store, "select r.run_uuid, t.value from runs r join tags t on t.run_uuid = r.run_uuid and "
                   "t.key = 'folds' where r.status = 'FINISHED' and r.run_uuid in "
                   "(select run_uuid from tags where key = 'kind' and value = 'job')")  # fmt: skip
    counted = dict(rows(store, "select t.value, count(*) from tags t join runs r on r.run_uuid = t.run_uuid where "
                        f"t.key = '{PARENT}' and r.status = 'FINISHED' group by t.value"))  # fmt: skip
    assert [(job, int(folds)) for job, folds in planned] == [(job, counted.get(job)) for job, _ in planned]
