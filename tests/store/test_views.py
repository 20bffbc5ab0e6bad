"""A study's saved view in MLflow's interface, and where `harness ui` says it is."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sysconfig
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from command_line import Call, client, runs
from html_pages import browser

KEY, PROGRAM = "study", browser()


def test_a_study_is_shown_with_what_varies_mean_and_std(
    call: Call, in_demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (experiment,) = [one for one in client(in_demo).search_experiments() if one.name == "demo"]
    view = json.loads(experiment.tags[f"mlflow.sharedViewState.{KEY}"])
    parts = ("mean", "std")
    numbers = [f"metrics.`val/{metric}/{part}`" for metric in ("loss", "accuracy") for part in parts]
    assert view["selectedColumns"] == ["tags.`method`", *numbers]
    assert (view["orderByKey"], view["orderByAsc"]) == (numbers[0], True)
    shown = client(in_demo).search_runs([experiment.experiment_id], view["searchFilter"])
    assert {run.info.run_id for run in shown} == {run.info.run_id for run in runs(in_demo, "job")}
    for run in shown:  # every column has something in it
        assert {f"metrics.`{name}`" for name in run.data.metrics} >= set(numbers)
        assert "method" in run.data.tags

    started: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda program, command: started.append(command))
    code, out, err = call("ui", "--port", "5123")
    assert not code
    assert out == ""
    address = f"http://127.0.0.1:5123/#/experiments/{experiment.experiment_id}/runs?viewStateShareKey={KEY}"
    assert f"demo: {address}" in err
    assert started[0][-6:-2] == ["--host", "127.0.0.1", "--port", "5123"]


@pytest.mark.slow
@pytest.mark.skipif(PROGRAM is None, reason="no chromium or chrome on this machine")
def test_mlflows_interface_shows_it(in_demo: Path, tmp_path: Path) -> None:
    assert PROGRAM is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sysconfig.get_path("scripts")) / "harness"), "ui", "--port", str(port)]
    told = tmp_path / "told"
    with told.open("w") as err:
        server = subprocess.Popen(command, stdout=err, stderr=err)
    try:
        wait_for(f"http://127.0.0.1:{port}/health")
        address = next(line for line in told.read_text().splitlines() if line.startswith("demo: ")).split()[1]
        options = ("--headless", "--no-sandbox", "--disable-gpu", "--window-size=2400,1000")
        wait = ("--virtual-time-budget=30000", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom")
        page = subprocess.run(
            [PROGRAM, *options, *wait, address], capture_output=True, text=True, timeout=120, check=True
        )
    finally:
        server.terminate()
        server.wait(60)
    for words in ("shared view", "val/loss/mean", "val/loss/std", "tape_naive", "3</strong> matching runs"):
        assert words in page.stdout, words


def wait_for(address: str) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.5)
    raise TimeoutError(address)
