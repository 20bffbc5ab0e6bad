"""Engines by name, by Hydra's own words for them, and what is said of one that cannot be had."""

from __future__ import annotations

import os
from importlib import util
from pathlib import Path
from typing import Any

import pytest
from command_line import SMALL, Call, refused

from harness.cli.jobs.compose import compose
from harness.cli.jobs.engine import engine_of, require_engine, share_threads
from harness.errors import InputError

HYDRA_WORDS = [
    (("hydra/launcher=joblib", "hydra.launcher.n_jobs=8"), {"kind": "local", "workers": 8}),
    (("hydra/launcher=joblib", "hydra.launcher.n_jobs=-1"), {"kind": "local", "workers": None}),
    (
        ("hydra/launcher=ray", "hydra.launcher.ray.init.address=auto", "hydra.launcher.ray.remote.num_gpus=0.5"),
        {"kind": "ray", "address": "auto", "gpus": 0.5},
    ),
    (
        (
            "hydra/launcher=submitit_slurm",
            "hydra.launcher.cpus_per_task=2",
            "hydra.launcher.partition=short",
            "hydra.launcher.array_parallelism=4",
            "hydra.launcher.gres=gpu:1",
        ),
        {
            "kind": "submitit",
            "cluster": "slurm",
            "threads": 2,
            "workers": 4,
            "parameters": {
                "partition": "short",
                "account": None,
                "qos": None,
                "constraint": None,
                "mem_gb": None,
                "gres": "gpu:1",
            },
        },
    ),
]


@pytest.mark.usefixtures("call")
@pytest.mark.parametrize(("words", "settings"), HYDRA_WORDS)
def test_hydra_s_launchers_are_engines(words: tuple[str, ...], settings: dict[str, Any]) -> None:
    (job,) = compose([*SMALL, *words])
    assert {name: job.settings["engine"][name] for name in settings} == settings


@pytest.mark.parametrize(
    ("words", "field", "received", "allowed", "fix"),
    [
        (("hydra/launcher=joblip",), "hydra/launcher", "joblip", "submitit_slurm", "did you mean 'joblib'"),
        (("hydra/launcher=joblib", "hydra.launcher.n_job=8"), "hydra.launcher.n_job", "8", "hydra.launcher.n_jobs",
         "did you mean 'n_jobs'"),
        (("hydra.launcher.n_jobs=8",), "hydra.launcher.n_jobs", "n_jobs=8", "a launcher", "hydra/launcher=joblib"),
        (("engine.kind=dask",), "engine.kind", "dask", "local, ray, submitit", "engine=local"),
    ],
)  # fmt: skip
def test_bad_words(
    words: tuple[str, ...], field: str, received: str, allowed: str, fix: str, call: Call, fresh: Path
) -> None:
    refused(call("run", *SMALL, *words), field, received, allowed, fix)
    assert not fresh.exists()


@pytest.fixture
def everything_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.cli.jobs.engine.find_spec", lambda name: util.find_spec("json"))


@pytest.mark.usefixtures("call", "everything_is_installed")
@pytest.mark.parametrize(
    ("setting", "field"),
    [
        ("engine=submitit_slurm engine.cluster=pbs", "engine.cluster"),
        ("engine=submitit_local engine.wait=1", "engine.wait"),
        ("engine=submitit_slurm engine.timeout_min=0", "engine.timeout_min"),
        ("engine=submitit_slurm engine.gpus=0.5", "engine.gpus"),
        ("engine=submitit_slurm engine.folder=3", "engine.folder"),
        ("engine=submitit_slurm engine.parameters=fast", "engine.parameters"),
        ("engine.gpus=1.5", "engine.gpus"),
        ("engine.gpus=-1", "engine.gpus"),
        ("engine.gpus=nan", "engine.gpus"),
        ("engine.address=6379", "engine.address"),
        ("engine.workers=0", "engine.workers"),
        ("engine.vectorize=true", "engine.vectorize"),
    ],
)
def test_settings_out_of_range(setting: str, field: str) -> None:
    words = setting.split() if " " in setting else ["engine=ray", setting]
    (job,) = compose([*SMALL, *words])
    with pytest.raises(InputError) as error:
        require_engine(job.settings["engine"])
    assert error.value.field == field


@pytest.mark.usefixtures("everything_is_installed")
@pytest.mark.parametrize(("asked", "had"), [(1, "1"), (3, "3"), (None, "1")])
def test_a_fold_far_away_has_as_many_threads_as_it_has_here(
    asked: int | None, had: str, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    (job,) = compose([*SMALL, "engine=ray", f"engine.threads={'null' if asked is None else asked}"])
    share_threads(job.settings["engine"])
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == had
    assert not engine_of(job.settings["engine"]).alone


@pytest.mark.parametrize("package", ["ray", "submitit_local"])
def test_an_engine_that_is_not_installed(
    package: str, call: Call, fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.cli.jobs.engine.find_spec", lambda name: None)
    answer = call("run", *SMALL, f"hydra/launcher={package}")
    extra = package.partition("_")[0]
    refused(answer, "engine", extra, "an engine that is installed", f"pip install 'tape-harness[{extra}]'")
    assert not fresh.exists()
