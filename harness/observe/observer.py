"""Observing a loop that knows nothing of it.

While an observer is on, one model object's ``call`` and, at class level, Keras's losses, optimizers
and TensorFlow's tape report what passes through them. Uncompiled code reports directly, a graph by
a Python callback in it. A clock variable that each callback reads and then advances keeps the
callbacks in the order of the loop. Nothing that is computed changes: values are only read.

A graph that the user's code keeps, under a function of its own module or in ``model.predict_function``,
outlives the observer it was traced under; what it reports goes to the observer that is on.

XLA cannot call Python. A loop that compiles by XLA raises `XlaObservedError`, and is run again uncompiled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import wraps
from itertools import count
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common.variables import AutocastScope
from keras.src.optimizers.base_optimizer import BaseOptimizer
from keras.src.optimizers.loss_scale_optimizer import LossScaleOptimizer

from harness.observe.applied import applied
from harness.observe.arguments import Arguments
from harness.observe.events import Call, Event, Gradient, Loss
from harness.observe.patching import replace
from harness.observe.state import state_variables
from harness.observe.tensors import array_of, symbolic, under_xla
from harness.trees import Tree, leaves, like

_LOSS_FUNCTIONS = [f"{kind}_crossentropy" for kind in ("binary", "categorical", "sparse_categorical")]
_LOSS_FUNCTIONS += ["mean_absolute_error", "mean_squared_error"]


class XlaObservedError(Exception):
    """The loop compiles by XLA, inside which nothing can be observed."""


class Observer:
    """Reports what a loop does with one model.

    Args:
        model: whose calls are observed.
        optimizer: the one handed to the loop; it gets number 0. None where the loop makes its own.
        sink: receives the events in order.
    """

    _on: ClassVar[dict[int, Observer]] = {}  # by the model's id

    def __init__(self, model: keras.Model, optimizer: Any, sink: Callable[[Event], None]) -> None:
        self._model, self._sink = model, sink
        self._optimizers: list[Any] = [] if optimizer is None else [optimizer]
        self._state = state_variables(model)
        self._trainable = list(model.trainable_variables)  # as built; a loop may freeze some
        self._index = {id(variable): place for place, variable in enumerate(model.trainable_variables)}
        self._index |= {id(variable.value): place for place, variable in enumerate(model.trainable_variables)}
        self._clock = tf.Variable(0, dtype=tf.int64, trainable=False, name="observer_clock")
        self._inside = 0  # deeper calls of a observed call are its own business
        self._delivering = False  # and so is what the sink does
        self._traces = count(1)
        self._worker: ThreadPoolExecutor | None = None
        self._handed: Any = None  # what the model was called with, before any cast
        self.arguments = Arguments(model)

    @contextmanager
    def on(self) -> Iterator[None]:
        """Watch whatever runs inside."""
        with ExitStack() as undo:
            # Tapes and Keras's call context belong to a thread: in another one the sink disturbs neither.
            self._worker = undo.enter_context(ThreadPoolExecutor(max_workers=1))
            self._patch(undo)
            undo.callback(Observer._on.pop, id(self._model), None)
            Observer._on[id(self._model)] = self
            yield

    def _patch(self, undo: ExitStack) -> None:
        replace(undo, keras.Layer, "__call__", self._observed_entry)
        replace(undo, self._model, "call", self._observed_call)
        replace(undo, keras.losses.Loss, "__call__", self._observed_loss)
        for module in {id(found): found for found in (keras.losses, tf.keras.losses)}.values():
            for name in (one for one in _LOSS_FUNCTIONS if hasattr(module, one)):
                replace(undo, module, name, self._observed_loss_function)
        replace(undo, tf.GradientTape, "gradient", self._observed_gradient)
        replace(undo, tf.GradientTape, "jacobian", self._unobserved)
        replace(undo, BaseOptimizer, "apply", self._observed_apply)
        replace(undo, LossScaleOptimizer, "apply", self._observed_apply)

    def _observed_entry(self, original: Any) -> Any:
        observer = self

        def entered(self: Any, *args: Any, **options: Any) -> Any:
            if self is observer._model and args:
                observer._handed = args[0]
            return original(self, *args, **options)

        return entered

    def _observed_call(self, original: Any) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            given, handed = self.arguments.of(args, options), self._handed
            self._handed = None
            state = self._read_state()
            outputs = original(*args, **options)
            if not symbolic(given.inputs):
                # Half precision's own cast of what was handed over comes before this call.
                cast = handed is not None and self._model.compute_dtype != "float32"
                x = given.with_first(handed) if cast else given.inputs
                self._emit_call(x, outputs, given.training, state)
            return outputs

        return call

    def _emit_call(self, inputs: Tree, outputs: Tree, training: bool | None, state: Sequence[Any]) -> None:
        penalties = [tf.reduce_sum(tf.cast(one, tf.float32)) for one in self._model.losses]
        penalty = tf.add_n(penalties) if penalties else tf.constant(0.0)
        given, made = leaves(inputs), leaves(outputs)
        ends = np.cumsum([len(given), len(made)])

        def event(values: Sequence[np.ndarray]) -> Event:
            x, predictions = like(inputs, values[: ends[0]]), like(outputs, values[ends[0] : ends[1]])
            return Call(x, predictions, training, float(values[ends[1]]), tuple(values[ends[1] + 1 :]))

        self._emit(event, [*given, *made, penalty, *state])

    def _observed_loss(self, original: Any) -> Any:
        observer = self

        def loss(self: Any, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            if observer._delivering:
                return original(self, y_true, y_pred, sample_weight=sample_weight)
            with observer._deeper() as outermost:
                value = original(self, y_true, y_pred, sample_weight=sample_weight)
            if outermost and not symbolic(y_pred):
                logits = getattr(self, "_fn_kwargs", {}).get("from_logits")
                observer._emit_loss(self.name, self, y_true, y_pred, sample_weight, value, logits)
            return value

        return loss

    def _observed_loss_function(self, original: Any) -> Any:
        @wraps(original)  # by whose name an observer of another model tells it
        def loss(y_true: Any, y_pred: Any, *args: Any, **options: Any) -> Any:
            if self._delivering:
                return original(y_true, y_pred, *args, **options)
            with self._deeper() as outermost:
                value = original(y_true, y_pred, *args, **options)
            if outermost and not symbolic(y_pred):
                logits = options.get("from_logits", args[0] if args else False)
                name = original.__name__
                known = logits if name.endswith("crossentropy") else None
                self._emit_loss(name, None, y_true, y_pred, None, value, known)
            return value

        return loss

    def _emit_loss(
        self, name: str, source: Any, y: Any, predictions: Any, weights: Any, value: Any, logits: bool | None
    ) -> None:
        def event(values: Sequence[np.ndarray]) -> Event:
            given = values[3] if weights is not None else None
            return Loss(name, source is not None, values[0], values[1], given, values[2], logits, source)

        self._emit(event, [y, predictions, value, *([] if weights is None else [weights])])

    def _observed_gradient(self, original: Any) -> Any:
        observer = self

        def gradient(self: Any, target: Any, sources: Any, *args: Any, **options: Any) -> Any:
            if observer._delivering or observer._inside:
                return original(self, target, sources, *args, **options)
            made = observer._asked_for()
            gradients = original(self, target, [sources, made] if made else sources, *args, **options)
            gradients, by_outputs = gradients if made else (gradients, [])
            places = tuple(observer._place(source) for source in tf.nest.flatten(sources))
            if any(place >= 0 for place in places):
                observer._emit_gradient(target, places, tf.nest.flatten(gradients), by_outputs)
            return gradients

        return gradient

    def _unobserved(self, original: Any) -> Any:
        def inside(*args: Any, **options: Any) -> Any:
            with self._deeper():  # a Jacobian takes a gradient for each element of its target
                return original(*args, **options)

        return inside

    def _asked_for(self) -> list[Any]:
        """What a tape is asked for the gradients of, beside what the loop asks for."""
        return []

    def _emit_gradient(
        self, target: Any, places: tuple[int, ...], gradients: Sequence[Any], by_outputs: Sequence[Any]
    ) -> None:
        targets = list(map(tf.convert_to_tensor, tf.nest.flatten(target)))
        value = targets[0] if len(targets) == 1 else tf.concat([tf.reshape(t, [-1]) for t in targets], axis=0)
        every = [*gradients, *by_outputs]
        present = [place for place, found in enumerate(every) if found is not None]
        frozen = tuple(place for place, one in enumerate(self._trainable) if not one.trainable)
        trace = 0 if tf.executing_eagerly() else next(self._traces)

        def event(values: Sequence[np.ndarray]) -> Event:
            found = dict(zip(present, values[1:]))
            each = tuple(found.get(place) for place in range(len(every)))
            return Gradient(values[0], places, each[: len(places)], frozen, each[len(places) :], trace=trace)

        self._emit(event, [value, *(tf.convert_to_tensor(every[place]) for place in present)])

    def _observed_apply(self, original: Any) -> Any:
        observer = self

        def apply(self: Any, grads: Any, trainable_variables: Any = None) -> Any:
            grads = list(grads)
            given = None if trainable_variables is None else list(trainable_variables)
            with observer._deeper() as outermost:
                if not outermost or observer._delivering:
                    return original(self, grads, given)
                before = observer._read(self.variables) if self.built else []
                start = observer._read_state()[: len(observer._trainable)]
                rate = tf.cast(tf.convert_to_tensor(self.learning_rate), tf.float32)
                result = original(self, grads, given)
            observer._emit_apply(self, grads, given, (start, before), rate)
            return result

        return apply

    def _emit_apply(
        self, optimizer: Any, grads: Sequence[Any], given: Sequence[Any] | None, then: Sequence[list[Any]], rate: Any
    ) -> None:
        places = tuple(map(self._place, optimizer._trainable_variables if given is None else given))
        number = self._number(optimizer)
        after = self._read(optimizer.variables)
        self._emit(*applied(optimizer, number, places, grads, then, rate, after, self._read_state()))

    @contextmanager
    def _deeper(self) -> Iterator[bool]:
        self._inside += 1
        try:
            yield self._inside == 1
        finally:
            self._inside -= 1

    def _read_state(self) -> list[Any]:
        return self._read(self._state)

    def _read(self, variables: Sequence[Any]) -> list[Any]:
        with AutocastScope(None):  # inside a call of mixed precision variables read as their rounded copies
            return [tf.convert_to_tensor(variable) for variable in variables]

    def _place(self, variable: Any) -> int:
        return self._index.get(id(variable), -1)

    def _number(self, optimizer: Any) -> int:
        # Kept alive on purpose: a collected optimizer's id could come back as another's.
        numbers = [number for number, known in enumerate(self._optimizers) if known is optimizer]
        self._optimizers += [] if numbers else [optimizer]
        return numbers[0] if numbers else len(self._optimizers) - 1

    def _emit(self, event: Callable[[Sequence[np.ndarray]], Event], values: Sequence[Any]) -> None:
        if tf.executing_eagerly():
            self._deliver(event([array_of(value) for value in values]))
        elif under_xla():
            raise XlaObservedError
        else:
            self._call_back(lambda current, arrays: current._deliver(event(arrays)), values)

    def _call_back(self, tell: Callable[[Any, list[np.ndarray]], None], values: Sequence[Any]) -> None:
        """Put a callback into the graph that is being traced."""

        def receive(_: Any, *arrays: np.ndarray) -> np.int64:
            # The arrays are TensorFlow's own memory, reused after the callback.
            current = self._listening()
            if current is not None:
                tell(current, [np.array(array) for array in arrays])
            return np.int64(1)

        tick = self._clock.read_value()
        done = tf.numpy_function(receive, [tick, *values], tf.int64)
        self._clock.assign_add(tf.reshape(done, []))

    def _listening(self) -> Observer | None:
        return Observer._on.get(id(self._model))

    def _deliver(self, event: Event) -> None:
        assert self._worker is not None
        self._delivering = True
        try:
            self._worker.submit(self._sink, event).result()
        finally:
            self._delivering = False
