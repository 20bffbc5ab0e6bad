"""What it costs to be observed by `harness why`: time of a training step beside the same step alone.

    python experiments/why_loops_differ/observing_cost.py [--rounds N]

Each round trains every workload alone, with its steps recorded, and with its steps seen but not recorded, one after
the other, each time with a new model; a way's time is the median over its steps, a ratio the median over rounds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from harness.why.observing.witness import Witness

_WARM, _STEPS, _ROWS = 5, 30, 64


def network() -> keras.Model:
    """A dense network, on 784 numbers."""
    return keras.Sequential(
        [keras.Input((784,)), layers.Dense(128, "relu"), layers.Dropout(0.3), layers.Dense(10, "softmax")]
    )


def convolutions() -> keras.Model:
    """Two convolutions, on 28 x 28 images."""
    return keras.Sequential(
        [
            keras.Input((784,)),
            layers.Reshape((28, 28, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ]
    )


def training(make: Callable[[], keras.Model], *, compiled: bool) -> Callable[[Any, Any], None]:
    """A step of a new model."""
    model, optimizer = make(), keras.optimizers.Adam(1e-3)
    loss_of = keras.losses.SparseCategoricalCrossentropy()

    def step(x: Any, y: Any) -> None:
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))

    return tf.function(step) if compiled else step


@contextmanager
def alone() -> Iterator[None]:
    """Nothing observes."""
    yield


WAYS: dict[str, Callable[[], Any]] = {
    "alone": alone,
    "recorded": lambda: Witness(_WARM + _STEPS).on(),
    "seen": lambda: Witness(2).on(),
}


def step_s(make: Callable[[], keras.Model], compiled: bool, way: str, rows: np.random.Generator) -> float:
    """Median time of a step, in seconds; its rows never come again, so that no epoch ends."""
    with WAYS[way]():
        step, times = training(make, compiled=compiled), []
        for _ in range(_WARM + _STEPS):
            x = tf.constant(rows.random((_ROWS, 784), np.float32))
            y = tf.constant(rows.integers(0, 10, _ROWS))
            begun = time.perf_counter()
            step(x, y)
            times.append(time.perf_counter() - begun)
    return median(times[_WARM:])


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds, rows = parser.parse_args().rounds, np.random.default_rng(0)
    print("| step | alone | recorded | seen, not recorded |\n|---|---|---|---|")
    for name, make in (("dense, 102,000 weights", network), ("convolutional, 13,000 weights", convolutions)):
        for compiled in (True, False):
            found = [{way: step_s(make, compiled, way, rows) for way in WAYS} for _ in range(rounds)]
            base = median(one["alone"] for one in found)
            ratios = [f"{median(one[way] / one['alone'] for one in found):.2f} ×" for way in ("recorded", "seen")]
            kind = "compiled" if compiled else "eager"
            print(f"| {name}, {kind} | {1e3 * base:.2f} ms | {' | '.join(ratios)} |", flush=True)


if __name__ == "__main__":
    main()
