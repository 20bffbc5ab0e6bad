"""The same work in PyTorch, by a worker process that is handed model, start weights, rows and their order."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from timing import Timed

from harness.train.job import Job, build, plan_fold

KINDS = {"Dense", "Conv2D", "MaxPooling2D", "Flatten", "Dropout", "InputLayer"}


def can_train(work: Job) -> bool:
    """Whether PyTorch is there, and the model is made of layers that the worker knows."""
    known = {type(layer).__name__ for layer in build(work).model.layers} <= KINDS
    return known and importlib.util.find_spec("torch") is not None


class Eager:
    """One fold, trained by the worker at each call, in the seconds of an epoch that it gives."""

    def __init__(self, work: Job, epochs: int) -> None:
        file = Path(tempfile.mkdtemp()) / "spec.npz"
        np.savez(file, **_spec(work, epochs))
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("pytorch_worker.py")), str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.process_id = self._process.pid
        self.final_loss = float("nan")

    def __call__(self) -> float:
        """Train once; the seconds of an epoch."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        seconds, self.final_loss = map(float, self._process.stdout.readline().split())
        return seconds

    def close(self) -> None:
        """End the worker."""
        self._process.communicate(timeout=60)


def eager(work: Job, epochs: int) -> Timed:
    """See `Eager`."""
    return Eager(work, epochs)


def _spec(work: Job, epochs: int) -> dict[str, Any]:
    plan, model, optimizer = plan_fold(replace(work, epochs=epochs), work.folds[0]), build(work).model, work.optimizer()
    options = {"lr": float(optimizer.learning_rate)}
    if type(optimizer).__name__ == "Adam":
        options["eps"] = optimizer.epsilon
    weights = plan.start[: len(model.trainable_variables)]
    layers = [_layer(layer) for layer in model.layers if type(layer).__name__ != "InputLayer"]
    text = {"layers": layers, "optimizer": type(optimizer).__name__, "options": options, "weights": len(weights),
            "batch_size": work.batch_size}  # fmt: skip
    assert plan.order is not None
    return {
        "text": np.array(json.dumps(text)),
        "x": plan.x,
        "y": np.argmax(plan.y, axis=-1),
        "orders": plan.order.rows.astype(np.int64),
        "validation": plan.validation.astype(np.int64),
        **{f"weight_{number}": weight for number, weight in enumerate(weights)},
    }


def _layer(layer: Any) -> dict[str, Any]:
    kind = type(layer).__name__
    more = {
        "Flatten": lambda: {"image": list(layer.input.shape[1:])},
        "MaxPooling2D": lambda: {"size": list(layer.pool_size)},
        "Dropout": lambda: {"rate": layer.rate},
        "Conv2D": lambda: {"padding": layer.padding},
    }
    return {"kind": kind, **more.get(kind, dict)()}
