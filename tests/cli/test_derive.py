"""Jobs derived from others are those that Hydra composes."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.jobs import derive
from harness.cli.jobs.compose import Composition, compose
from harness.errors import InputError

SWEEPS = {
    "top": ["batch_size=5,7", "epochs=3", "seed=1,2", "class_weight=null"],
    "words": ["jit_compile=true,false", "study=a,'b'"],
    "dataset": ["dataset=iris,heart", "dataset.scaling=none,standard"],
    "model": ["model=iris_mlp,mnist_mlp", "model.hidden=[3,4],[5]", "model.dropout=0.1,0.5"],
    "initializer": ["initializer=ones,constant", "epochs=1,2"],
    "optimizer": ["optimizer=sgd,adam", "optimizer.learning_rate=0.1,1e-3,1", "optimizer.clipnorm=null,1.0"],
    "schedule": ["schedule=cosine,time_based", "epochs=1,2"],
    "method": ["method=tape,tape_kfold", "method.training=true,false", "method.reduction=mean,sum"],
    "cv": ["cv=kfold,holdout", "seed=1,2"],
    "tracking": ["tracking.figures=true,false", "epochs=1,2"],
    "experiment": ["experiment=heart_quick", "epochs=1,2", "method=tape,fit"],
    "added": ["model=iris_mlp", "+model.extra=1,2", "model.hidden=[3],[4]"],
    "dictionaries": ["class_weight={0:1.0},{0:2.0}", "epochs=1,2"],
}


def sweep(*overrides: str) -> list[Composition]:
    return compose(["-m", *overrides])


@pytest.mark.parametrize("name", SWEEPS)
def test_derived_jobs_are_those_that_hydra_composes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = sweep(*SWEEPS[name])
    monkeypatch.setattr(derive.Relatives, "derive", lambda self, overrides: None)
    slow = sweep(*SWEEPS[name])
    assert fast == slow
    assert [list(one.settings) for one in fast] == [list(one.settings) for one in slow]
    assert [str(one.settings) for one in fast] == [str(one.settings) for one in slow]  # 1 is not 1.0, nor true


def test_most_jobs_of_a_sweep_are_derived(monkeypatch: pytest.MonkeyPatch) -> None:
    composed: list[Composition] = []
    monkeypatch.setattr(derive.Relatives, "add", _counting(composed, derive.Relatives.add))
    jobs = sweep("optimizer=sgd,adam", "seed=range(0,50)", "batch_size=5,10")
    assert (len(jobs), len(composed)) == (200, 2)
    assert [job.settings["seed"] for job in jobs[:3]] == [0, 0, 1]
    assert len({str(job.settings) for job in jobs}) == 200


def _counting(seen: list[Composition], add: object) -> object:
    def counted(self: object, composition: Composition, cfg: object) -> None:
        seen.append(composition)
        add(self, composition, cfg)  # type: ignore[operator]

    return counted


def test_values_that_refer_to_others_are_left_to_hydra(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "own.yaml").write_text("_target_: mine.model\n_partial_: true\nwidth: ${batch_size}\n")
    (tmp_path / "loss").mkdir()
    (tmp_path / "loss" / "huber.yaml").write_text("_target_: keras.losses.Huber\n")
    own = ["--config-dir", str(tmp_path)]
    jobs = compose([*own, "-m", "model=own", "batch_size=5,7"])
    assert [job.settings["model"]["width"] for job in jobs] == [5, 7]
    jobs = sweep("epochs=1,2", "batch_size=${epochs}")
    assert [job.settings["batch_size"] for job in jobs] == [1, 2]
    jobs = compose([*own, "-m", "epochs=1,2", "+loss=huber"])  # a group of the user's by the name of a setting
    assert [job.settings["loss"] for job in jobs] == [{"_target_": "keras.losses.Huber"}] * 2


@pytest.mark.parametrize("override", ["epochs.deep=1,2", "optimizer.nothing=1,2", "optimizer=1,2"])
def test_what_is_wrong_is_said_all_the_same(override: str) -> None:
    with pytest.raises(InputError):
        sweep("seed=1,2", override)
