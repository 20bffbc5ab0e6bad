"""Several outputs whose losses a loop weighs, where ``fit()`` adds them as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from harness.certify.distance import relative
from harness.diagnose.causes import Cause
from harness.diagnose.place import ONGOING
from harness.diagnose.reference import Recipe, Reference

_APART = 1e-2  # factors that are not all one number


def weighted_outputs(
    reference: Reference,
    seen: dict[int, np.ndarray],
    recomputed: Callable[[Recipe], Sequence[np.ndarray]],
    usual: Recipe,
    tolerance: float,
) -> Cause | None:
    """The cause, place and effect still to be set, where the gradients are those of the outputs' losses times factors.

    Args:
        reference: of the job.
        seen: gradient by variable.
        recomputed: the batch's gradients by a recipe, one a variable.
        usual: what ``fit()`` does, by the training flag that was seen.
        tolerance: relative, of the gradients.
    """
    outputs = [one.output for one in reference.trainee.objectives]
    if len(outputs) < 2 or not seen or not all(np.isfinite(g).all() for g in seen.values()):
        return None

    def flat(gradients: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate([np.asarray(gradients[v], np.float64).ravel() for v in seen])

    units = [tuple(map(float, row)) for row in np.eye(len(outputs))]
    each = [flat(recomputed(replace(usual, regularizers=False, outputs=unit))) for unit in units]
    together = flat(recomputed(usual))
    penalties = together - sum(each)
    target = np.concatenate([np.asarray(g, np.float64).ravel() for g in seen.values()])
    factors = tuple(map(float, np.linalg.lstsq(np.column_stack(each), target - penalties, rcond=None)[0]))
    fitted = penalties + sum(factor * one for factor, one in zip(factors, each))
    if max(factors) - min(factors) < _APART or relative([target], [fitted]) >= tolerance:
        return None
    words = ", ".join(f"{name} by {round(factor, 4) + 0.0:.3g}" for name, factor in zip(outputs, factors))
    evidence = f"recomputed with the outputs' losses multiplied, {words}, the gradients agree"
    gap = float(np.abs(target - together).max())
    return Cause("loss_weights", "outputs", evidence, ONGOING, 0, "loss", "", gap, amount=factors)
