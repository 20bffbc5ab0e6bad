"""What a worker process does with a unit: the composition made into its job again, and one fold of it trained."""

from __future__ import annotations

import io
import traceback
from contextlib import redirect_stderr
from dataclasses import replace

from harness.cli.jobs.compose import Composition
from harness.cli.terminal.own_code import own_line, own_output
from harness.cli.terminal.quiet import quiet_tensorflow
from harness.engine.workers import TrainingError
from harness.errors import InputError
from harness.records import FoldResult

quiet_tensorflow()

from harness.cli.jobs.make import Shared  # noqa: E402
from harness.cli.jobs.resolve import resolve  # noqa: E402
from harness.engine.in_process import cross_validate  # noqa: E402
from harness.train.programs import Programs  # noqa: E402

_SHARED, _PROGRAMS = Shared(), Programs()  # of this process: data are loaded once, programs compiled once


def train_unit(composition: Composition, fold: int) -> FoldResult:
    """Train a fold of a job that was checked before.

    Args:
        composition: of the job.
        fold: its number.
    """
    with own_output():
        with redirect_stderr(io.StringIO()):  # what is to be said of a job was said where it was checked
            job = resolve([composition], _SHARED)[0].job
        chosen = [one for one in job.folds if one.number == fold]
        (result,) = cross_validate(replace(job, folds=chosen), programs=_PROGRAMS)
    return result


def train_unit_far(composition: Composition, fold: int) -> FoldResult:
    """`train_unit`, where what goes wrong is not to be tried again beside the user.

    Raises:
        TrainingError: training raised one.
    """
    try:
        return train_unit(composition, fold)
    except InputError as error:
        raise TrainingError(str(error)) from error
    except Exception as error:
        place, first = own_line(error), next(iter(str(error).splitlines()), "")
        failed = TrainingError(f"{type(error).__name__}: {first}" + (f" ({place})" if place else ""))
        failed.add_note("".join(traceback.format_exception(error)))
        raise failed from None
