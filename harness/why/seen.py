"""Watching a piece of a program, a notebook's cells for one, in place of a whole script."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.errors import InputError
from harness.why.judging.findings import Verdict, as_dict
from harness.why.judging.judge import judge
from harness.why.observing.witness import Witness
from harness.why.text import print_verdicts


class Seen:
    """What was seen of the models trained inside a `watch`.

    Attributes:
        verdicts: one for each model, once the block has ended.
    """

    def __init__(self) -> None:
        self.verdicts: tuple[Verdict, ...] = ()

    def report(self) -> None:
        """Print what was found, and what was not checked."""
        print_verdicts(self.verdicts, Console(emoji=False, markup=False), Path.cwd())

    def as_dict(self) -> list[dict[str, Any]]:
        """The same as plain data, as ``harness why --format json`` prints it."""
        return as_dict(self.verdicts)


@contextmanager
def watch(*, steps: int = 24, fit: bool = False) -> Iterator[Seen]:
    """Observe every Keras model that is trained inside, and judge it at the end.

    The models' own objects are used for that: their weights are put back afterwards.

    Args:
        steps: how many of each model's first steps are recomputed.
        fit: whether to train each model by ``fit()`` too, on the same rows.

    Raises:
        InputError: ``steps`` is below 2, or what runs inside trains on several devices.
    """
    if steps < 2:
        raise InputError("steps", steps, "2 or more", "use watch(steps=24)")
    seen, witness = Seen(), Witness(steps)
    with witness.on():
        yield seen
    if witness.refused is not None:
        raise witness.refused
    with witness.as_left():
        seen.verdicts = judge(witness, by_fit=fit)
