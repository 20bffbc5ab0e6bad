"""Writing spooled jobs: what the store lacks of them, as often as it takes, nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.store.connect import Store
from harness.store.runs import find_runs
from harness.store.schema import SPOOLED, End
from harness.store.spooling.spool import Spool, SpooledJob
from harness.store.write import JobWriter

KILLED = End("KILLED")


def catch_up(store: Store, job: SpooledJob, *, last: bool = True) -> tuple[JobWriter | None, set[int]]:
    """Write what the store lacks of a spooled job, and remove it from the spool where it has ended.

    Args:
        last: nothing more will come: a job that has not ended is closed as KILLED, to be taken up some day.

    Returns:
        The writer of a job that has not ended, if ``last`` is false; and the folds that the store has now.
    """
    folds, end = job.folds(), job.ended() or (KILLED if last else None)
    if (closed := _closed(store, job)) or (last and not folds and job.ended() is None and closed is None):
        job.remove()
        return None, set(folds)
    identity = job.description.identity
    hashes = {**identity.folds, **{number: fold.hashed for number, fold in folds.items()}}
    description = replace(job.description, identity=replace(identity, folds=hashes))
    writer = JobWriter(store, description, resume=job.resume, key=job.key)
    recorded = writer.recorded()
    for fold in folds.values():
        if fold.hashed not in recorded:
            writer.record_fold(fold.result, fold.times, reused_from=fold.reused_from)
    if end is None:
        return writer, set(folds)
    if end.status == "FINISHED" and folds.keys() == hashes.keys():
        writer.finish(description.result(tuple(fold.result for fold in folds.values())))
    else:
        writer.close(KILLED if end.status == "FINISHED" else end)
    job.remove()
    return None, set(folds)


def _closed(store: Store, job: SpooledJob) -> bool | None:
    """Whether the store has the whole job, by this or another process; None where the job has no run of its own."""
    experiment = store.experiments().get(job.description.study)
    if experiment is None:
        return None
    own = find_runs(store, [experiment], **{SPOOLED: job.key})
    same = {"job_hash": job.description.identity.job, "method": job.description.method}
    others = find_runs(store, [experiment], kind="job", **same) if job.resume and not own else []
    if any(run.status == "FINISHED" for run in [*own, *others]):
        return True
    return False if own else None


def sync(store: Store, spool: Spool, say: Callable[[str], None]) -> int:
    """Write all that processes which have ended left in a spool.

    Args:
        say: is told of each job.

    Returns:
        How many folds were written.

    Raises:
        StoreTroubleError: the store does not answer; what it has not taken stays spooled.
    """
    written = 0
    with spool.left() as jobs:
        for job in jobs:
            what = f"{job.description.study}, {job.description.name}"
            try:
                _, folds = catch_up(store, job)
            except Exception as error:
                if trouble := store.trouble_writing(error):
                    raise trouble from error
                say(f"{what}: its spooled folds cannot be recorded: {type(error).__name__}: {error}")
                continue
            written += len(folds)
            if folds:
                say(f"{what}: {len(folds)} spooled folds are in the store now")
    return written
