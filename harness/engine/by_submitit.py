"""Folds as jobs that submitit submits, to Slurm or on this machine; they outlive the command that submitted them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.engine.submitted import SubmittedFolder, Task, shares
from harness.engine.workers import TRIES, Finished, Unit, UnitError, WorkerDeathError, found, trained
from harness.errors import InputError
from harness.records import FoldResult


class StillOutError(UnitError):
    """A unit is submitted and has not ended; nobody waits for it."""


@dataclass(frozen=True)
class Batch:
    """Where and how submitit's jobs train.

    Attributes:
        cluster: ``slurm`` or ``local``.
        folder: of what is submitted and what came of it.
        workers: jobs, among which the units are shared out.
        parameters: submitit's own, of each job.
        wait: for what comes of them.
        variables: of the environment, set in each job before it imports TensorFlow.
        poll_s: between two looks.
        follow: the command that says how far they are.
    """

    cluster: str
    folder: Path
    workers: int
    parameters: Mapping[str, Any]
    wait: bool = True
    variables: Mapping[str, str] = field(default_factory=dict)
    poll_s: float = 1.0
    follow: str = "harness status"


def by_submitit(
    units: Sequence[Unit], train: str, batch: Batch, study: Callable[[Unit], str], say: Callable[[str], None]
) -> Finished:
    """Train units as submitted jobs; those that an earlier command submitted are not submitted again.

    Args:
        units: in the order in which they are wanted; equal hashes are trained once.
        train: ``module:function`` that trains a fold of ``work``; the jobs have to find it.
        study: of a unit, for who asks how far it is.
        say: is told what was submitted, and what was lost.

    Raises:
        InputError: the cluster does not take the jobs.
    """
    folder = SubmittedFolder(batch.folder)
    wanted: dict[str, list[Unit]] = {}
    for unit in units:
        wanted.setdefault(unit.hashed, []).append(unit)
    gone, taken = set[str](), set[str]()
    try:
        while wanted:
            living = alive(folder.tasks(), batch.cluster)
            for hashed in list(wanted):
                result = _came_of(folder, hashed, batch)
                if result is not None:
                    if isinstance(result, UnitError):  # told now; the next command tries again
                        folder.forget(hashed)
                    yield from ((unit, result) for unit in wanted.pop(hashed))
                    folder.forget(hashed)
                    taken.add(hashed)
            gone = _end_tasks(folder, wanted, living, gone, say)
            held = {hashed for task in folder.tasks() for hashed in task.hashes}
            settled = {hashed for hashed in wanted if folder.has(hashed) or folder.tries(hashed) >= TRIES}
            missing = [few[0] for hashed, few in wanted.items() if hashed not in held | settled]
            if missing:
                _submit(missing, train, batch, folder, study, say)
            if not batch.wait and gone.isdisjoint(task.job for task in folder.tasks()):
                for few in wanted.values():
                    yield from ((unit, StillOutError("submitted, and not finished")) for unit in few)
                return
            if wanted:
                time.sleep(batch.poll_s)
    finally:
        left = [task.job for task in folder.tasks() if not wanted.keys().isdisjoint(task.hashes)]
        for task in folder.tasks():
            if task.job not in left and not taken.isdisjoint(task.hashes):
                folder.end(task)
        if left and batch.wait:
            stop = f"; scancel {' '.join(sorted({job.partition('_')[0] for job in left}))} ends them"
            words = f"{len(left)} submitted jobs go on: the same command collects what they train"
            say(words + (stop if batch.cluster == "slurm" else ""))


def _came_of(folder: SubmittedFolder, hashed: str, batch: Batch) -> FoldResult | UnitError | None:
    result = folder.take(hashed)
    if result is None and folder.tries(hashed) >= TRIES:
        return WorkerDeathError(f"its job ended {TRIES} times without a result; what it said is in {batch.folder}")
    return result


def _end_tasks(
    folder: SubmittedFolder,
    wanted: Mapping[str, Any],
    living: set[str] | None,
    gone: set[str],
    say: Callable[[str], None],
) -> set[str]:
    """Note jobs that were gone at two looks in turn: a shared disk may show their last result late."""
    if living is None:
        return gone
    now = {task.job for task in folder.tasks()} - living
    for task in folder.tasks():
        left = [hashed for hashed in task.hashes if hashed in wanted and not folder.has(hashed)]
        if left and task.job in now & gone:
            folder.end(task, lost=left[0])
            say(f"job {task.job} ended before its folds were trained; those that are left are submitted again")
    return now


def _submit(
    units: Sequence[Unit],
    train: str,
    batch: Batch,
    folder: SubmittedFolder,
    study: Callable[[Unit], str],
    say: Callable[[str], None],
) -> None:
    import submitit

    dealt = shares(units, batch.workers)
    try:
        executor = submitit.AutoExecutor(folder=str(batch.folder / "logs"), cluster=batch.cluster)
        executor.update_parameters(**batch.parameters)
        with _deaf_to_interrupts(), executor.batch():
            jobs = [
                executor.submit(_train_all, train, share, str(batch.folder), os.getcwd(), dict(batch.variables))
                for share in dealt
            ]
    except (RuntimeError, ValueError, NameError, OSError, submitit.core.utils.FailedJobError) as error:
        reason = " ".join(str(error).split())[:300]
        allowed = "settings that the cluster takes, where its commands are on the path"
        raise InputError("engine.cluster", batch.cluster, allowed, f"correct engine.parameters ({reason})") from error
    for job, share in zip(jobs, dealt, strict=True):
        hashes = tuple(unit.hashed for unit in share)
        folder.add(Task(str(job.job_id), batch.cluster, tuple(study(unit) for unit in share), hashes))
        job._cancel_at_deletion = False
    ids = ", ".join(sorted({str(job.job_id).partition("_")[0] for job in jobs}))
    say(f"{len(units)} folds submitted in {len(jobs)} jobs ({ids}); to follow them: {batch.follow}")


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes started here are not ended by Ctrl-C: they inherit that it is ignored."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not in the main thread, where it cannot be set
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _train_all(train: str, units: Sequence[Unit], folder: str, cwd: str, variables: Mapping[str, str]) -> None:
    """In a job: train units one after another, where the command was given."""
    os.environ.update(variables)
    os.chdir(cwd)
    there = SubmittedFolder(Path(folder))
    for unit in units:
        if not there.has(unit.hashed):
            result = trained(found(train), unit)
            there.put(unit.hashed, UnitError("it raised an error") if result is None else result)


def alive(tasks: Sequence[Task], cluster: str) -> set[str] | None:
    """Which jobs wait or run; None where the cluster does not say."""
    if cluster == "local":
        return {task.job for task in tasks if _controls(int(task.job))}
    try:
        asked = subprocess.run(
            ["squeue", "--noheader", "--array", f"--user={os.getuid()}", "--format=%i"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return set(asked.stdout.split())


def _controls(pid: int) -> bool:
    """Whether this process is one of submitit's that control a job."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # else a child of ours that has ended would stay
    try:
        os.kill(pid, 0)
        return sys.platform != "linux" or b"submitit" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
