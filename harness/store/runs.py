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

from harness.store.lookup import StoredRun, read_params_and_tags, read_runs, read_values
from harness.store.schema import PARENT

if TYPE_CHECKING:
    from harness.store.connect import Store

SILENT_H = 24.0  # far longer than an epoch, or than two hosts' clocks are apart
_GONE = ("Z", "X")  # ended, and only not yet reaped by its parent


def find_runs(store: Store, experiments: Sequence[str], **tags: str) -> list[StoredRun]:
    """All active runs with these tags, newest first."""
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
    found = _search(store, experiments, tags, "attributes.status = 'FINISHED'")
    return frozenset(run.tags[name] for run in found)


def params_and_tags(store: Store, run_id: str) -> tuple[dict[str, str], dict[str, str]]:
    """Of a run, each by name."""
    if store.file is not None:
        with suppress(sqlite3.Error):
            return read_params_and_tags(store.file, run_id)
    data = store.client.get_run(run_id).data
    return dict(data.params), dict(data.tags)


def _search(store: Store, experiments: Sequence[str], tags: Mapping[str, str], more: str = "") -> list[StoredRun]:
    # A value stands in quotes that it does not hold itself; one that holds both is compared here.
    parts = [f"tags.`{name}` = {_quoted(value)}" for name, value in tags.items() if _quoted(value)]
    condition = " and ".join([*parts, *([more] if more else [])])
    runs: list[StoredRun] = []
    token = None
    while True:
        page = store.client.search_runs(
            list(experiments), condition, order_by=["attributes.start_time DESC"], page_token=token
        )
        runs += map(StoredRun.of, page)
        token = page.token
        if not token:
            return [run for run in runs if all(run.tags.get(name) == value for name, value in tags.items())]


def _quoted(value: str) -> str:
    return next((f"{mark}{value}{mark}" for mark in "'\"" if mark not in value and "\\" not in value), "")


def process_tags() -> dict[str, str]:
    """Tags by which `alive` knows this process again, and when it last gave a sign of life."""
    tags = {"host": socket.gethostname(), "pid": str(os.getpid()), "heartbeat": str(int(time.time()))}
    process = _process(os.getpid())
    return tags if process is None else {**tags, "process_start": process[1]}


def alive(run: StoredRun) -> bool:
    """Whether the process that writes this run still runs, see `alive_process`."""
    return run.status == "RUNNING" and alive_process(run.tags, run.start_time / 1000)


def alive_process(tags: Mapping[str, str], since: float) -> bool:
    """Whether another process, of which these are the `process_tags`, still runs, as far as this machine can tell.

    A process of this host is the writer only if it also started when the writer did, for process ids are
    given again. Where there is no ``/proc`` (macOS), or in a run recorded without the start, the id alone
    decides. One of another host counts as alive until it has been silent for `SILENT_H` hours.

    Args:
        since: its last sign of life where the tags have no heartbeat, in seconds.
    """
    if tags.get("host") != socket.gethostname():
        beaten = whole_tag(tags, "heartbeat")
        return time.time() - (since if beaten is None else beaten) < SILENT_H * 3600
    pid = whole_tag(tags, "pid") or 0
    if pid in (0, os.getpid()) or not _exists(pid):
        return False
    process = _process(pid)
    if process is None:
        return True
    state, started = process
    return state not in _GONE and tags.get("process_start", started) == started


def whole_tag(tags: Mapping[str, str], name: str) -> int | None:
    """A tag that is a number; None where it is missing or something else, which another program may have written."""
    text = tags.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def close_children(store: Store, experiment: str, parent: str) -> None:
    """Close as KILLED the child runs still RUNNING under a parent that nobody else writes."""
    for run in find_runs(store, [experiment], **{PARENT: parent}):
        if run.status == "RUNNING":
            store.client.set_terminated(run.run_id, "KILLED")


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OverflowError:  # no process has such a number
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
