"""Pipelines and stops that loops have and fit() has not: what is a cause, and what is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from tracing import SMALL, blamed, traced

LOOPS = Path(__file__).parent / "loops" / "streams.py"
# 50 training rows, in their own order sorted by class.
IRIS = ("dataset=iris", "dataset.scaling=standard", "model=iris_mlp", *SMALL)
DROPOUT = (*IRIS, "model.dropout=0.3")
NORMALISED = (
    *("dataset=iris", "dataset.scaling=standard"),
    "model=any",
    "model._target_=shaped_models.normalised",
    *SMALL,
)


def evidence(name: str, *settings: str) -> str:
    return " ".join(one.cause.evidence for one in traced(f"{LOOPS}:{name}", *settings).differences)


@pytest.mark.parametrize("loop", ["plain", "repeated_before_batching", "validates_first"])
def test_nothing_is_blamed(loop: str) -> None:
    found = traced(f"{LOOPS}:{loop}", *IRIS, "epochs=3")
    assert blamed(found) == set()
    assert not found.unexplained


def test_a_short_buffer_is_no_shuffle_of_all_rows() -> None:
    assert blamed(traced(f"{LOOPS}:short_buffer", *IRIS)) == {"shuffle"}
    assert "short distances" in evidence("short_buffer", *IRIS)


def test_fit_that_is_told_not_to_shuffle_is_not_excused_by_its_seed() -> None:
    assert blamed(traced(f"{LOOPS}:one_order_by_fit", *IRIS)) == {"shuffle"}
    assert "global seed" not in evidence("one_order_by_fit", *IRIS)


def test_steps_that_end_in_the_middle_of_an_epoch_leave_no_rows_out() -> None:
    settings = (*IRIS, "epochs=3")
    assert blamed(traced(f"{LOOPS}:whole_batches_worth", *settings)) == {"epochs"}
    assert "stopped in epoch 3" in evidence("whole_batches_worth", *settings)


@pytest.mark.slow
def test_a_second_pass_without_dropout_is_not_taken_for_the_one_that_trains() -> None:
    assert not blamed(traced(f"{LOOPS}:measured_beside", *DROPOUT)) & {"training_flag", "seed_stream"}


@pytest.mark.parametrize(
    ("loop", "cause"),
    [
        pytest.param("measured_in_training_mode", "moving_averages", marks=pytest.mark.slow),
        ("by_halves", "batch_statistics"),
    ],
)
def test_batch_normalisation_is_judged(loop: str, cause: str) -> None:
    once = f"{LOOPS}:{loop}"
    assert blamed(traced(once, *NORMALISED)) == {cause}
    assert blamed(traced(once, *NORMALISED, a=once)) == set()


@pytest.mark.slow
def test_steps_that_a_loss_scale_skips_are_skipped_by_fit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Targets of 25 to 346: the first gradients in half precision are infinite."""

    def unknown(*settings: str) -> bool:
        found = traced(f"{LOOPS}:plain", *settings)
        return any("no known way" in one.cause.evidence for one in found.unexplained)

    settings = ("dataset=diabetes", "model=dense_regressor", "cv=kfold", "precision=mixed_float16", *SMALL)
    assert not unknown(*settings)
    monkeypatch.setattr("harness.diagnose.rules.step.skipped_by_scale", lambda *_: False)
    assert unknown(*settings, "seed=1")  # where a skipped step is judged as any other
