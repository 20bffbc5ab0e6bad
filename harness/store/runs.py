"""Finding runs, and telling whether somebody still writes them.

A run says which process writes it: host, process id, and when that process started. On the same host the
process is looked up. Of another host's process nothing can be asked, so its run is left alone as long as
its last heartbeat, which its writer sets about once a minute while epochs come in, is less than
`SILENT_H` hours old. Erring costs little: a job whose run is left alone gets a second run, which takes
over the finished folds.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from harness.store.lookup import read_runs, read_values
from harness.store.schema import PARENT

if TYPE_CHECKING:  # who only asks for this process's tags needs no MLflow
    from mlflow.entities import Run

    from harness.store.connect import Store

SILENT_H = 24.0  # far longer than an epoch, or than two hosts' clocks are apart
_GONE = ("Z", "X")  # ended, and only not yet reaped by its parent


def find_runs(store: Store, experiments: Sequence[str], **tags: str) -> list[Run]:
    """All active runs with these tags, newest first; their metrics and params may be missing."""
    if not experiments:
        return []
    if store.file is not None:
        with suppress(sqlite3.Error):  # what is wrong with the store MLflow's search tells
            return read_runs(store.file, experiments, tags)
    return _search(store, experiments, tags)


def finished_values(store: Store, experiments: Sequence[str], name: str, **tags: str) -> frozenset[str]:
    """Values that a tag has in the finished ones of these runs."""
    if not experiments:
        return frozenset()
    if store.file is not None:
        with suppress(sqlite3.Error):
            return frozenset(read_values(store.file, experiments, tags, name))
    found = _search(store, experiments, tags, " and attributes.status = 'FINISHED'")
    return frozenset(run.data.tags[name] for run in found)


def _search(store: Store, experiments: Sequence[str], tags: Mapping[str, str], more: str = "") -> list[Run]:
    quotes = {name: '"' if "'" in value else "'" for name, value in tags.items()}  # a file's name may hold either
    condition = " and ".join(f"tags.`{name}` = {quotes[name]}{value}{quotes[name]}" for name, value in tags.items())
    runs: list[Run] = []
    token = None
    while True:
        page = store.client.search_runs(
            list(experiments), condition + more, order_by=["attributes.start_time DESC"], page_token=token
        )
        runs += page
        token = page.token
        if not token:
            return runs


def process_tags() -> dict[str, str]:
    """Tags by which `alive` knows this process again, and when it last gave a sign of life."""
    tags = {"host": socket.gethostname(), "pid": str(os.getpid()), "heartbeat": str(int(time.time()))}
    process = _process(os.getpid())
    return tags if process is None else {**tags, "process_start": process[1]}


def alive(run: Run) -> bool:
    """Whether the process that writes this run still runs, as far as this machine can tell.

    A process of this host is the writer only if it also started when the writer did, for process ids are
    given again. Where there is no ``/proc`` (macOS), or in a run recorded without the start, the id alone
    decides. A run of another host counts as alive until it has been silent for `SILENT_H` hours.
    """
    tags = run.data.tags
    if run.info.status != "RUNNING":
        return False
    if tags.get("host") != socket.gethostname():
        last_sign = float(tags.get("heartbeat", run.info.start_time / 1000))
        return time.time() - last_sign < SILENT_H * 3600
    pid = int(tags.get("pid", "0"))
    if pid in (0, os.getpid()) or not _exists(pid):
        return False
    process = _process(pid)
    if process is None:
        return True
    state, started = process
    return state not in _GONE and tags.get("process_start", started) == started


def close_children(store: Store, experiment: str, parent: str) -> None:
    """Close as KILLED the child runs still RUNNING under a parent that nobody else writes."""
    for run in find_runs(store, [experiment], **{PARENT: parent}):
        if run.info.status == "RUNNING":
            store.client.set_terminated(run.info.run_id, "KILLED")


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _process(pid: int) -> tuple[str, str] | None:
    """State letter and start of a process, the start as boot and clock ticks since; None without ``/proc``."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # from the third field on: the second may hold anything
    return fields[0], f"{boot}:{fields[19]}"
