"""A sweep on a Ray cluster of two nodes, of which workers and nodes are killed."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from command_line import SMALL, finished_folds, harness, rows, run_harness, runs
from programs import Program
from ray_clusters import LOOPBACK, TwoNodes, two_nodes
from servers import wait_until

pytest.importorskip("ray", reason="ray is an extra: make engines-extra")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="a cluster's processes are read from /proc"),
]
SWEEP = ("run", "-m", "study=faulty", *SMALL, "method=fit,tape", "cv.folds=5", "epochs=10", "tracking.figures=false")
TWICE = "select run_uuid, key, step from metrics group by run_uuid, key, step having count(*) > 1"
Bits = dict[tuple[str, str], str]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Bits:
    store = tmp_path_factory.mktemp("undisturbed") / "mlruns"
    code, _, err = run_harness(*SWEEP, "engine.threads=1", store=store)
    assert code == 0, err
    return bits(store)


def bits(store: Path) -> Bits:
    names = ("final_weights_digest", "order_digest", "fold_hash")
    return {
        (run.data.tags["method"], run.data.tags["fold"]): " ".join(run.data.tags[name] for name in names)
        for run in runs(store, "fold")
        if run.info.status == "FINISHED"
    }


def started(cluster: TwoNodes, store: Path) -> Program:
    process = harness(*SWEEP, "engine=ray", f"engine.address={cluster.address}", store=store, **LOOPBACK)
    wait_until(lambda: len(cluster.workers()) == 2, process)
    return process


def require_whole(process: Program, store: Path, undisturbed: Bits) -> str:
    _, err = process.communicate(timeout=400)
    assert (process.returncode, "Traceback" in err) == (0, False), err
    assert [finished_folds(store, run) for run in runs(store, "job")] == [[1, 2, 3, 4, 5]] * 2
    assert bits(store) == undisturbed
    assert "RUNNING" not in {run.info.status for run in runs(store)}
    assert rows(store, TWICE) == []
    assert list((store / "spool").glob("*.json*")) == []
    return err


@pytest.mark.parametrize("time_of_day", range(5))
def test_a_worker_is_killed(time_of_day: int, store: Path, undisturbed: Bits) -> None:
    with two_nodes() as cluster:
        process = started(cluster, store)
        time.sleep(random.Random(time_of_day).uniform(0, 8))
        wait_until(lambda: bool(cluster.workers()), process)
        os.kill(cluster.workers()[-1], signal.SIGKILL)
        assert "a Ray worker or node was lost" in require_whole(process, store, undisturbed)


@pytest.mark.parametrize("time_of_day", range(5))
def test_a_node_is_killed(time_of_day: int, store: Path, undisturbed: Bits) -> None:
    with two_nodes() as cluster:
        process = started(cluster, store)
        time.sleep(random.Random(time_of_day).uniform(0, 3))  # later the sweep may be over
        node = cluster.nodes()[-1]
        wait_until(lambda: bool(cluster.workers(node)), process)
        cluster.lose(node)
        assert "a Ray worker or node was lost" in require_whole(process, store, undisturbed)


def test_a_cluster_that_is_gone_leaves_what_it_finished(store: Path, undisturbed: Bits) -> None:
    with two_nodes() as cluster:
        process = started(cluster, store)
        wait_until(lambda: any((store / "spool").glob("*.fold-*.json")) or bool(runs(store, "fold")), process)
        for node in reversed(cluster.nodes()):
            os.kill(node, signal.SIGKILL)
        process.communicate(timeout=200)
        assert process.returncode != 0
    code, _, err = run_harness(*SWEEP, "engine.threads=1", store=store)
    assert code == 0, err
    assert "0 taken from the store" not in err
    assert bits(store) == undisturbed
