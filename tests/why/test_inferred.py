"""Losses by hand, told from gradients worked out by NumPy."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.why.losses.inferred import infer

rows = st.integers(8, 40)
seeds = st.integers(0, 10**6)


@given(seeds, rows, st.booleans())
def test_a_weighted_cross_entropy_is_told_with_its_weights(seed: int, rows: int, logits: bool) -> None:
    rng = np.random.default_rng(seed)
    z, y = rng.normal(0, 1, (rows, 1)), rng.integers(0, 2, (rows, 1))
    p, weights = 1 / (1 + np.exp(-z)), np.where(y == 1, 3.0, 1.0)
    loss = float(np.mean(weights * -np.log(np.where(y == 1, p, 1 - p))))
    by_logit = weights * (p - y) / rows
    given_ = (z, by_logit) if logits else (p, by_logit / (p * (1 - p)))
    found = infer(given_[0].astype(np.float32), given_[1].astype(np.float32), (loss,))
    assert found is not None
    assert (found.name, found.from_logits) == ("binary_crossentropy", logits)
    np.testing.assert_array_equal(found.y, y)
    np.testing.assert_allclose(found.scale, weights[:, 0], rtol=2e-3)


@given(seeds, rows)
def test_errors_of_all_pairs_are_never_taken_for_another_loss(seed: int, rows: int) -> None:
    """Where predictions are nearly equal their gradients are, too, as those of two classes would be."""
    rng = np.random.default_rng(seed)
    p, y = 0.1 * rng.normal(0, 1, (rows, 1)), rng.normal(1, 1, rows)
    loss = float(np.mean(np.square(p - y)))
    gradient = 2 * (p - y.mean()) / rows
    found = infer(p.astype(np.float32), gradient.astype(np.float32), (loss,))
    assert found is not None
    assert found.name == "mean_squared_error"
    np.testing.assert_allclose(found.spread, y.var(), rtol=2e-2)
