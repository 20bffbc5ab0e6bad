"""A loss written by hand, told from its gradient by the predictions; no TensorFlow.

The tape is asked for that gradient too. For rows i of n and a scale s (1/n for a mean over the batch, 1 for a sum):

- cross-entropy of probabilities p: -s y/p; of two classes: s (p - y) / (p (1 - p));
- cross-entropy of logits z: s (softmax(z) - y), or s (sigmoid(z) - y);
- squared error: 2a (p - y), where the loss itself is a times the sum of the squares, so that the sum of the squared
  gradients is 4a times the loss;
- absolute error: a times the sign of p - y.

Targets of a classification are 0 or 1, which each element has to confirm, with one s for all elements of a row.
Nothing is named that the numbers do not confirm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_SAME = 2e-3  # relative
_NOTHING = 1e-6  # of the largest: saturated


@dataclass(frozen=True)
class Inferred:
    """A loss that gives the gradient seen.

    Attributes:
        name: of the Keras loss it is.
        from_logits: None where that does not apply.
        y: targets, shape of the predictions.
        scale: of each row's loss, shape (rows,), times the number of rows: 1 for a mean over the batch.
        spread: variance of the targets that the loss shows beyond ``y``: above 0 where every prediction was
            compared with every target, whose mean ``y`` then is; infinite where the targets are not known at all.
    """

    name: str
    from_logits: bool | None
    y: np.ndarray
    scale: np.ndarray
    spread: float = 0.0

    @property
    def even(self) -> bool:
        """Whether all rows count alike."""
        return bool(np.allclose(self.scale, self.scale[0], rtol=_SAME))

    @property
    def pairs_summed(self) -> bool:
        """Whether each prediction was compared with every target and the errors added up, not averaged."""
        return bool(self.spread and self.scale[0] > 1 + _SAME)


def infer(predictions: np.ndarray, gradient: np.ndarray, losses: tuple[float, ...]) -> Inferred | None:
    """The loss whose gradient this is, or None.

    Args:
        predictions: shape (rows, width).
        gradient: of the loss by them, the same shape.
        losses: what the loss's value may be, with or without what was added to it.
    """
    if predictions.ndim != 2 or predictions.shape != gradient.shape or not gradient.any():
        return None
    p, g = predictions.astype(np.float64), gradient.astype(np.float64)
    if not (np.isfinite(p).all() and np.isfinite(g).all()):
        return None
    for rule in (_of_probabilities, _of_logits, _binary_of_probabilities, _binary_of_logits):
        found = rule(p, g)
        # Rows of several weights leave more to chance, and have to give the loss's own value, too.
        if found is not None and (found.even or _gives(found, p, losses)):
            return found
    # The first is told by each row alone, the second by one number, which another loss may have by chance.
    found = _broadcast(p, g, losses) or _squared(p, g, losses)
    return found or _absolute(p, g, losses) or _broadcast_absolute(p, g)


def _gives(found: Inferred, p: np.ndarray, losses: tuple[float, ...]) -> bool:
    """Whether a cross-entropy with these targets and weights has one of these values."""
    binary = found.name == "binary_crossentropy"
    if found.from_logits:
        right = p if binary else p - p.max(axis=1, keepdims=True)
        logs = -np.logaddexp(0, -right) if binary else right - np.log(np.exp(right).sum(axis=1, keepdims=True))
        others = -np.logaddexp(0, right)
    else:
        logs, others = np.log(np.maximum(p, 1e-30)), np.log(np.maximum(1 - p, 1e-30))
    each = -(found.y * logs + (1 - found.y) * others).mean(axis=1) if binary else -(found.y * logs).sum(axis=1)
    value = float((found.scale * each).mean())
    return any(abs(value - loss) <= _SAME * abs(loss) for loss in losses)


def _of_probabilities(p: np.ndarray, g: np.ndarray) -> Inferred | None:
    rows, width = p.shape
    if width < 2 or (p < 0).any() or (p > 1 + 1e-6).any():
        return None
    y = (g < -_NOTHING * np.abs(g).max()).astype(np.float32)
    if (y.sum(axis=1) != 1).any() or (np.abs(g[y == 0]) > _NOTHING * np.abs(g).max()).any():
        return None
    scale = (-g * p).sum(axis=1)
    return _with(rows, "categorical_crossentropy", False, y, scale)


def _of_logits(p: np.ndarray, g: np.ndarray) -> Inferred | None:
    rows, width = p.shape
    if width < 2:
        return None
    shares = np.exp(p - p.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    y = (g < 0).astype(np.float32)
    if (y.sum(axis=1) > 1).any() or not _sums_to_nothing(g):
        return None
    sizes = shares * (1 - y)
    scale = (g * (1 - y)).sum(axis=1) / np.maximum(sizes.sum(axis=1), 1e-30)
    scale = np.where(y.sum(axis=1) == 1, scale, np.nan)
    if np.isnan(scale).any() or not _agree(g, scale[:, None] * (shares - y)):
        return None
    return _with(rows, "categorical_crossentropy", True, y, scale)


def _sums_to_nothing(g: np.ndarray) -> bool:
    return bool((np.abs(g.sum(axis=1)) <= 1e-3 * np.abs(g).max()).all())


def _binary_of_probabilities(p: np.ndarray, g: np.ndarray) -> Inferred | None:
    if (p <= 0).any() or (p >= 1).any():
        return None
    y = (g < 0).astype(np.float32)
    scale = np.where(y == 1, -g * p, g * (1 - p))
    return _with_elements("binary_crossentropy", False, y, scale)


def _binary_of_logits(p: np.ndarray, g: np.ndarray) -> Inferred | None:
    share = 1 / (1 + np.exp(-p))
    y = (g < 0).astype(np.float32)
    size = np.where(y == 1, 1 - share, share)
    known = size > 1e-4
    if not known.all():
        return None
    return _with_elements("binary_crossentropy", True, y, np.abs(g) / size)


def _with_elements(name: str, from_logits: bool, y: np.ndarray, scale: np.ndarray) -> Inferred | None:
    """Where all outputs of a row have one scale; Keras averages over them."""
    rows, width = y.shape
    if (scale <= 0).any() or not np.allclose(scale, scale[:, :1], rtol=_SAME):
        return None
    if rows < 4 or not _few(scale[:, 0]):
        return None
    return _with(rows, name, from_logits, y, scale[:, 0] * width)


def _few(scale: np.ndarray) -> bool:
    """Whether the rows' scales are a few numbers, as weights of classes are, not one for each row."""
    ordered, kinds, first = np.sort(scale), 1, float(scale.min())
    for one in ordered.tolist():  # by what each is from the first of its kind: a row of small gaps is no single number
        if one > (1 + 2 * _SAME) * first:
            kinds, first = kinds + 1, one
    return kinds <= max(1, len(scale) // 4)


def _with(rows: int, name: str, from_logits: bool, y: np.ndarray, scale: np.ndarray) -> Inferred | None:
    if (scale <= 0).any() or not _few(scale):
        return None
    return Inferred(name, from_logits, y, scale * rows)


def _squared(p: np.ndarray, g: np.ndarray, losses: tuple[float, ...]) -> Inferred | None:
    """The factor is what the loss's own value gives, and counts only where it is one that is written down."""
    rows, width = p.shape
    squares = float(np.square(g).sum())
    for loss in losses:
        if not loss > 0:
            continue
        factor = squares / (4 * loss)
        for written in (1 / (rows * width), 1 / rows, 1.0, 1 / width, 0.5 / (rows * width), 0.5 / rows, 0.5):
            if abs(factor / written - 1) < 1e-4:
                y = (p - g / (2 * written)).astype(np.float32)
                return Inferred("mean_squared_error", None, y, np.full(rows, written * rows * width))
    return None


def _broadcast(p: np.ndarray, g: np.ndarray, losses: tuple[float, ...]) -> Inferred | None:
    """Every prediction pulled to one number, the targets' mean, while the loss shows that targets spread around it."""
    rows, width = p.shape
    if width != 1 or rows < 4:
        return None
    # Of a sum over rows x rows errors, times a, the gradient is a straight line: slope 2na, zero at the targets' mean.
    slope, offset = np.polyfit(p[:, 0], g[:, 0], 1) if np.ptp(p) > 0 else (0.0, 0.0)
    line = slope * p[:, 0] + offset
    if slope <= 0 or np.abs(line - g[:, 0]).max() > 1e-3 * np.abs(g).max():
        return None
    mean = -offset / slope
    for written in (1 / rows**2, 1 / rows, 1.0):
        for loss in losses if abs(slope / (2 * rows * written) - 1) <= _SAME else ():
            spread = loss / (written * rows**2) - float(np.mean(np.square(p - mean)))
            if spread > 1e-3 * loss / (written * rows**2):
                y = np.full(p.shape, mean, np.float32)
                return Inferred("mean_squared_error", None, y, np.full(rows, written * rows**2), spread)
    return None


def _absolute(p: np.ndarray, g: np.ndarray, losses: tuple[float, ...]) -> Inferred | None:
    """Only the sign of the error shows, and so targets on the right side of the predictions at the right distance."""
    rows, width = p.shape
    size = np.abs(g).max()
    if rows * width < 8 or not np.allclose(np.abs(g), size, rtol=1e-4):
        return None
    for written in (1 / (rows * width), 1 / rows, 1.0, 1 / width):
        if abs(size / written - 1) < 1e-4:
            distance = max(losses[0], 1e-6) / (written * rows * width) if losses else 1.0
            y = (p - np.sign(g) * distance).astype(np.float32)
            return Inferred("mean_absolute_error", None, y, np.full(rows, written * rows * width))
    return None


def _broadcast_absolute(p: np.ndarray, g: np.ndarray) -> Inferred | None:
    """Each row's gradient counts the targets of the batch below its prediction and above it, over n squared."""
    rows, width = p.shape
    counts = g[:, 0] * rows**2 if width == 1 else np.zeros(0)
    whole = len(counts) >= 4 and np.abs(counts - np.round(counts)).max() < 1e-2 and np.abs(counts).max() <= rows + 0.01
    if not whole or (np.abs(counts) > rows - 0.5).all() or (np.diff(counts[np.argsort(p[:, 0])]) < -0.01).any():
        return None
    return Inferred("mean_absolute_error", None, p.astype(np.float32), np.ones(rows), float("inf"))


def _agree(seen: np.ndarray, expected: np.ndarray) -> bool:
    return bool(np.linalg.norm(seen - expected) <= _SAME * np.linalg.norm(seen))
