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
from harness.cli.jobs.resolve import ResolvedJob, describe, resolve  # noqa: E402
from harness.engine.in_process import cross_validate  # noqa: E402
from harness.plan.identity import asked_by  # noqa: E402
from harness.plan.processor import processor  # noqa: E402
from harness.train.programs import Programs  # noqa: E402

Work = tuple[Composition, str]  # and the hash of the fold
FarWork = tuple[Composition, str, str, str]  # and the devices and processor of where it was asked for

_DEVICES = "CUDA_VISIBLE_DEVICES"  # which is part of a hash
_CHANGED = "code or data were changed since the command began; the same command trains it as they are now"
_ELSEWHERE = "where it was to train, code, versions, data or architecture are others than here"

_SHARED, _PROGRAMS = Shared(), Programs()  # of this process: data are loaded once, programs compiled once


def train_unit(work: Work, fold: int) -> FoldResult:
    """Train a fold of a job that was checked before, in a process of the same machine.

    Args:
        work: composition of the job, and what the fold's hash has to be here, too.
        fold: its number.

    Raises:
        TrainingError: it is another.
    """
    return _train(*work, fold, _CHANGED, os.environ.get(_DEVICES, ""), processor())


def _train(composition: Composition, hashed: str, fold: int, otherwise: str, devices: str, asking: str) -> FoldResult:
    with own_output():
        with redirect_stderr(io.StringIO()):  # what is to be said of a job was said where it was checked
            resolved = resolve([composition], _SHARED)[0]
        job = resolved.job
        if _hash_with(devices, asking, resolved, fold) != hashed:
            raise TrainingError(otherwise)
        chosen = [one for one in job.folds if one.number == fold]
        (result,) = cross_validate(replace(job, folds=chosen), programs=_PROGRAMS)
    return result


def _hash_with(devices: str, asking: str, resolved: ResolvedJob, fold: int) -> str:
    """The fold's hash where it was asked for: whoever hands out GPUs names a worker's, and processors may differ."""
    here = os.environ.get(_DEVICES)
    if (here or "") == devices and asking == processor():
        return resolved.description.identity.folds[fold]
    os.environ[_DEVICES] = devices
    try:
        with asked_by(asking):
            return describe(resolved.composition, resolved.job.dataset, resolved.job.folds).identity.folds[fold]
    finally:
        if here is None:
            del os.environ[_DEVICES]
        else:
            os.environ[_DEVICES] = here


def far_work(composition: Composition, hashed: str) -> FarWork:
    """What `train_unit_far` takes."""
    return composition, hashed, os.environ.get(_DEVICES, ""), processor()


def train_unit_far(work: FarWork, fold: int) -> FoldResult:
    """`train_unit`, later and elsewhere: code may have changed since, and what goes wrong is not tried beside the user.

    Raises:
        TrainingError: training raised an error, or would give something else than was asked for.
    """
    composition, hashed, devices, asking = work
    try:
        return _train(composition, hashed, fold, _ELSEWHERE, devices, asking)
    except TrainingError:
        raise
    except InputError as error:
        raise TrainingError(str(error)) from error
    except Exception as error:
        place, first = own_line(error), next(iter(str(error).splitlines()), "")
        failed = TrainingError(f"{type(error).__name__}: {first}" + (f" ({place})" if place else ""))
        failed.add_note("".join(traceback.format_exception(error)))
        raise failed from None
