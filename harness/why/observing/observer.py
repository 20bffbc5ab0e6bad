"""Observing one model of a script: some steps whole, all steps by the fingerprints of their rows.

What a step is recomputed from, all weights among it, is only read while a gate is open. Every step, recorded or
not, leaves a glimpse: which rows went in, and which targets a loss got for them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from harness.observe.events import Apply, Call, Event, Gradient, Loss
from harness.observe.observer import Observer
from harness.observe.patching import replace as substitute
from harness.observe.tensors import array_of, symbolic
from harness.trees import Tree, leaves, like
from harness.why.observing import draws
from harness.why.observing.fingerprints import fingerprints
from harness.why.observing.lines import user_line

_NOTHING, _HANDED = np.zeros(()), np.ones(())  # which stand for numbers that a glimpse has not
_TENSORFLOW_LOSSES = {
    "softmax_cross_entropy_with_logits": "categorical_crossentropy",
    "sparse_softmax_cross_entropy_with_logits": "sparse_categorical_crossentropy",
    "sigmoid_cross_entropy_with_logits": "binary_crossentropy",
}
_OPERATIONS = ("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy")


class _Kept(NamedTuple):
    """Stands for a value that was kept when it was read."""

    site: int
    place: int


class ScriptObserver(Observer):
    """Reports what a script does with one model.

    Args:
        model: built.
        sink: receives the events of recorded steps.
        glance: receives a glimpse of every event: fingerprints, shape (rows,), in place of the arrays.
    """

    active = True  # whether this is the one that looks at its model now

    def __init__(self, model: keras.Model, sink: Callable[[Event], None], glance: Callable[[Event], None]) -> None:
        with tf.init_scope():
            super().__init__(model, None, sink)
            self._gate = tf.Variable(True, trainable=False, name="observer_gate")
            self._draws = tf.Variable(0, dtype=tf.int64, trainable=False, name="observer_draws")
        self._state = [*self._state, self._draws]
        self._calling, self.draws = 0, False
        self._glance, self._recording = glance, True
        # Values that were read earlier in a step, under the place in the program that read them: in a graph they are
        # not held as tensors, for which TensorFlow would copy all variables in every step.
        self._sites, self._kept = itertools.count(), dict[int, list[np.ndarray]]()
        self._made: list[Any] = []  # what the model put out last, to ask the tape for its gradient

    @property
    def state(self) -> list[Any]:
        """The model's state variables, trainable ones first, as they were when it was first seen; the draws' last."""
        return self._state

    @property
    def trainable(self) -> int:
        """How many of them are trainable."""
        return len(self._trainable)

    @property
    def optimizers(self) -> list[Any]:
        """The optimizers that were applied, in order of first use."""
        return self._optimizers

    def record(self, whole: bool) -> None:
        """Open or close the gate."""
        self._recording = whole
        if not whole:
            self._kept.clear()  # a gate that opens in mid-step must not find what an earlier step read
        with tf.init_scope():
            self._gate.assign(whole)

    def _patch(self, undo: ExitStack) -> None:
        super()._patch(undo)
        for name, known in _TENSORFLOW_LOSSES.items():
            substitute(undo, tf.nn, name, partial(self._observed_tensorflow, known))
        for name in _OPERATIONS:
            substitute(undo, keras.ops, name, self._observed_loss_function)
        draws.substitute(undo, self._draws, self._drawing)

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Draw as in the model's own calls, whatever draws inside."""
        with ExitStack() as undo:
            draws.substitute(undo, self._draws, lambda: True)
            yield

    def _drawing(self) -> bool:
        self.draws |= self._calling > 0
        return self._calling > 0

    def _observed_call(self, original: Any) -> Any:
        observed = super()._observed_call(original)

        def call(*args: Any, **options: Any) -> Any:
            self._calling += 1
            try:
                return observed(*args, **options)
            finally:
                self._calling -= 1

        return call

    def _observed_tensorflow(self, known: str, original: Any) -> Any:
        def loss(labels: Any = None, logits: Any = None, *args: Any, **options: Any) -> Any:
            if self._delivering:
                return original(labels, logits, *args, **options)
            with self._deeper() as outermost:
                value = original(labels, logits, *args, **options)
            if outermost and not symbolic(logits):
                self._emit_loss(known, None, labels, logits, None, value, True)
            return value

        return loss

    def _emit_call(self, inputs: Tree, outputs: Tree, training: bool | None, state: Sequence[Any]) -> None:
        if not self.active:
            return
        given, made = leaves(inputs), leaves(outputs)
        self._made = [leaf for leaf in made if isinstance(leaf, tf.Tensor) and leaf.dtype.is_floating]
        line = user_line()

        def glimpse(values: Sequence[np.ndarray]) -> Event:
            predictions = like(outputs, values[len(given) :])
            x = tuple(fingerprints(one) for one in values[: len(given)])
            return Call(x, fingerprints(predictions), training, 0.0, (), line)

        self._glimpse(glimpse, [*given, *made])
        if state:  # read before the gate was opened by this very glimpse, a state is empty
            super()._emit_call(inputs, outputs, training, state)

    def _emit_loss(
        self, name: str, source: Any, y: Any, predictions: Any, weights: Any, value: Any, logits: bool | None
    ) -> None:
        if not self.active:
            return
        line = user_line()

        def glimpse(values: Sequence[np.ndarray]) -> Event:
            rows = [fingerprints(one) for one in values]
            return Loss(name, source is not None, rows[0], rows[1], None, _NOTHING, logits, None, line)

        self._glimpse(glimpse, [y, predictions])
        if self._wanted():
            super()._emit_loss(name, source, y, predictions, weights, value, logits)

    def _asked_for(self) -> list[Any]:
        if not self._wanted():
            return []
        # Only what belongs to the graph that is being traced, or to none, is there to be asked for.
        graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
        return [made for made in self._made if getattr(made, "graph", None) is graph]

    def _emit_gradient(
        self, target: Any, places: tuple[int, ...], gradients: Sequence[Any], by_outputs: Sequence[Any]
    ) -> None:
        if not self.active:
            return
        line = user_line()
        self._glimpse(lambda _: Gradient(_NOTHING, (0,), (_NOTHING,), line=line), [])
        if self._wanted():
            super()._emit_gradient(target, places, gradients, by_outputs)

    def _emit_apply(
        self, optimizer: Any, grads: Sequence[Any], given: Sequence[Any] | None, then: Sequence[list[Any]], rate: Any
    ) -> None:
        if not self.active:
            return
        variables = optimizer._trainable_variables if given is None else given
        if any(self._place(variable) >= 0 for variable in variables):
            line, kind = user_line(), type(optimizer).__name__
            self._glimpse(lambda _: Apply(0, kind, 1.0, 0.0, (), (0,), (_HANDED,), (), (), (), (), line), [])
            if self._wanted():
                super()._emit_apply(optimizer, grads, given, then, rate)

    def _read(self, variables: Sequence[Any]) -> list[Any]:
        if tf.executing_eagerly():
            return super()._read(variables) if self._wanted() else []
        site, read = next(self._sites), super()._read
        tf.cond(self._gate, lambda: self._keep(site, read(variables)), tf.no_op)
        return [_Kept(site, place) for place in range(len(variables))]

    def _keep(self, site: int, values: Sequence[Any]) -> Any:
        self._call_back(lambda current, arrays: current._kept.update({site: arrays}), values)
        return tf.no_op()

    def _wanted(self) -> bool:
        """Whether values are to be read: in a graph always, where the gate decides when it runs."""
        return self.active and (self._recording or not tf.executing_eagerly())

    def _glimpse(self, event: Callable[[Sequence[np.ndarray]], Event], values: Sequence[Any]) -> None:
        if tf.executing_eagerly():
            self._glance(event([array_of(value) for value in values]))
        else:
            self._call_back(lambda current, arrays: current._glance(event(arrays)), values)

    def _emit(self, event: Callable[[Sequence[np.ndarray]], Event], values: Sequence[Any]) -> None:
        line = user_line()
        if tf.executing_eagerly():
            if self._recording:
                self._sink(replace(event([array_of(value) for value in values]), line=line))
            return
        tensors = [value for value in values if not isinstance(value, _Kept)]

        def tell(current: Any, arrays: Sequence[np.ndarray]) -> None:
            given = iter(arrays)
            kept = [v for v in values if isinstance(v, _Kept)]
            if all(v.site in current._kept for v in kept):  # the gate may have been opened in mid-step
                every = [current._kept[v.site][v.place] if isinstance(v, _Kept) else next(given) for v in values]
                current._sink(replace(event(every), line=line))

        tf.cond(self._gate, lambda: self._tell(tell, tensors), tf.no_op)

    def _tell(self, tell: Callable[[Any, Sequence[np.ndarray]], None], values: Sequence[Any]) -> Any:
        self._call_back(tell, values)
        return tf.no_op()

    def _listening(self) -> Observer:
        return self  # whose variables the graph has, whichever observer is active by now
