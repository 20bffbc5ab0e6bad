"""A sweep as submitted jobs, one of which is killed: on this machine, and by Slurm where one answers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from command_line import SMALL, finished_folds, harness, rows, run_harness, runs
from servers import wait_until

pytest.importorskip("submitit", reason="submitit is an extra: make engines-extra")
pytestmark = pytest.mark.slow
SWEEP = ("run", "-m", "study=faulty", *SMALL, "method=fit,tape", "cv.folds=4", "epochs=10", "tracking.figures=false")
TWICE = "select run_uuid, key, step from metrics group by run_uuid, key, step having count(*) > 1"


def slurm_answers() -> bool:
    if shutil.which("sinfo") is None:
        return False
    asked = subprocess.run(["sinfo", "--noheader", "--states=idle"], capture_output=True, timeout=30, check=False)
    return asked.returncode == 0 and bool(asked.stdout.strip())


def bits(store: Path) -> dict[tuple[str, str], str]:
    names = ("final_weights_digest", "order_digest", "fold_hash")
    return {
        (run.data.tags["method"], run.data.tags["fold"]): " ".join(run.data.tags[name] for name in names)
        for run in runs(store, "fold")
        if run.info.status == "FINISHED"
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], str]:
    store = tmp_path_factory.mktemp("undisturbed") / "mlruns"
    code, _, err = run_harness(*SWEEP, "engine.threads=1", store=store)
    assert code == 0, err
    return bits(store)


def training(store: Path) -> list[int]:
    """Process ids of the jobs of this store that train, not of what controls them."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            words = (folder / "cmdline").read_bytes().decode().split("\0") if folder.name.isdigit() else [""]
            if "submitit.core._submit" in words and "python" in words[0] and str(store) in " ".join(words):
                found.append(int(folder.name))
    return sorted(found)


@pytest.mark.parametrize("cluster", ["local", "slurm"])
def test_a_job_is_killed(cluster: str, store: Path, undisturbed: dict[tuple[str, str], str]) -> None:
    if cluster == "slurm" and not slurm_answers():
        pytest.skip("no Slurm with an idle node answers")
    process = harness(*SWEEP, f"engine=submitit_{cluster}", "engine.workers=2", store=store)
    results = store / "submitted"
    wait_until(lambda: bool(training(store)) and any(results.glob("*.result.json")), process)
    os.kill(training(store)[-1], signal.SIGKILL)
    _, err = process.communicate(timeout=400)
    assert (process.returncode, "Traceback" in err) == (0, False), err
    require_whole(store, undisturbed)


def require_whole(store: Path, undisturbed: dict[tuple[str, str], str]) -> None:
    assert [finished_folds(store, run) for run in runs(store, "job")] == [[1, 2, 3, 4]] * 2
    assert bits(store) == undisturbed
    assert "RUNNING" not in {run.info.status for run in runs(store)}
    assert rows(store, TWICE) == []
    assert [one.name for one in (store / "submitted").iterdir()] == ["logs"]


@pytest.mark.parametrize("cluster", ["local", "slurm"])
def test_submit_and_leave(cluster: str, store: Path, undisturbed: dict[tuple[str, str], str]) -> None:
    if cluster == "slurm" and not slurm_answers():
        pytest.skip("no Slurm with an idle node answers")
    sweep = (*SWEEP, f"engine=submitit_{cluster}", "engine.workers=2")
    code, _, err = run_harness(*sweep, "engine.wait=false", store=store)
    assert (code, "8 folds submitted in 2 jobs" in err) == (0, True), err
    assert "to follow them: harness status faulty\n" in err
    code, out, err = run_harness("status", "faulty", store=store)
    assert (code, "jobs that wait or run" in out) == (0, True), err
    end = time.monotonic() + 300
    while len(list((store / "submitted").glob("*.result.json"))) < 8:
        assert time.monotonic() < end, "the jobs did not end"
        time.sleep(1)
    code, _, err = run_harness(*sweep, store=store)
    assert (code, "submitted in" in err) == (0, False), err
    require_whole(store, undisturbed)
