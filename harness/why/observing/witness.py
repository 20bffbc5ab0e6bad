"""Watching a script: each Keras model that it calls is observed from its first call on."""

from __future__ import annotations

import ctypes
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from inspect import signature
from typing import Any

import keras
import tensorflow as tf

from harness.errors import InputError
from harness.location import is_own_code
from harness.observe.events import Event
from harness.observe.patching import replace
from harness.observe.state import read, write
from harness.observe.tensors import symbolic
from harness.why.observing.lines import user_line
from harness.why.observing.observer import ScriptObserver
from harness.why.observing.record import Record
from harness.why.observing.refused import on_distribution, set_by_script
from harness.why.observing.thaw import Thaw, trainable_flags, watched

_BUDGET, _LEAST = 2**30, 2**26  # bytes: of all recorded steps, and those that each model may take at least


@dataclass
class Observed:
    """A model that a script called, and what it did with it.

    Attributes:
        model: the script's own.
        observer: of it.
        record: of its steps.
        by_fit: whether it was trained by Keras's own ``fit()`` or ``train_on_batch()``, through Keras's own steps.
        flags: which of its layers are trainable, in order; another choice of the script makes another observed.
        given: what each call of ``fit()`` or ``train_on_batch()`` was given, by name.
        thaw: layers that were set trainable while its steps went on without them.
    """

    model: Any
    observer: ScriptObserver
    record: Record
    flags: tuple[bool, ...]
    by_fit: bool = False
    given: list[dict[str, Any]] = field(default_factory=list)
    thaw: Thaw = field(default_factory=Thaw)


@dataclass
class Untrained:
    """A model that ``fit()`` or ``train_on_batch()`` was called on while nothing of it was trainable.

    Attributes:
        model: the script's own.
        way: the method's name.
        line: of the first such call.
        calls: how many there were.
    """

    model: Any
    way: str
    line: str
    calls: int = 0


@dataclass
class Witness:
    """Finds the models that a script calls.

    Args:
        steps: how many of each model's first steps are recorded whole.
        stop: whether to interrupt the script when these are.

    Attributes:
        refused: why the script is not judged at all, which it may have caught.
    """

    steps: int = 24
    stop: bool = False
    found: list[Observed] = field(default_factory=list)
    untrained: list[Untrained] = field(default_factory=list)
    xla: bool = False
    refused: InputError | None = None

    def __post_init__(self) -> None:
        self._undo = ExitStack()
        self._depth = 0
        self._script = threading.get_ident()
        self._stopped = False

    @property
    def enough(self) -> bool:
        """Whether the first steps of every model that is trained are recorded."""
        trained = [one for one in self.found if one.record.rows]
        return bool(trained) and all(one.record.enough for one in trained)

    @contextmanager
    def on(self) -> Iterator[None]:
        """Watch whatever runs inside.

        Raises:
            InputError: inside the script, where it trains on what is not taken.
        """
        with self._undo:
            on_distribution(self._undo, self._refuse)
            for owner, name, wrap in (
                (keras.Layer, "__call__", self._entered),
                (keras.Model, "compile", self._compiling),
                (keras.Model, "fit", self._fitting),
                (keras.Model, "train_on_batch", self._fitting),
                (tf, "function", self._function),
                (keras.Layer, "trainable", lambda original: watched(original, self._compare)),
            ):
                replace(self._undo, owner, name, wrap)
            try:
                yield
            finally:
                self._finish()

    @contextmanager
    def as_left(self) -> Iterator[None]:
        """Put the models back into the state that they were left in, compiled as they were, whatever is done inside."""
        variables = [v for one in self.found for v in one.observer.state]
        kept, attributes = read(variables), [dict(vars(one.model)) for one in self.found]
        try:
            yield
        finally:
            write(variables, kept)
            for one, before in zip(self.found, attributes):
                vars(one.model).clear()
                vars(one.model).update(before)

    def _refuse(self, error: InputError) -> None:
        self.refused = error
        raise error

    def _compare(self) -> None:
        for one in self.found:
            trained = one.observer.state[: one.observer.trainable]
            one.thaw.compare(one.model, one.flags, trained, one.record.updates)

    def _finish(self) -> None:
        self._compare()
        for one in self.found:
            one.record.finish(read(one.observer.state))

    def _entered(self, original: Any) -> Any:
        witness = self

        def entered(self: Any, *args: Any, **options: Any) -> Any:
            if not isinstance(self, keras.Model) or symbolic((args, options)):
                return original(self, *args, **options)
            other = set_by_script()
            if other is not None:
                witness._refuse(other)
            if witness._depth == 0 and witness._adopt(self, args, options):
                return keras.Layer.__call__(self, *args, **options)  # as it is observed from now on
            witness._depth += 1
            try:
                return original(self, *args, **options)
            finally:
                witness._depth -= 1

        return entered

    def _adopt(self, model: Any, args: Any, options: Any) -> bool:
        """Observe a model from now on; whether it was not before and can be.

        A model of which other layers are trained than before is observed anew.
        """
        known = [one for one in self.found if one.model is model]
        if not known and not (model.built and model.variables):
            _build(model, args, options)
        flags = trainable_flags(model)
        for one in known:
            one.observer.active = one.flags == flags
        if any(one.observer.active for one in known) or not model.trainable_variables:
            return False
        left = _BUDGET - sum(one.record.taken for one in self.found)
        record = Record(self.steps, max(left, _LEAST))
        observer = ScriptObserver(model, partial(self._take, record), record.glance)
        record.gate, record.trainable = observer.record, observer.trainable
        self.found.append(Observed(model, observer, record, flags))
        self._undo.enter_context(observer.on())
        return True

    def _take(self, record: Record, event: Event) -> None:
        record.event(event)
        if self.stop and self.enough and not self._stopped:
            self._stopped = True
            # Compiled steps call no Python of the script's thread in which it could be raised.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._script), ctypes.py_object(KeyboardInterrupt)
            )

    def _fitting(self, original: Any) -> Any:
        witness = self

        def fitting(self: Any, *args: Any, **options: Any) -> Any:
            line = user_line()
            try:
                return original(self, *args, **options)
            finally:  # the script may be stopped inside
                if self.variables and not self.trainable_variables:
                    witness._count_untrained(self, original.__name__, line)
                given = dict(signature(original).bind_partial(self, *args, **options).arguments)
                for one in witness.found:
                    if one.model is self and one.observer.active:
                        one.by_fit = True
                        one.given.append(given)

        return fitting

    def _count_untrained(self, model: Any, way: str, line: str) -> None:
        known = [one for one in self.untrained if one.model is model]
        if not known:
            known = [Untrained(model, way, line)]
            self.untrained += known
        known[0].calls += 1

    def _compiling(self, original: Any) -> Any:
        witness = self

        def compile(self: Any, *args: Any, **options: Any) -> Any:
            witness.xla |= options.get("jit_compile") is True
            return original(self, *args, **options | {"jit_compile": False})

        return compile

    def _function(self, original: Any) -> Any:
        """`tf.function` without XLA, inside which nothing can be observed."""

        def function(*args: Any, **options: Any) -> Any:
            # Keras asks for it too, where it is free to leave it.
            if options.pop("jit_compile", None) and is_own_code(sys._getframe(1).f_code.co_filename.partition("[")[0]):
                self.xla = True
            return original(*args, **options)

        return function


@contextmanager
def with_flags(model: Any, flags: tuple[bool, ...]) -> Iterator[None]:
    """Let these layers be trainable inside, and no others."""
    layers = list(model._flatten_layers())
    kept = [layer._trainable for layer in layers]
    for layer, flag in zip(layers, flags):
        layer._trainable = flag
    try:
        yield
    finally:
        for layer, flag in zip(layers, kept):
            layer._trainable = flag


def _build(model: Any, args: Any, options: Any) -> None:
    """Make a model's variables as ``fit()`` does, on symbolic rows; one that cannot be is left as it is."""

    def stand_in(value: Any) -> Any:
        if not tf.is_tensor(value) and not hasattr(value, "__array__"):
            return value
        array = tf.convert_to_tensor(value)
        dtype = "float32" if array.dtype == tf.float64 else array.dtype.name
        return keras.KerasTensor((None, *array.shape[1:]), dtype)

    with tf.init_scope(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model(*tf.nest.map_structure(stand_in, args), **tf.nest.map_structure(stand_in, options))
        except Exception:
            return
