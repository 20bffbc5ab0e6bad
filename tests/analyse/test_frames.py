"""A study as one tidy table."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic_jobs import make_job

from harness import read_frame, study_frame
from harness.errors import InputError
from harness.store.connect import open_store


def test_a_row_an_epoch_of_a_fold_of_a_job() -> None:
    losses = {rate: [[rate, rate / 2, rate / 4], [rate + 1, rate, rate - 1]] for rate in (4.0, 8.0)}
    jobs = [make_job("tape", {"val/loss": values}, config={"model": "m", "rate": rate})
            for rate, values in losses.items()]  # fmt: skip
    table = study_frame(jobs)
    assert list(table.columns[:3]) == ["job", "method", "rate"]
    assert len(table) == len(table.groupby(["rate", "fold", "epoch"])) == 2 * 2 * 3
    assert table["job"].nunique() == 2
    for row in table.itertuples():
        assert row.method == "tape"
        assert losses[row.rate][row.fold - 1][row.epoch - 1] == table.loc[row.Index, "val/loss"]
    assert list(study_frame(jobs, ["model"]).columns[:2]) == ["job", "model"]
    with pytest.raises(InputError, match="rat"):
        study_frame(jobs, ["rat"])


def test_a_store_s_study_in_one_call(in_demo: object) -> None:
    table = read_frame(open_store(), "demo")
    assert len(table) == 3 * 3 * 4
    last = table[table.epoch == 4].groupby("method")["val/loss"].agg(["mean", "count"])
    assert (last["count"] == 3).all()
    assert np.isfinite(last["mean"]).all()
