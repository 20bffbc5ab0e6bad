"""Gradient and update statistics, taken inside the graph and the same way for every method.

`fit()` and a tape loop both hand their gradients to the optimizer's ``apply``; a gradient log wraps that
one call. It logs one row of sums a step, on the device, and the epoch's statistics are computed
from those rows in float64. Observing reads tensors that exist anyway and changes no bit of training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

Apply = Callable[..., None]


class GradientLog:
    """Logs every step's gradients as the optimizer receives them: before clipping.

    Args:
        variables: the trainable variables, in the order gradients are given in.
        names: what to call them in the statistics.
        steps: most steps between two calls of `start`.
        xla: whether the steps are compiled by XLA.
    """

    def __init__(self, variables: Sequence[Any], names: Sequence[str], steps: int, *, xla: bool) -> None:
        self._reduce = _Reduce(xla)
        self._variables, self.names = list(variables), list(names)
        self._places = {id(variable): place for place, variable in enumerate(variables)}
        self._elements = sum(int(np.prod(variable.shape)) for variable in variables)
        # A row: one squared norm a variable, then zero elements, squared update, squared weights.
        self._log = tf.Variable(tf.zeros((steps, len(self.names) + 3)), trainable=False, name="gradient_log")
        self._step = tf.Variable(0, trainable=False, name="gradient_step")
        self._handed: list[Any] | None = None
        self._gathers = False

    @property
    def columns(self) -> int:
        """Length of a row."""
        return len(self.names) + 3

    def start(self) -> None:
        """Forget the rows so far; callable in and out of a graph."""
        self._step.assign(0)
        if self._gathers:
            self._log.assign(tf.zeros_like(self._log))

    def gather(self) -> None:
        """From now on a row gathers all updates until `end_step`, where a step makes none or several."""
        self._gathers = True

    def end_step(self) -> None:
        """Go on to the next row; callable in and out of a graph."""
        self._step.assign_add(1)

    def around(self, apply: Apply, scale: Any = None) -> Apply:
        """Wrap an update ``apply(grads, variables)`` so that each call logs its row.

        Args:
            apply: the update.
            scale: of the loss, for half precision; the logged gradients are divided by it.
        """

        def observed(grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
            grads = list(grads)
            variables = self._variables if trainable_variables is None else list(trainable_variables)
            factor = None if scale is None else 1 / tf.convert_to_tensor(scale)
            before = [tf.convert_to_tensor(variable) for variable in variables]
            apply(grads, variables)
            after = [tf.convert_to_tensor(variable) for variable in variables]
            logged = grads if factor is None else [g if g is None else g * tf.cast(factor, g.dtype) for g in grads]
            places = [self._places.get(id(variable), -1) for variable in variables]
            self._append(_row(logged, before, after, places, len(self.names), self._reduce))

        return observed

    @contextmanager
    def handing_over(self, *, vectorized: bool = False) -> Iterator[list[Any]]:
        """Inside, each step's row, shape (columns,), goes into the list that this gives, and is not kept.

        Args:
            vectorized: the step is vectorized over lanes, which TensorFlow can do to plain sums only.
        """
        usual = self._reduce
        self._handed, self._reduce = [], _Reduce(vectorized or usual.xla)
        try:
            yield self._handed
        finally:
            self._handed, self._reduce = None, usual

    def _append(self, row: Any) -> None:
        if self._handed is not None:
            self._handed.append(row)
            return
        position = tf.reshape(self._step.read_value(), [1])
        slices = tf.IndexedSlices(row[tf.newaxis], position)
        if self._gathers:
            self._log.scatter_add(slices)
        else:
            self._log.scatter_update(slices)
            self.end_step()

    def rows(self) -> Any:
        """The log as a tensor of shape (steps, variables + 3); rows past the last step are stale."""
        return self._log.read_value()

    def statistics(self, log: np.ndarray, steps: int) -> dict[str, float]:
        """See `epoch_statistics`, for the first ``steps`` rows of a log that `rows` gave."""
        return epoch_statistics(log[:steps], self.names, self._elements)

    def each_epoch(self, log: np.ndarray) -> list[dict[str, float]]:
        """The statistics of several epochs at once; ``log`` has shape (epochs, steps, columns)."""
        return epochs_statistics(log, self.names, self._elements)


def _row(
    grads: Sequence[Any],
    before: Sequence[Any],
    after: Sequence[Any],
    places: Sequence[int],
    width: int,
    reduce: _Reduce,
) -> Any:
    """A row of the log; ``places`` says which variable each gradient is for, -1 for none of the model's."""
    dense = [tf.zeros_like(old) if grad is None else tf.convert_to_tensor(grad) for grad, old in zip(grads, before)]
    known = [index for index, place in enumerate(places) if place >= 0]
    zeros = [reduce.zeros(dense[index]) for index in known]
    moved = [reduce.squares(after[index] - before[index]) for index in known]
    weights = [reduce.squares(before[index]) for index in known]
    squares = [tf.constant(0.0)] * width
    for index in known:
        squares[places[index]] = reduce.squares(dense[index])
    return tf.stack(squares + [tf.add_n(each) if each else tf.constant(0.0) for each in (zeros, moved, weights)])


@dataclass(frozen=True)
class _Reduce:
    """Sums over a tensor, in the form that the compiler at hand makes fast.

    TensorFlow's own kernels use all lanes and cores. XLA's reductions on CPU add one element after
    the other; adding sixteen stretches of the tensor to each other first is an elementwise loop,
    which it does vectorise, and makes measuring four times cheaper.
    """

    xla: bool

    def squares(self, tensor: Any) -> Any:
        tensor = tf.cast(tensor, tf.float32)
        return _sum_by_stretches(tf.square(tensor)) if self.xla else 2 * tf.nn.l2_loss(tensor)

    def zeros(self, tensor: Any) -> Any:
        zero = tf.cast(tf.equal(tensor, 0), tf.float32)
        return _sum_by_stretches(zero) if self.xla else tf.reduce_sum(zero)


def _sum_by_stretches(tensor: Any, stretches: int = 16, least: int = 4096) -> Any:
    flat = tf.reshape(tensor, (-1,))
    elements = flat.shape[0]
    if elements < least:
        return tf.reduce_sum(flat)
    length = elements // stretches
    total = flat[:length]
    for start in range(length, length * stretches, length):
        total += flat[start : start + length]
    return tf.reduce_sum(total) + tf.reduce_sum(flat[length * stretches :])


def epoch_statistics(log: np.ndarray, names: Sequence[str], elements: int) -> dict[str, float]:
    """Summarise one epoch's steps.

    Args:
        log: shape (steps, variables + 3): squared gradient norm of each variable, number of zero
            gradient elements, squared norm of the update, squared norm of the weights before it.
        names: of the variables.
        elements: number of trainable weights.

    Returns:
        ``grad/norm/{mean,std,min,max}`` of the global L2 norm over steps (std with ddof 1; 0 for a
        single step), ``grad/<variable>/norm_mean``, ``grad/zero_fraction``,
        ``grad/nonfinite_steps``, and ``update/ratio``, the mean of ‖Δw‖/‖w‖ over steps.
    """
    return epochs_statistics(log[np.newaxis], names, elements)[0]


def epochs_statistics(log: np.ndarray, names: Sequence[str], elements: int) -> list[dict[str, float]]:
    """`epoch_statistics` of several epochs of equally many steps; ``log`` has shape (epochs, steps, columns)."""
    log = log.astype(np.float64)
    squared = log[:, :, : len(names)]
    norms = np.sqrt(squared.sum(axis=2))
    with np.errstate(invalid="ignore", divide="ignore"):
        statistics = {
            "grad/norm/mean": norms.mean(axis=1),
            "grad/norm/std": norms.std(axis=1, ddof=1) if norms.shape[1] > 1 else np.zeros(len(norms)),
            "grad/norm/min": norms.min(axis=1),
            "grad/norm/max": norms.max(axis=1),
            "grad/zero_fraction": log[:, :, -3].mean(axis=1) / elements,
            "grad/nonfinite_steps": np.count_nonzero(~np.isfinite(norms), axis=1).astype(np.float64),
            "update/ratio": np.sqrt(log[:, :, -2] / log[:, :, -1]).mean(axis=1),
        }
        per_variable = np.sqrt(squared).mean(axis=1)
    columns = np.column_stack([*statistics.values(), per_variable]).tolist()
    keys = [*statistics, *(f"grad/{name}/norm_mean" for name in names)]
    return [dict(zip(keys, row)) for row in columns]
