"""Loops that lay out rows, batches, epochs or updates in their own way: the right cleared, the wrong named."""

from __future__ import annotations

import pytest
from tracing import HERE, SMALL, blamed, traced

DROPOUT = ("dataset=iris", "dataset.scaling=standard", "model=iris_mlp", "model.dropout=0.3")
REGRESSION = ("dataset=diabetes", "model=dense_regressor", "cv=kfold")
ODD = HERE / "odd_loops.py"
SETTINGS = {"arguments_swapped": REGRESSION}


RIGHT = (
    *("accumulates", "averages_equal_parts", "meters_under_the_tape", "arguments_swapped"),
    "looks_at_the_loss_again",
)


@pytest.mark.parametrize(
    "loop", [pytest.param(one, marks=pytest.mark.slow if one == "averages_equal_parts" else ()) for one in RIGHT]
)
def test_a_correct_loop_of_another_build_is_blamed_for_nothing(loop: str) -> None:
    batch = "batch_size=10" if loop == "averages_equal_parts" else "batch_size=16"
    found = traced(f"{ODD}:{loop}", *SETTINGS.get(loop, DROPOUT), *SMALL[:3], batch)
    assert blamed(found) == set()
    assert found.unexplained == ()


def test_an_epoch_is_what_the_loop_makes_it_not_as_many_rows_as_there_are() -> None:
    found = traced(f"{ODD}:half_and_validates_wrongly", *DROPOUT, *SMALL)
    assert blamed(found) == {"training_subset", "validation_flag"}
    (wrong,) = (each.cause for each in found.differences if each.cause.cause == "validation_flag")
    assert (wrong.epoch, wrong.step) == (2, 0)


@pytest.mark.parametrize(
    ("loop", "causes", "words"),
    [
        ("rescales", set(), "no rows of the training data"),
        ("smooths", set(), "a target that no training row has"),
        ("stops_early", {"epochs"}, "1 of 2 epochs"),
        ("sets_rate", {"learning_rate"}, "was 0.0001, configured is 0.001"),
        ("restores", {"assigned_weights"}, "between two steps"),
        ("reports_the_loss_again", {"metric"}, "computed again after each update"),
        ("part_after_part", {"row_chunks"}, "trained 2 times on each of 2 parts of the data"),
        ("by_full_batches", {"loss_reduction"}, "0.125 times those of the mean over the 2 rows"),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (
                ("rescales_and_forgets", {"training_flag", "loss_reduction"}, "no rows of the training data"),
                ("other_batches", {"batch_size"}, "up to 16 rows in a, 32 in b"),
                ("holds_out", {"training_subset"}, "7 of 50 training rows"),
                (
                    "own_optimizer",
                    {"learning_rate"},
                    "was 0.05, configured is 0.001, of an optimizer of the loop's own",
                ),
                ("passes_between", {"seed_stream"}, "dropout seeds"),
                ("shuffles_batches", {"batch_order"}, "the same 4 batches in every epoch"),
                ("with_replacement", {"shuffle"}, "with replacement in b"),
                ("over_classes", {"loss_reduction"}, "0.3333 times those of the mean"),
            )
        ),
    ],
)
def test_rows_batches_epochs_and_rates_of_a_loop_s_own_are_told(loop: str, causes: set[str], words: str) -> None:
    found = traced(f"{ODD}:{loop}", *DROPOUT, *SMALL)
    assert blamed(found) == causes
    assert bool(found.unexplained) == (loop in ("rescales", "rescales_and_forgets", "smooths"))
    assert not found.identical
    assert any(words in difference.cause.evidence for difference in (*found.differences, *found.unexplained))
