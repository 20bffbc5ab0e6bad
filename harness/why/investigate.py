"""A script run under observation, from its first line to the verdicts."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.why.judging.findings import Verdict
from harness.why.judging.judge import judge
from harness.why.observing.refused import set_by_script
from harness.why.observing.script import Part, parts_of, run
from harness.why.observing.witness import Witness

_ALLOWED = "a script that trains a Keras model by a tape, an optimizer or fit()"


@dataclass(frozen=True)
class Investigation:
    """What came of a script.

    Attributes:
        verdicts: one for each model that was trained.
        error: the script's own traceback, where it ended in an error.
        reason: why nothing could be judged, where that is so.
        fix: what to do about that.
    """

    verdicts: tuple[Verdict, ...]
    error: str | None = None
    reason: str = ""
    fix: str = ""
    allowed: str = _ALLOWED


def investigate(
    path: Path, arguments: Sequence[str], *, steps: int = 24, stop: bool = False, by_fit: bool = False
) -> Investigation:
    """Run a script and judge every model that it trains.

    Args:
        path: of the script.
        arguments: its own.
        steps: how many of each model's first steps are recomputed.
        stop: whether to stop the script when these were seen.
        by_fit: whether to train each model by ``fit()`` too, on the rows that the script drew.

    Raises:
        InputError: no such script, no Python in it, or it trains on what is not taken.
    """
    parts = parts_of(path)
    witness = Witness(steps, stop=stop)
    with witness.on():
        error, end = _run(path, parts, arguments, witness)
    refused = witness.refused or set_by_script()
    if refused is not None:
        raise refused
    verdicts = judge(witness, by_fit=by_fit)
    if verdicts:
        return Investigation(verdicts, error)
    return Investigation((), error, *_nothing(witness, end))


def _run(path: Path, parts: Sequence[Part], arguments: Sequence[str], witness: Witness) -> tuple[str | None, str]:
    """Run the script: its own traceback where it ended in an error, and how it ended, where that was before its end."""
    try:
        run(path, parts, arguments)
    except KeyboardInterrupt:
        if not witness.found:
            raise
    except SystemExit as left:  # the script's own way to end
        if left.code not in (None, 0):
            if not isinstance(left.code, int):
                print(left.code, file=sys.stderr)  # as Python does
            return None, f"sys.exit({left.code!r})"
    except BaseException as raised:  # a class of its own that is no Exception ends a script, too
        frames = traceback.extract_tb(raised.__traceback__)
        first = next((place for place, one in enumerate(frames) if one.filename.startswith(str(path))), 0)
        lines = traceback.format_list(frames[first:]) + traceback.format_exception_only(raised)
        return "error: the script itself raised this\n" + "".join(lines), type(raised).__name__
    return None, ""


def _nothing(witness: Witness, end: str) -> tuple[str, str]:
    """Why nothing can be judged, and what to do about it."""
    called = [one.model.name for one in witness.found]
    if end:
        what = f"{', '.join(called)} was trained" if called else "any Keras model was called"
        fix = "mend that first; the script's own arguments go after --: harness why SCRIPT -- ARGUMENTS"
        return f"it ended by {end} before {what}", fix
    if not called:
        return "no Keras model was called in it", "make the network a keras.Model, or a keras.Sequential of its layers"
    return (
        f"it called {', '.join(called)}, but did not train {'it' if len(called) == 1 else 'them'}",
        "train by optimizer.apply_gradients, model.train_on_batch or model.fit",
    )
