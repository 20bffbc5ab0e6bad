"""One job on its way into the store: each finished fold spooled, then handed to the thread that writes."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import suppress
from threading import Event

from harness.records import EpochRecord, FoldResult, JobResult
from harness.store.condition import StoreTroubleError
from harness.store.description import JobDescription
from harness.store.schema import End
from harness.store.spooling.catch_up import catch_up
from harness.store.spooling.recorder import Recorder
from harness.store.spooling.spool import SpooledFold, SpooledJob, SpoolError
from harness.store.write import JobWriter, now_ms

_BEAT_MS = 60_000


class JobRecord:
    """One job, recorded behind its training. Methods are called by the training thread, interrupts held.

    Each but `fail` raises what writing the job has come to before, once it is known, unless it is that the store does
    not answer.

    Args:
        spooled: of the job where a part of it was spooled before its turn came.

    Attributes:
        error: what writing came to; None as long as all went well.
        closed: whether the store took the end of the job.
        done: set once nothing more is written.
        name: of the job.
        unwritten: finished folds that the store does not have, those spooled ahead among them.
    """

    def __init__(
        self,
        recorder: Recorder,
        description: JobDescription,
        *,
        resume: bool = True,
        spooled: SpooledJob | None = None,
    ) -> None:
        self.error: Exception | None = None
        self.closed = True
        self.done = Event()
        self.unwritten: set[int] = set() if spooled is None else spooled.numbers()
        self.name = description.name
        self._recorder, self._hashes = recorder, description.identity.folds
        self._spooled = spooled or recorder.spool.open(description, resume=resume)
        if spooled is not None:
            spooled.describe(description)
        self._writer: JobWriter | None = None
        self.run_id: str | None = None
        self._times: dict[int, list[int]] = {}
        self._beaten_ms = now_ms()
        self._ended: set[int] = set()
        self._later(self._open)

    def opened(self) -> str:
        """Wait until the parent run is open: its id.

        Raises:
            StoreTroubleError: the store does not answer.
        """
        self._recorder.drain()
        self._raise()
        return self._open_writer().run_id

    def start_fold(self, fold: int) -> None:
        """Open the fold's child run, unless the fold has ended before its turn to be written has come."""
        self._times[fold] = []
        self._live(lambda: None if fold in self._ended else self._open_writer().start_fold(fold))

    def epoch(self, fold: int, record: EpochRecord) -> None:
        """Take an epoch's metrics."""
        at = now_ms()
        if at > self._beaten_ms + _BEAT_MS:
            self._spooled.beat()
            self._beaten_ms = at
        self._times[fold].append(at)
        self._live(lambda: self._open_writer().epoch(record, at))

    def finish_fold(self, result: FoldResult) -> None:
        """Close the fold's child run.

        Raises:
            SpoolError: it cannot be kept.
        """
        times = tuple(self._times.pop(result.fold, ()))
        self._keep(SpooledFold(result, self._hashes[result.fold], times))
        self._ended.add(result.fold)

        self._write_fold(result.fold, lambda writer: writer.finish_fold(result, times))

    def reuse_fold(self, result: FoldResult, source_run: str) -> None:
        """Record, in a child run of this job, a fold that another run already trained."""
        self._keep(SpooledFold(result, self._hashes[result.fold], reused_from=source_run))

        self._write_fold(result.fold, lambda writer: writer.record_fold(result, reused_from=source_run))

    def own_fold(self, result: FoldResult) -> None:
        """Know a fold that the job's own run already has."""
        self._keep(SpooledFold(result, self._hashes[result.fold]))
        self.unwritten.discard(result.fold)

    def finish(self, result: JobResult) -> None:
        """Write what is known over all folds, and close the parent run."""
        self._raise()
        self._spooled.end(End("FINISHED"))
        self._later(lambda: self._open_writer().finish(result), last=True)

    def fail(self, error: BaseException) -> None:
        """Close the open runs as the error has it, and wait until that is written, or known to wait."""
        end = _end_of(error)
        with suppress(SpoolError):  # what the store takes now is all that can be done
            self._spooled.end(end)
        self._recorder.put(self, lambda: self._fail(end))
        self._recorder.settle(0.0)

    def give_up(self) -> None:
        """Let the job be begun anew; what was spooled of it ahead stays."""
        self.done.set()
        if not self.unwritten:
            self._spooled.remove()

    def idle(self) -> None:
        """Called by the writing thread where nothing comes in for a while."""
        if not self.done.is_set() and self._writer is not None:
            self._attempt(self._writer.idle)

    def catch_up(self) -> StoreTroubleError | None:
        """Called by the writing thread: write what the spool has of the job; what the store says if it does not."""
        if self.done.is_set():
            return self._recorder.ask()
        try:
            self._writer, folds = catch_up(self._recorder.store, self._spooled, last=False)
        except Exception as error:
            trouble = self._recorder.store.trouble_writing(error)
            if trouble is None:
                self.error = error
                self.done.set()
            return trouble
        self.unwritten -= folds
        if self._writer is None:
            self.closed = True
            self.done.set()
        else:
            self.run_id = self._writer.run_id
        return None

    def _open(self) -> None:
        job = self._spooled
        self._writer = JobWriter(self._recorder.store, job.description, resume=job.resume, key=job.key)
        self.run_id = self._writer.run_id

    def _open_writer(self) -> JobWriter:
        assert self._writer is not None
        return self._writer

    def _keep(self, fold: SpooledFold) -> None:
        self._raise()
        self.unwritten.add(fold.result.fold)  # first: the writing thread may find the file at once
        try:
            self._spooled.put(fold)
        except SpoolError:
            self.unwritten.discard(fold.result.fold)
            raise

    def _write_fold(self, fold: int, write: Callable[[JobWriter], None]) -> None:
        def unless_written() -> None:
            if fold in self.unwritten:
                write(self._open_writer())
                self.unwritten.discard(fold)

        self._later(unless_written)

    def _live(self, call: Callable[[], None]) -> None:
        """What shows a fold while it trains: left out while the store is away."""
        if not self._recorder.away:
            self._later(call)

    def _later(self, call: Callable[[], None], *, last: bool = False) -> None:
        self._raise()
        self._recorder.put(self, lambda: self._attempt(call, last=last))

    def _raise(self) -> None:
        if self.error is not None:
            raise self.error

    def _attempt(self, call: Callable[[], None], *, last: bool = False) -> None:
        if self.done.is_set():
            return
        if self._recorder.away and self._recorder.trouble is not None:
            self._wait_for_store(self._recorder.trouble)
            return
        try:
            call()
        except Exception as error:
            trouble = self._recorder.store.trouble_writing(error)
            if trouble is not None:
                self._wait_for_store(trouble)
                return
            self.error = error  # raised where the job is trained, or told at its end; before `done` is set
            self._close(_end_of(error))
        if last and not self.done.is_set():
            self._done()

    def _wait_for_store(self, trouble: StoreTroubleError) -> None:
        self._writer, self.closed = None, False
        self._recorder.fall_behind(self, trouble)

    def _fail(self, end: End) -> None:
        """Close the runs, and write first what was spooled and not handed over."""
        if self.unwritten and not self.done.is_set() and not self._recorder.away:
            trouble = self.catch_up()
            if trouble is not None:
                self._wait_for_store(trouble)
        self._close(end)

    def _close(self, end: End) -> None:
        if self.done.is_set() or self._recorder.away:  # away: the spool knows how it ended
            return
        try:
            if self._writer is not None:
                self._writer.close(end)
            self.closed = True
        except Exception as error:  # whatever the store's trouble is, it must not hide why the job ended
            trouble = self._recorder.store.trouble_writing(error)
            if trouble is not None:
                self._wait_for_store(trouble)
                return
            self.closed = False
        self._done()

    def _done(self) -> None:
        if self.closed and not self.unwritten:
            self._spooled.remove()
        self.done.set()


def _end_of(error: BaseException) -> End:
    if isinstance(error, KeyboardInterrupt | SpoolError):
        return End("KILLED")
    return End("FAILED", f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error)))
