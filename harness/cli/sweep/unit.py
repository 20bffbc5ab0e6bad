"""What a worker process does with a unit: the composition made into its job again, and one fold of it trained."""

from __future__ import annotations

import io
import os
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

FarWork = tuple[Composition, str, str]  # and the hash of the fold, and the devices of where it was asked for

_SHARED, _PROGRAMS = Shared(), Programs()  # of this process: data are loaded once, programs compiled once


def train_unit(composition: Composition, fold: int, hashed: str = "") -> FoldResult:
    """Train a fold of a job that was checked before.

    Args:
        composition: of the job.
        fold: its number.
        hashed: what the fold's hash has to be here, too, if anything.

    Raises:
        TrainingError: it is another.
    """
    with own_output():
        with redirect_stderr(io.StringIO()):  # what is to be said of a job was said where it was checked
            resolved = resolve([composition], _SHARED)[0]
        job = resolved.job
        if hashed and resolved.description.identity.folds[fold] != hashed:
            raise TrainingError("where it was to train, code, versions, data or processor are others than here")
        chosen = [one for one in job.folds if one.number == fold]
        (result,) = cross_validate(replace(job, folds=chosen), programs=_PROGRAMS)
    return result


def far_work(composition: Composition, hashed: str) -> FarWork:
    """What `train_unit_far` takes."""
    return composition, hashed, os.environ.get("CUDA_VISIBLE_DEVICES", "")


def train_unit_far(work: FarWork, fold: int) -> FoldResult:
    """`train_unit`, later and elsewhere: code may have changed since, and what goes wrong is not tried beside the user.

    Raises:
        TrainingError: training raised an error, or would give something else than was asked for.
    """
    composition, hashed, devices = work
    # Whoever hands out GPUs sets this variable, which is part of the hash.
    same = os.environ.get("CUDA_VISIBLE_DEVICES", "") == devices
    try:
        return train_unit(composition, fold, hashed if same else "")
    except TrainingError:
        raise
    except InputError as error:
        raise TrainingError(str(error)) from error
    except Exception as error:
        place, first = own_line(error), next(iter(str(error).splitlines()), "")
        failed = TrainingError(f"{type(error).__name__}: {first}" + (f" ({place})" if place else ""))
        failed.add_note("".join(traceback.format_exception(error)))
        raise failed from None
