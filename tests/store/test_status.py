"""How a study's runs are called, and how far `harness status` says they are."""

from __future__ import annotations

import io
import json
import os
import shlex
from pathlib import Path

import pytest
from command_line import PARENT, SMALL, Call, client, runs
from rich.console import Console
from rich.text import Text

from harness.cli.sweep.submitted import follow_command
from harness.cli.terminal.watch import watch_lines, watch_table
from harness.engine.submitted import SubmittedFolder, Task
from harness.records import FoldResult
from harness.store.connect import open_store

TINY = (*SMALL, "cv.folds=2", "epochs=1", "tracking.figures=false")


@pytest.mark.slow
def test_jobs_of_several_commands_are_told_apart_wherever_their_settings_came_from(call: Call, store: Path) -> None:
    for given in (["seed=0"], ["seed=1", "optimizer=sgd,adam"]):
        code, _, err = call("run", "-m", "study=grown", "method=tape", *TINY, *given)
        assert code == 0, err
    jobs = runs(store, "job")
    names = ["tape optimizer=adam seed=0", "tape optimizer=sgd seed=1", "tape optimizer=adam seed=1"]
    assert [run.info.run_name for run in jobs] == names
    assert [" ".join((run.data.tags["method"], run.data.tags["seed"])) for run in jobs] == [
        "tape 0",
        "tape 1",
        "tape 1",
    ]
    assert {"batch_size", "model"} & set(jobs[0].data.tags) == set()
    assert [run.data.tags["place"] for run in jobs] == ["1/1", "1/2", "2/2"]
    rows = json.loads(call("status", "grown", "--format", "json")[1])["rows"]
    assert [row["job"] for row in rows] == names


def test_status_says_where_a_running_job_is(call: Call, store: Path) -> None:
    assert call("run", "study=now", "method=tape", *TINY, "epochs=3")[0] == 0
    (job,) = runs(store, "job")
    (first,) = [run for run in runs(store, "fold") if run.data.tags["fold"] == "1"]
    assert first.data.tags[PARENT] == job.info.run_id
    for run in (job, first):  # as if another process that still lives were at it
        client(store).update_run(run.info.run_id, status="RUNNING")
        client(store).set_tag(run.info.run_id, "pid", str(os.getppid()))
        client(store).delete_tag(run.info.run_id, "process_start")
    (row,) = json.loads(call("status", "now", "--format", "json")[1])["rows"]
    assert (row["state"], row["folds finished"], row["of"]) == ("running", 1, 2)
    assert (row["place"], row["fold"], row["epoch"], row["epochs"]) == ("1/1", 1, 3, 3)
    assert "job 1/1, fold 1/2, epoch 3/3" in call("status", "now")[1]
    (study,) = json.loads(call("status", "--format", "json")[1])["rows"]
    assert study["now"] == "tape: job 1/1, fold 1/2, epoch 3/3"


def test_in_a_terminal_the_table_is_shown_until_ctrl_c() -> None:
    written, readings = io.StringIO(), iter([["one"], ["one", "two"]])
    pauses = iter([None])

    def pause() -> None:
        if next(pauses, "over") == "over":
            raise KeyboardInterrupt

    watch_table(
        lambda: [{"job": name} for name in next(readings)],
        lambda rows, lines: Text(f"{len(rows)} jobs in {lines} lines"),
        Console(file=written, force_terminal=True, height=40, width=80),
        pause,
    )
    assert [text in written.getvalue() for text in ("1 jobs in 40 lines", "2 jobs in 40 lines")] == [True, True]


def test_elsewhere_each_change_is_a_line_and_the_end_is_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    states = [("running", "waiting"), ("done", "running")]
    readings = iter([*states, *[("done", "done")] * 9])
    watch_lines(
        lambda: [{"job": place, "state": state, "seconds": object()} for place, state in enumerate(next(readings))],
        lambda row: f"{row['job']} {row['state']}",
        Console(),
        running=lambda row: row["state"] == "running",
        pause=lambda: None,
    )
    assert capsys.readouterr().out.split("\n") == [
        *("0 running", "1 waiting", "0 done", "1 running", "1 done"),
        "",
    ]
    assert len(list(readings)) == 4, "five readings in which nothing ran"


def test_folds_submitted_from_another_folder_are_followed_by_the_command_that_is_told(
    call: Call, store: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "my jobs"
    SubmittedFolder(elsewhere).put("b", FoldResult(1, (), 1, 1, "a", "b", "c", 1, 0.0))
    SubmittedFolder(elsewhere).add(Task("7", "slurm", ("far", "far"), ("a", "b")))
    command = shlex.split(follow_command(open_store(), "far", str(elsewhere)))
    code, out, err = call(*command[1:])
    assert (code, "submitted: 1 folds trained and not collected" in out) == (0, True), err
    assert call("status", "far")[0] == 2
    assert "--uri" not in command
    other = open_store(f"sqlite:///{tmp_path / 'other' / 'mlflow.db'}")
    assert shlex.split(follow_command(other, "far"))[1:] == ["status", "far", "--uri", other.uri]
