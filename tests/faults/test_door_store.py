"""Studies that something else wrote into the store, or spoiled: read or refused, shown as text, never executed."""

from __future__ import annotations

import itertools
import json
import shutil
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse
from xml.etree import ElementTree

import pandas as pd
import pytest
from doors import door, knock, odd_text, tried
from hypothesis import strategies as st
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from harness.store.schema import CONFIG, FOLDS, GROUP, HISTORY, PARENT

_TAGS = (
    "kind", "study", "method", "folds", "epochs", "dataset_digest", "folds_digest", "host", "pid", "heartbeat",
    "process_start", "place", "control_of", "git_commit", "git_dirty", "version.keras", "error", "job_hash", "fold",
    PARENT, "setting.x",
)  # fmt: skip
_text = odd_text | st.sampled_from(["0", "3", "-1", "4.5", "fit", "tape", "unknown", "9" * 400])
_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | odd_text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(odd_text, inner, max_size=2),
    max_leaves=3,
)
_number = st.sampled_from([0.0, -1.0, 0.5, 1e308, -1e308, float("nan"), float("inf"), float("-inf"), 1e-320])
_config = st.dictionaries(
    st.sampled_from(["dataset", "optimizer", "batch_size", "seed", "cv.folds", "optimizer.learning_rate"]) | odd_text,
    _json,
    max_size=3,
)
_history = st.fixed_dictionaries(
    {},
    optional={
        "drop": st.sampled_from(["fold", "epoch", "train/loss", "val/loss", "val/accuracy"]),
        "rename": odd_text,
        "value": _number,
        "rows": st.integers(0, 11),
        "epoch": st.integers(-1, 3),
        "text": st.just(True),
    },
)
_scalars = st.fixed_dictionaries(
    {},
    optional={
        "fold": st.sampled_from([0, 1, 2, 9, "x", None]),
        "train_rows": st.sampled_from([0, -1, "x", None]),
        "final_weights_digest": _json,
        "seconds": _number | odd_text | st.none(),
        "distinct_orders": _json,
        "surplus": _json,
    },
)
_raw = st.sampled_from(
    [b"", b"no json", b"\xff\xfe", b"[]", b"3", b"null", b'{"a": NaN}', b"PAR1", b"[{}]"]
) | _json.map(lambda value: json.dumps(value).encode())


@dataclass(frozen=True)
class Spoiled:
    """How a job's run differs from one that harness recorded; tags and files of None are missing."""

    tags: dict[str, str | None]
    files: dict[str, bytes | None]
    config: dict[str, Any]
    history: dict[str, Any]
    scalars: dict[str, Any]
    status: str
    name: str
    metrics: dict[str, float]


_jobs = st.builds(
    Spoiled,
    st.dictionaries(st.sampled_from(_TAGS), st.none() | _text, max_size=2),
    st.just({})
    | st.just({})
    | st.dictionaries(st.sampled_from([CONFIG, GROUP, FOLDS, HISTORY]), st.none() | _raw, max_size=1),
    st.just({}) | _config,
    st.just({}) | _history,
    st.just({}) | _scalars,
    st.sampled_from(["FINISHED", "FINISHED", "FINISHED", "RUNNING", "FAILED", "KILLED", "SCHEDULED"]),
    _text,
    st.dictionaries(st.sampled_from(["train/loss", "val/loss/mean", "grad/norm/mean"]), _number, max_size=1),
)
studies = st.tuples(
    odd_text.filter(bool),
    st.lists(_jobs, min_size=1, max_size=3),
    st.sampled_from(
        ["status", "compare", "compare", "compare --by", "figures", "report", "plan", "--format", "--best"]
    ),
)
_WHOLE = Spoiled({}, {}, {}, {}, {}, "FINISHED", "a job", {})
# Two settings vary, whose names and values are as bad as a study's name can be: an overview and a page are made.
_NASTY = "../../up\n<script>alert(1)</script><img src=x onerror=alert(1)>'\"$\\frac{|*[a](b)[/]"
_SWEPT = [
    replace(_WHOLE, tags={"method": f"_{_NASTY}{place % 2}"}, config={_NASTY: f"{_NASTY}{place // 2}"})
    for place in range(3)
]
FOUND = [
    ("tags", [replace(_WHOLE, tags={name: None}, status="RUNNING")], "status") for name in ("epochs", "folds", "pid")
]


@dataclass(frozen=True)
class Recorded:
    """A copy of the finished study's store, and what its runs hold."""

    folder: Path
    client: MlflowClient
    jobs: list[tuple[Run, dict[str, bytes]]]

    def spoil(self, study: str, jobs: list[Spoiled]) -> str | None:
        """Record the study's jobs once more under another name, spoiled; None where MLflow itself refuses."""
        try:
            location = (self.folder / "artifacts" / "odd").as_uri()
            experiment = str(self.client.create_experiment(study, artifact_location=location))
        except MlflowException:
            return None
        for spoiled, (run, files) in zip(jobs, self.jobs):
            try:
                self._spoil(experiment, study, spoiled, run, files)
            except MlflowException:
                continue
        return experiment

    def _spoil(self, experiment: str, study: str, spoiled: Spoiled, run: Run, files: dict[str, bytes]) -> None:
        tags = {name: text for name, text in run.data.tags.items() if not name.startswith("mlflow.")} | {"study": study}
        tags = {name: text for name, text in (tags | spoiled.tags).items() if text is not None}
        made = self.client.create_run(experiment, tags=tags, run_name=spoiled.name)
        place = Path(unquote(urlparse(made.info.artifact_uri).path))
        place.mkdir(parents=True)
        for name, content in (files | _rewritten(files, spoiled) | spoiled.files).items():
            if content is not None:
                (place / name).write_bytes(content)
        for name, value in spoiled.metrics.items():
            self.client.log_metric(made.info.run_id, name, value)
        child = {"kind": "fold", "fold": "1", "study": study, PARENT: made.info.run_id}
        child |= {name: text for name, text in spoiled.tags.items() if text is not None and name != PARENT}
        self.client.create_run(experiment, tags=child, run_name="fold 1")
        self.client.update_run(made.info.run_id, status=spoiled.status)


def _rewritten(files: dict[str, bytes], spoiled: Spoiled) -> dict[str, bytes]:
    config = json.loads(files[GROUP]) | spoiled.config
    folds = json.loads(files[FOLDS])
    folds[0] |= spoiled.scalars
    frame = pd.read_parquet(BytesIO(files[HISTORY]))
    odd = dict(spoiled.history)
    if "value" in odd:
        frame.loc[odd.get("rows", 0) % max(len(frame), 1), "train/loss"] = odd["value"]
    if "epoch" in odd:
        frame.loc[0, "epoch"] = odd["epoch"]
    if "rename" in odd:
        frame = frame.rename(columns={"val/accuracy": odd["rename"]})
    if "text" in odd:
        frame["val/loss"] = frame["val/loss"].astype(str)
    frame = frame.drop(columns=[odd["drop"]], errors="ignore") if "drop" in odd else frame
    frame = frame.iloc[: odd["rows"]] if "rows" in odd else frame
    buffer = BytesIO()
    frame.to_parquet(buffer)
    return {GROUP: json.dumps(config).encode(), FOLDS: json.dumps(folds).encode(), HISTORY: buffer.getvalue()}


@pytest.fixture
def recorded(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    folder = tmp_path / "store"
    shutil.copytree(demo, folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("HARNESS_STORE", str(folder))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    (experiment,) = [one for one in client.search_experiments() if one.name == "demo"]
    runs = client.search_runs([experiment.experiment_id], "tags.kind = 'job'")
    jobs = []
    for run in runs:
        place = Path(unquote(urlparse(run.info.artifact_uri).path))
        jobs.append((run, {name: (place / name).read_bytes() for name in (CONFIG, GROUP, FOLDS, HISTORY)}))
    return Recorded(folder, client, jobs)


def commands(word: str, study: str) -> list[tuple[str, ...]]:
    named = ("--", study)
    return {
        "status": [("status",), ("status", *named), ("status", "--format", "json", *named)],
        "compare": [("compare", *named)],
        "compare --by": [("compare", "--by", "optimizer,method", *named), ("compare", "--by", "batch_size", *named)],
        "--format": [("compare", "--format", form, *named) for form in ("json", "csv", "md")],
        "--best": [("compare", "--best", "val/loss", "--top", "2", *named)],
        "figures": [("figures", *named)],
        "report": [("report", *named)],
        "plan": [("plan", "dataset=iris", "model=iris_mlp", "batch_size=16", "cv.folds=3", "epochs=4")],
    }[word]


@door(4, 400)
def test_any_recorded_study_is_read_or_refused(inputs: int, recorded: Recorded) -> None:
    numbers = itertools.count()

    def read(given: tuple[str, list[Spoiled], str]) -> str:
        name, jobs, word = given
        study = f"{name}{next(numbers)}"  # a deleted one keeps its name
        experiment = recorded.spoil(study, jobs)
        if experiment is None:
            return "refused by MLflow"
        codes = set()
        for command in commands(word, study):
            answer = knock(*command)
            codes.add(answer.code)
            if answer.code == 0 and "json" in command:
                json.loads(answer.out)
            if answer.code == 0 and word in ("figures", "report"):
                held(recorded.folder, [Path(line) for line in answer.out.splitlines()])
        recorded.client.delete_experiment(experiment)
        return "refused" if 2 in codes else "read"

    tried(inputs, studies, FOUND, read)


class _Elements(HTMLParser):
    """Names of a page's elements, and of their attributes that run or fetch something."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.found |= {name for name, value in attrs if name.startswith("on")}
        self.found |= {
            str(value) for name, value in attrs if name in ("href", "src") and not str(value).startswith("#")
        }


def held(folder: Path, files: list[Path]) -> None:
    """Files about a study lie beside its store, and hold what was recorded as text."""
    assert files
    for file in files:
        assert file.resolve().is_relative_to(folder.resolve()), file
        if file.suffix == ".svg":
            ElementTree.parse(file)
        if file.suffix == ".json":
            json.loads(file.read_text())
        if file.suffix == ".html":
            elements = _Elements()
            elements.feed(file.read_text())
            assert not elements.found & {"b", "alert", "onerror", "onclick", "img", "iframe"}, elements.found


_HARMFUL = """
_target_: harm.write
dataset: {_target_: harm.write}
method: {_target_: harm.write, target: harm.py:write}
"""
_HARM = {"dataset._target_": "harm.write", "method.target": "harm.py:write", "model": {"_target_": "harm.write"}}


def test_names_are_shown_as_text_below_the_store_and_what_they_name_is_never_executed(
    recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "executed"
    Path("harm.py").write_text(f"open({str(marker)!r}, 'w')\ndef write(*a, **k): open({str(marker)!r}, 'w')\n")
    monkeypatch.syspath_prepend(str(Path.cwd()))
    recorded.spoil(
        _NASTY, [replace(job, files={CONFIG: _HARMFUL.encode()}, config={**_HARM, **job.config}) for job in _SWEPT]
    )
    for word in ("status", "compare", "--format", "--best", "figures", "report"):
        for command in commands(word, _NASTY):
            answer = knock(*command, codes=(0,))
            if word in ("figures", "report"):
                held(recorded.folder, [Path(line) for line in answer.out.splitlines()])
            if "md" in command:
                assert "<script" not in answer.out.replace("\\<", "")
                assert "[a]" not in answer.out
    assert not marker.exists()
