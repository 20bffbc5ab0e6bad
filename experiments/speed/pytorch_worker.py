"""The work in PyTorch, in a process of its own: TensorFlow and PyTorch cannot be loaded side by side.

    python pytorch_worker.py SPEC.npz

For each line on standard input it trains anew and answers with a line: seconds of an epoch, last validation loss.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
import torch
from torch import nn

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"  # the bench hides GPUs unless it is asked for one


class Training:
    """An eager loop over the rows in the given order, which keeps the statistics that the harness keeps."""

    def __init__(self, spec: Any) -> None:
        self._text = json.loads(str(spec["text"]))
        self._weights = [spec[f"weight_{number}"] for number in range(self._text["weights"])]
        x = spec["x"]
        self._x = torch.tensor(np.ascontiguousarray(np.moveaxis(x, -1, 1)) if x.ndim == 4 else x)
        self._y = torch.tensor(spec["y"])
        self._x, self._y = self._x.to(DEVICE), self._y.to(DEVICE)
        self._orders, self._validation = (torch.tensor(spec[name]).to(DEVICE) for name in ("orders", "validation"))
        self._loss = nn.CrossEntropyLoss()

    def begin(self) -> None:
        """A new model from the start weights, and a new optimizer."""
        self._model = model(self._text["layers"], list(self._weights)).to(DEVICE)
        kind = {"SGD": torch.optim.SGD, "Adam": torch.optim.Adam}[self._text["optimizer"]]
        self._optimizer = kind(self._model.parameters(), **self._text["options"])

    def train(self) -> float:
        """All epochs; the last validation loss."""
        return [self.epoch(order) for order in self._orders][-1]

    def epoch(self, order: Any) -> float:
        """One epoch, validated; its validation loss."""
        network, batch = self._model, self._text["batch_size"]
        parameters = list(network.parameters())
        log, total, hits = [], torch.zeros((), device=DEVICE), torch.zeros((), device=DEVICE)
        network.train()
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            odds = network(self._x[rows])
            loss = self._loss(odds, self._y[rows])
            self._optimizer.zero_grad()
            loss.backward()
            with torch.no_grad():
                before = [parameter.clone() for parameter in parameters]
                self._optimizer.step()
                gradients = [parameter.grad for parameter in parameters]
                log.append(torch.stack([
                    *((g * g).sum() for g in gradients), sum((g == 0).sum() for g in gradients).float(),
                    sum(((a - b) ** 2).sum() for a, b in zip(parameters, before)), sum((b * b).sum() for b in before),
                ]))  # fmt: skip
                total += loss * len(rows)
                hits += (odds.argmax(-1) == self._y[rows]).sum()
        network.eval()
        with torch.no_grad():
            odds = network(self._x[self._validation])
            return float(self._loss(odds, self._y[self._validation]))


def model(layers: list[dict[str, Any]], weights: list[np.ndarray]) -> Any:
    """Keras's layers with their start weights; images are (channels, rows, columns) here."""
    made: list[Any] = []
    image = None
    for place, layer in enumerate(layers):
        if layer["kind"] == "Flatten":
            image = layer["image"]
            made.append(nn.Flatten())
        elif layer["kind"] == "MaxPooling2D":
            made.append(nn.MaxPool2d(layer["size"]))
        elif layer["kind"] == "Dropout":
            made.append(nn.Dropout(layer["rate"]))
        else:
            made.append(weighted(weights.pop(0), weights.pop(0), layer, image))
            image = None if layer["kind"] == "Dense" else image
            if place < len(layers) - 1:  # the last layer's activation is in the loss
                made.append(nn.ReLU())
    return nn.Sequential(*made)


def weighted(kernel: np.ndarray, bias: np.ndarray, layer: dict[str, Any], image: Any) -> Any:
    """A convolution or a dense layer."""
    if kernel.ndim == 4:
        padding = "same" if layer["padding"] == "same" else 0
        made: Any = nn.Conv2d(kernel.shape[2], kernel.shape[3], kernel.shape[:2], padding=padding)
        turned = kernel.transpose(3, 2, 0, 1)
    else:
        made = nn.Linear(*kernel.shape)
        if image is not None:  # what was flattened has its channels last in Keras
            kernel = kernel.reshape(*image, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
        turned = kernel.T
    with torch.no_grad():
        made.weight.copy_(torch.tensor(np.ascontiguousarray(turned)))
        made.bias.copy_(torch.tensor(bias))
    return made


def main() -> None:
    """Answer line by line."""
    training = Training(np.load(sys.argv[1]))
    for _ in sys.stdin:
        training.begin()
        began = time.perf_counter()
        loss = training.train()
        print((time.perf_counter() - began) / len(training._orders), loss, flush=True)


if __name__ == "__main__":
    main()
