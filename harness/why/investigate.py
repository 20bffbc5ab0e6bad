"""A script run under observation, from its first line to the verdicts."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.why.judging.findings import Verdict
from harness.why.judging.judge import judge
from harness.why.observing.script import parts_of, run
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
        InputError: no such script, or no Python in it.
    """
    parts = parts_of(path)
    witness = Witness(steps, stop=stop)
    error = None
    with witness.on():
        try:
            run(path, parts, arguments)
        except KeyboardInterrupt:
            if not witness.found:
                raise
        except SystemExit:
            pass  # the script's own way to end
        except BaseException as raised:  # a class of its own that is no Exception ends a script, too
            frames = traceback.extract_tb(raised.__traceback__)
            first = next((place for place, one in enumerate(frames) if one.filename.startswith(str(path))), 0)
            lines = traceback.format_list(frames[first:]) + traceback.format_exception_only(raised)
            error = "error: the script itself raised this\n" + "".join(lines)
    verdicts = judge(witness, by_fit=by_fit)
    if verdicts:
        return Investigation(verdicts, error)
    return Investigation((), error, *_nothing(witness))


def _nothing(witness: Witness) -> tuple[str, str]:
    called = [one.model.name for one in witness.found]
    if not called:
        return "no Keras model was called in it", "make the network a keras.Model, or a keras.Sequential of its layers"
    return (
        f"it called {', '.join(called)}, and trained none of them",
        "train by optimizer.apply_gradients, model.train_on_batch or model.fit",
    )
