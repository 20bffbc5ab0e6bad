"""Writing behind training: one thread writes what it is handed, in order, while the next epoch trains.

Python interrupts only its main thread, so a call of the store is never cut short here. A finished fold is in the
spool before it is handed over. Where the store does not answer, what is handed over is dropped, training goes on, and
the spool is written once the store is back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, Queue
from threading import Thread
from types import TracebackType
from typing import Protocol

from harness.store.condition import StoreTroubleError
from harness.store.connect import Store
from harness.store.interrupts import interrupts_held
from harness.store.spooling.catch_up import catch_up
from harness.store.spooling.spool import Spool, SpooledJob

_WAITING = 500  # calls: beyond them training waits for the store, and memory does not grow
_IDLE_S = 5.0
_RETRY_S = 10.0


class Recorded(Protocol):
    """A job that the writing thread records, see `harness.store.spooling.job_record.JobRecord`.

    Attributes:
        unwritten: finished folds that the store does not have.
    """

    name: str
    unwritten: set[int]

    def idle(self) -> None:
        """Do what is due where nothing comes in for a while."""

    def catch_up(self) -> StoreTroubleError | None:
        """Write what the spool has of the job; what the store says if it does not."""


class Recorder:
    """Records the jobs of a sweep; a context, which ends when all is written that the store takes.

    Args:
        store: is written by this thread alone, as long as jobs are open.
        spool: what the store does not take stays there.
        say: is told that the store went away, and that it is back.
    """

    def __init__(self, store: Store, spool: Spool, say: Callable[[str], None] = lambda text: None) -> None:
        self.store, self.spool = store, spool
        self._say = say
        self._calls: Queue[tuple[Recorded | None, Callable[[], None]] | None] = Queue(_WAITING)
        self._thread = Thread(target=self._work, name="writer", daemon=True)
        self._behind: list[Recorded] = []
        self._tried = 0.0
        self.trouble: StoreTroubleError | None = None

    def __enter__(self) -> Recorder:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with interrupts_held():
            self._calls.put(None)
            self._thread.join()

    @property
    def behind(self) -> list[str]:
        """Names of the jobs of which something waits for the store to be back."""
        return [record.name for record in list(self._behind)]

    @property
    def away(self) -> bool:
        """Whether the store did not answer when it was last asked."""
        return bool(self._behind)

    @property
    def waiting(self) -> int:
        """How many folds wait for the store to be back."""
        return sum(len(record.unwritten) for record in list(self._behind))

    def put(self, record: Recorded | None, call: Callable[[], None]) -> None:
        """Let a call be made when all handed over before have been."""
        self._calls.put((record, call))

    def drain(self) -> None:
        """Wait until everything handed over is written.

        Raises:
            StoreTroubleError: the store does not take it now.
        """
        self.put(None, self._catch_up)
        self._calls.join()
        if self.away and self.trouble is not None:
            raise self.trouble

    def settle(self, patience_s: float) -> None:
        """Write what waits, if the store comes back within so many seconds, or until Ctrl-C."""
        deadline = time.monotonic() + patience_s
        while True:
            with interrupts_held():
                self.put(None, self._catch_up)
                self._calls.join()
            if not self.away or time.monotonic() >= deadline:
                return
            try:
                time.sleep(min(1.0, patience_s))
            except KeyboardInterrupt:
                return

    def ask(self) -> StoreTroubleError | None:
        """What the store says if it does not answer."""
        try:
            found = self.store.client.search_experiments(max_results=1)
            self.store.client.search_runs([one.experiment_id for one in found], max_results=1)
        except Exception as error:
            return self.store.trouble_writing(error)
        return None

    def leave(self, job: SpooledJob) -> None:
        """Record the folds of a job whose turn will not come, if the store takes them; else they stay spooled."""

        def write() -> None:
            if not self.away:
                with suppress(Exception):
                    catch_up(self.store, job)

        self.put(None, write)

    def fall_behind(self, record: Recorded, trouble: StoreTroubleError) -> None:
        """Remember that the store did not take a job's call."""
        if not self._behind:
            self.trouble, self._tried = trouble, time.monotonic()
            self._say(f"the store does not answer, training goes on; finished folds wait in {self.spool.folder}")
        if record not in self._behind:
            self._behind.append(record)

    def _catch_up(self) -> None:
        waiting, self._tried = self.waiting, time.monotonic()
        while self._behind:
            trouble = self._behind[0].catch_up()
            if trouble is not None:
                self.trouble = trouble
                return
            del self._behind[0]
            if not self._behind:
                self._say(f"the store is back, and has the {waiting} folds that waited")

    def _work(self) -> None:
        record: Recorded | None = None
        while True:
            try:
                item = self._calls.get(timeout=_IDLE_S)
            except Empty:
                if record is not None:
                    record.idle()
            else:
                if item is not None:
                    record, call = item[0] or record, item[1]
                    call()
                self._calls.task_done()
                if item is None:
                    return
            if self.away and time.monotonic() - self._tried > _RETRY_S:
                self._catch_up()
