"""What of a script cannot be judged as a whole: another backend of Keras, training spread over several devices."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from harness.errors import InputError

_VARIABLE, _TAKEN = "KERAS_BACKEND", "tensorflow"
_BACKEND = "tensorflow: what a loop does on another backend cannot be seen, nor recomputed to the bit"
_DEVICES = "a model that lives on one device: mirrored variables and parts of a batch cannot be recomputed"


def require_backend() -> None:
    """Refuse another backend than TensorFlow; imports neither Keras nor TensorFlow.

    Raises:
        InputError: the environment or Keras's own settings file name another one.
    """
    named = os.environ.get(_VARIABLE, "")
    if named:
        if named != _TAKEN:
            raise InputError(_VARIABLE, named, _BACKEND, f"set {_VARIABLE}={_TAKEN}, where the script runs on it too")
        return
    settings = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras.json"
    try:
        found = json.loads(settings.read_text(encoding="utf-8")).get("backend", _TAKEN)
    except (OSError, ValueError, AttributeError):
        return  # Keras ignores such a file too
    if found != _TAKEN:
        fix = f"set {_VARIABLE}={_TAKEN} for this run, where the script runs on it too"
        raise InputError("keras.json", f'"backend": "{found}", in {settings}', _BACKEND, fix)


def set_by_script() -> InputError | None:
    """The refusal of a script that has set another backend than the one that Keras was imported with."""
    named = os.environ.get(_VARIABLE, "")
    if named in ("", _TAKEN):
        return None
    return InputError("SCRIPT", f"{_VARIABLE}={named}, set in it", _BACKEND, "take the line out, where it runs so too")


def on_distribution(undo: ExitStack, refuse: Callable[[InputError], None]) -> None:
    """Refuse strategies of `tf.distribute` when they are made or entered, all but that of a single device.

    Args:
        undo: ends it.
        refuse: is told the refusal, and raises it.
    """
    import tensorflow as tf

    from harness.observe.patching import replace
    from harness.why.observing.lines import user_line

    several = tf.distribute.MultiWorkerMirroredStrategy

    def refused(strategy: Any, what: str) -> None:
        words = f"{user_line()}: tf.distribute's {_name(type(strategy))}{what}"
        refuse(InputError("SCRIPT", words, _DEVICES, 'for this run, make it tf.distribute.OneDeviceStrategy("/cpu:0")'))

    def made(original: Any) -> Any:
        def init(self: Any, *args: Any, **options: Any) -> None:
            if not isinstance(self, several) or _workers(*args, **options) > 1:  # which would wait for the others
                refused(self, "")
            original(self, *args, **options)

        return init

    def used(original: Any) -> Any:
        def use(self: Any, *args: Any, **options: Any) -> Any:
            if self.num_replicas_in_sync > 1 or isinstance(self, tf.distribute.MirroredStrategy | several):
                refused(self, f" with {self.num_replicas_in_sync} device{'s' * (self.num_replicas_in_sync > 1)}")
            return original(self, *args, **options)

        return use

    for kind in ("MultiWorkerMirroredStrategy", "ParameterServerStrategy", "TPUStrategy"):
        replace(undo, getattr(tf.distribute, kind), "__init__", made)
    for method in ("scope", "run"):
        replace(undo, tf.distribute.Strategy, method, used)


def _name(kind: type) -> str:
    """As a script writes it; one is called otherwise inside TensorFlow, one has a number at its end."""
    return {"CollectiveAllReduceStrategy": "MultiWorkerMirroredStrategy"}.get(
        kind.__name__, kind.__name__.rstrip("V12")
    )


def _workers(cluster_resolver: Any = None, *_: Any, **__: Any) -> int:
    import tensorflow as tf

    resolver = cluster_resolver or tf.distribute.cluster_resolver.TFConfigClusterResolver()
    tasks = resolver.cluster_spec().as_dict()
    return sum(len(tasks.get(kind, ())) for kind in ("chief", "worker"))
