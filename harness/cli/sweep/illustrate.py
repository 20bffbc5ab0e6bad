"""What the k-fold article's pictures need besides records: ten digits and the network's layers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.cli.terminal.quiet import quiet_tensorflow
from harness.errors import InputError, override
from harness.records import JobResult


def illustrate(folder: Path, trained: JobResult) -> list[Path]:
    """Write ``digits.npz`` and ``model.json`` from the data and the network that a job was trained with.

    Args:
        folder: made when missing.
        trained: of the study.

    Returns:
        The two files.

    Raises:
        InputError: the data at hand are others.
    """
    quiet_tensorflow()
    from harness.cli.jobs.compose import compose
    from harness.cli.jobs.resolve import resolve
    from harness.train.job import build

    (job,) = resolve(compose(_choices(trained.config)))
    data = job.job.dataset
    if data.digest != trained.dataset_digest:
        allowed = f"the data the study was trained on, {trained.dataset_digest[:12]}"
        raise InputError("dataset", data.digest[:12], allowed, "set HARNESS_MNIST to the file it was trained on")
    folder.mkdir(parents=True, exist_ok=True)
    rows = [int(np.flatnonzero(data.y == digit)[0]) for digit in range(10)]
    images = np.rint(data.x[rows, :, :, 0] * 255).astype(np.uint8)
    files = [folder / "digits.npz", folder / "model.json"]
    np.savez_compressed(files[0], images=images, labels=data.y[rows], rows=np.array(rows))
    model = build(job.job).model
    text = {
        "input_shape": list(model.input_shape[1:]),
        "parameters": int(model.count_params()),
        "layers": [_describe(layer) for layer in model.layers if type(layer).__name__ != "InputLayer"],
    }
    files[1].write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")
    return files


def _choices(config: Mapping[str, Any]) -> list[str]:
    """The data set, network and initializer of a recorded configuration, as arguments of ``harness run``."""
    own = [key for key in config if key.partition(".")[0] in ("dataset", "model", "initializer")]
    return [override(key, config[key]) for key in own]


def _describe(layer: Any) -> dict[str, Any]:
    settings = layer.get_config()
    details = {
        "Conv2D": lambda: f"{settings['filters']} of {settings['kernel_size'][0]} × {settings['kernel_size'][1]}",
        "MaxPooling2D": lambda: f"{settings['pool_size'][0]} × {settings['pool_size'][1]}",
        "Dropout": lambda: f"rate {settings['rate']}",
        "Dense": lambda: f"{settings['units']} units",
    }
    kind, activation = type(layer).__name__, settings.get("activation")
    words = [details[kind]()] if kind in details else []
    words += [activation] if activation not in (None, "linear") else []
    return {
        "type": kind,
        "name": layer.name,
        "output_shape": list(layer.output.shape[1:]),
        "detail": ", ".join(words),
        "activation": activation,
        "parameters": int(layer.count_params()),
    }
