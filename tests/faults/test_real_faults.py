"""Sweeps under real faults, many times over: what comes out is what an undisturbed sweep gives, once."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from command_line import SMALL, finished_folds, harness, rows, run_harness, runs
from programs import Program
from servers import Server, free_port, wait_until

pytestmark = pytest.mark.slow
SETTINGS = (*SMALL, "method=fit,tape", "cv.folds=3", "epochs=3", "tracking.figures=false")
SWEEP = ("run", "-m", "study=faulty", *SETTINGS)
TWICE = "select run_uuid, key, step from metrics group by run_uuid, key, step having count(*) > 1"
POINTS = """
    select method.value, fold.value, m.key, m.step, m.value, m.is_nan from runs r
    join tags kind on kind.run_uuid = r.run_uuid and kind.key = 'kind' and kind.value = 'fold'
    join tags method on method.run_uuid = r.run_uuid and method.key = 'method'
    join tags fold on fold.run_uuid = r.run_uuid and fold.key = 'fold'
    join metrics m on m.run_uuid = r.run_uuid
    where r.status = 'FINISHED' and m.key not like 'time/%'
    order by 1, 2, 3, 4
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[tuple[object, ...]], float]:
    """Every measured number of the sweep by method, fold, metric and epoch; and the seconds that it takes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert run_harness(*SWEEP, store=folder / "first")[0] == 0  # the disk's caches are warm after it
    began = time.monotonic()
    assert run_harness(*SWEEP, store=folder / "second")[0] == 0
    return rows(folder / "second", POINTS), time.monotonic() - began


def require_whole(store: Path, wanted: list[tuple[object, ...]]) -> None:
    """Two finished jobs, each fold and each point once and with the same bits, no run left open, nothing spooled."""
    parents = runs(store, "job", study="faulty")
    assert sorted(run.data.tags["method"] for run in parents) == ["fit", "tape"]
    assert {run.info.status for run in parents} == {"FINISHED"}
    assert [finished_folds(store, run) for run in parents] == [[1, 2, 3]] * 2
    assert {run.info.status for run in runs(store)} <= {"FINISHED", "KILLED"}
    assert rows(store, TWICE) == []
    assert rows(store, POINTS) == wanted
    assert list((store / "spool").glob("*.json*")) == []


def killed(process: Program, moment: float) -> bool:
    """Kill a sweep so many seconds after its start; false where it ended before."""
    while process.poll() is None and moment > 0:
        time.sleep(min(0.02, moment))
        moment -= 0.02
    process.send_signal(signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGKILL), err
    return process.returncode != 0


def test_killed_at_random_moments_30_times(
    undisturbed: tuple[list[tuple[object, ...]], float], blank: Path, tmp_path: Path
) -> None:
    """Sweeps, each killed up to three times before it may end, until 30 kills have hit one that lived."""
    wanted, seconds = undisturbed
    generator, kills, sweeps = random.Random(0), 0, 0
    while kills < 30:
        store = tmp_path / f"store{sweeps}"
        store.mkdir()
        (store / "mlflow.db").write_bytes((blank / "mlflow.db").read_bytes())
        for _ in range(min(3, 30 - kills)):
            began = time.monotonic()
            if not killed(harness(*SWEEP, store=store), generator.uniform(0.05, 0.9) * seconds):
                seconds = time.monotonic() - began  # the machine is faster now, or little was left
                break
            kills += 1
        code, _, err = run_harness(*SWEEP, store=store)
        assert code == 0, err
        require_whole(store, wanted)
        sweeps += 1
        assert sweeps <= 60
    print(f"\n{kills} kills in {sweeps} sweeps")


@pytest.fixture
def server(blank: Path, tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    """A server on a SQLite database, and that database's folder."""
    (tmp_path / "mlflow.db").write_bytes((blank / "mlflow.db").read_bytes())
    one = Server(tmp_path, f"sqlite:///{tmp_path / 'mlflow.db'}", free_port())
    one.start()
    yield one, tmp_path
    one.stop()


def some_fold_is_finished(store: Path) -> bool:
    with suppress(Exception):
        found = rows(store, "select count(*) from runs where name like 'fold %' and status = 'FINISHED'")
        return bool(found[0][0])
    return False


@pytest.mark.parametrize("time_of_day", range(5))
def test_a_server_stopped_and_started_in_mid_sweep(
    time_of_day: int, undisturbed: tuple[list[tuple[object, ...]], float], server: tuple[Server, Path], tmp_path: Path
) -> None:
    one, store = server
    local = tmp_path / "local"
    process = harness(*SWEEP, f"tracking.uri={one.uri}", f"tracking.spool={store / 'spool'}", store=local)
    wait_until(lambda: some_fold_is_finished(store), process)
    time.sleep(random.Random(time_of_day).uniform(0, 0.5))
    one.stop()
    time.sleep(5)
    assert process.poll() is None, process.said
    one.start()
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "2 jobs finished, 6 folds trained, 0 taken from the store" in " ".join(err.split())
    require_whole(store, undisturbed[0])
    assert list((store / "spool").rglob("*.json*")) == []


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("no tmpfs can be mounted here: it takes a privileged user")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill a disk to the last block."""
    file = folder / "filler"
    with file.open("wb", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(b"\0" * 4096)
    return file


@pytest.mark.parametrize("time_of_day", range(4))
def test_a_full_disk_then_freed(
    time_of_day: int, undisturbed: tuple[list[tuple[object, ...]], float], blank: Path, tmp_path: Path
) -> None:
    """With the spool elsewhere the sweep goes on; with it on the same disk it stops cleanly, and is gone on with."""
    beside = time_of_day == 0
    with small_disk(tmp_path / "disk", 16) as store:
        (store / "mlflow.db").write_bytes((blank / "mlflow.db").read_bytes())
        where = () if beside else (f"tracking.spool={tmp_path / 'spool'}",)
        process = harness(*SWEEP, *where, store=store)
        wait_until(lambda: some_fold_is_finished(store), process)
        filler = fill(store)
        if beside:
            _, err = process.communicate(timeout=300)
            assert (process.returncode, "Traceback" in err) == (1, False), err
            assert "what trains next could not be kept" in " ".join(err.split())
            filler.unlink()
            code, _, err = run_harness(*SWEEP, *where, store=store)
            assert code == 0, err
        else:
            wait_until(lambda: "wait for the store" in " ".join(process.said[1].split()), process)
            filler.unlink()
            _, err = process.communicate(timeout=300)
            assert process.returncode == 0, err
            assert "2 jobs finished, 6 folds trained, 0 taken from the store" in " ".join(err.split())
        require_whole(store, undisturbed[0])


@pytest.mark.parametrize("time_of_day", range(5))
def test_eight_processes_on_a_store_that_does_not_exist(time_of_day: int, tmp_path: Path) -> None:
    store = tmp_path / "store"
    short = (*SMALL, "method=tape", "cv.folds=2", "epochs=1", "tracking.figures=false", "study=crowd")

    def one(seed: int) -> tuple[int, str, str]:
        return run_harness("run", *short, f"seed={seed}", store=store)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(8)))
    assert [code for code, _, _ in answers] == [0] * 8, answers
    jobs = runs(store, "job", study="crowd")
    assert sorted(run.data.params["seed"] for run in jobs) == [str(seed) for seed in range(8)]
    assert {run.info.status for run in runs(store)} == {"FINISHED"}
    assert [finished_folds(store, run) for run in jobs] == [[1, 2]] * 8
    assert rows(store, TWICE) == []
