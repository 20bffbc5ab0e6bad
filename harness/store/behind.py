"""Writing behind training: one thread writes what it is handed, in order, while the next epoch trains.

Python interrupts only its main thread, so a call of the store is never cut short here. What has been handed over
is written whatever becomes of the sweep, short of the process's being killed.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, Queue
from threading import Event, Thread
from types import TracebackType

from harness.records import EpochRecord, FoldResult, JobResult
from harness.store.connect import Store
from harness.store.description import JobDescription
from harness.store.interrupts import interrupts_held
from harness.store.write import JobWriter, now_ms

_WAITING = 500  # calls: beyond them training waits for the store, and memory does not grow
_IDLE_S = 5.0


class Recorder:
    """Records the jobs of a sweep; a context, which ends when all is written.

    Args:
        store: is written by this thread alone, as long as jobs are open.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._calls: Queue[tuple[JobRecord, Callable[[], None]] | None] = Queue(_WAITING)
        self._thread = Thread(target=self._work, name="writer", daemon=True)

    def __enter__(self) -> Recorder:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with interrupts_held():
            self._calls.put(None)
            self._thread.join()

    def put(self, record: JobRecord, call: Callable[[], None]) -> None:
        """Let a call be made when all handed over before have been."""
        self._calls.put((record, call))

    def drain(self) -> None:
        """Wait until everything handed over is written."""
        self._calls.join()

    def _work(self) -> None:
        record: JobRecord | None = None
        while True:
            try:
                item = self._calls.get(timeout=_IDLE_S)
            except Empty:
                if record is not None:
                    record.idle()
                continue
            if item is not None:
                record, call = item
                call()
            self._calls.task_done()
            if item is None:
                return


class JobRecord:
    """One job, recorded behind its training. Methods are called by the training thread, interrupts held.

    Each but `fail` raises what writing the job has come to before, once it is known.

    Attributes:
        error: what writing came to; None as long as all went well.
        closed: whether the store took the end of the job.
        done: set once nothing more is written.
    """

    def __init__(self, recorder: Recorder, description: JobDescription, *, resume: bool = True) -> None:
        self.error: Exception | None = None
        self.closed = True
        self.done = Event()
        self._recorder = recorder
        self._writer: JobWriter | None = None
        self._times: dict[int, list[int]] = {}
        self._ended: set[int] = set()
        self._later(lambda: self._open(description, resume))

    @property
    def run_id(self) -> str | None:
        """Of the parent run, once it is open."""
        return None if self._writer is None else self._writer.run_id

    def opened(self) -> str:
        """Wait until the parent run is open: its id."""
        self._recorder.drain()
        self._raise()
        return self._open_writer().run_id

    def start_fold(self, fold: int) -> None:
        """Open the fold's child run, unless the fold has ended before its turn to be written has come."""
        self._times[fold] = []
        self._later(lambda: None if fold in self._ended else self._open_writer().start_fold(fold))

    def epoch(self, fold: int, record: EpochRecord) -> None:
        """Take an epoch's metrics."""
        at = now_ms()
        self._times[fold].append(at)
        self._later(lambda: self._open_writer().epoch(record, at))

    def finish_fold(self, result: FoldResult) -> None:
        """Close the fold's child run."""
        times = self._times.pop(result.fold, [])
        self._ended.add(result.fold)
        self._later(lambda: self._open_writer().finish_fold(result, times))

    def reuse_fold(self, result: FoldResult, source_run: str) -> None:
        """Record, in a child run of this job, a fold that another run already trained."""
        self._later(lambda: self._open_writer().record_fold(result, reused_from=source_run))

    def finish(self, result: JobResult) -> None:
        """Write what is known over all folds, and close the parent run."""
        self._later(lambda: self._open_writer().finish(result), last=True)

    def fail(self, error: BaseException) -> None:
        """Close the open runs as the error has it, and wait until that is written."""
        self._recorder.put(self, lambda: self._close(error))
        self.done.wait()

    def idle(self) -> None:
        """Called by the writing thread where nothing comes in for a while."""
        if not self.done.is_set() and self._writer is not None:
            self._attempt(self._writer.idle)

    def _open(self, description: JobDescription, resume: bool) -> None:
        self._writer = JobWriter(self._recorder.store, description, resume=resume)

    def _open_writer(self) -> JobWriter:
        assert self._writer is not None
        return self._writer

    def _later(self, call: Callable[[], None], *, last: bool = False) -> None:
        self._raise()
        self._recorder.put(self, lambda: self._attempt(call, last=last))

    def _raise(self) -> None:
        if self.error is not None:
            raise self.error

    def _attempt(self, call: Callable[[], None], *, last: bool = False) -> None:
        if self.done.is_set():
            return
        try:
            call()
        except Exception as error:  # raised where the job is trained, or told at its end
            self.error = error  # before `done` is set, for who waits for that looks at this
            self._close(error)
        if last:
            self.done.set()

    def _close(self, error: BaseException) -> None:
        if not self.done.is_set():
            self.closed = self._writer is None or self._writer.fail(error)
            self.done.set()
