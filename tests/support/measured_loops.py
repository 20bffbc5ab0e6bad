"""Loops that do one thing unlike fit(): two by the same amount, each by random numbers of its own, one by another.

``KEY_once``, ``KEY_again`` and ``KEY_otherwise`` for every cause key that is compared by amounts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Loop = Callable[..., Any]
Action = Callable[..., Any]


def batches(generator: np.random.Generator, rows: int, size: int, epochs: int) -> Iterator[tuple[int, np.ndarray]]:
    for epoch in range(epochs):
        order = generator.permutation(rows)
        for start in range(0, rows, size):
            yield epoch, order[start : start + size]


def gradients_of(model: Any, loss: Any, x: Any, y: Any, training: bool = True) -> list[Any]:
    with tf.GradientTape() as tape:
        value = loss(y, model(x, training=training))
    return list(tape.gradient(value, model.trainable_variables))


def loop_of(
    seed: int,
    gradients: Action = gradients_of,
    handed: Action = lambda found, generator: found,
    before: Action = lambda model, optimizer: None,
    apply: Action = lambda optimizer, found, variables: optimizer.apply(found, variables),
    every_epoch: Action = lambda model, optimizer, epoch: None,
) -> Loop:
    """A right loop with one of its parts replaced."""

    def train(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
        generator = np.random.default_rng(seed)
        before(model, optimizer)
        last = 0
        for epoch, rows in batches(generator, len(x), batch_size, epochs):
            if epoch != last:
                every_epoch(model, optimizer, epoch)
                last = epoch
            found = handed(gradients(model, loss, x[rows], y[rows]), generator)
            apply(optimizer, found, model.trainable_variables)

    return train


def learning_rate(seed: int, rate: float) -> Loop:
    return loop_of(seed, before=lambda model, optimizer: setattr(optimizer, "learning_rate", rate))


def update_rule(seed: int, rate: float) -> Loop:
    def by_hand(optimizer: Any, found: Any, variables: Any) -> None:
        for gradient, variable in zip(found, variables):
            variable.assign_sub(rate * gradient)

    return loop_of(seed, apply=by_hand)


def optimizer_state(seed: int, times: int) -> Loop:
    def several(optimizer: Any, found: Any, variables: Any) -> None:
        for _ in range(times):
            optimizer.apply(found, variables)

    return loop_of(seed, apply=several)


def clipping(seed: int, limit: float) -> Loop:
    return loop_of(seed, handed=lambda found, generator: tf.clip_by_global_norm(found, limit)[0])


def gradient_noise(seed: int, size: float) -> Loop:
    def noisy(found: Any, generator: np.random.Generator) -> Any:
        return [g + np.float32(size * generator.normal(size=g.shape)) for g in found]

    return loop_of(seed, handed=noisy)


def loss_reduction(seed: int, factor: float) -> Loop:
    return loop_of(seed, handed=lambda found, generator: [factor * g for g in found])


def frozen(seed: int, layer: str) -> Loop:
    return loop_of(seed, before=lambda model, optimizer: setattr(model.get_layer(layer), "trainable", False))


def variables(seed: int, part: str) -> Loop:
    def train(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
        chosen = [variable for variable in model.trainable_variables if part in variable.path]
        for _, rows in batches(np.random.default_rng(seed), len(x), batch_size, epochs):
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            optimizer.apply(tape.gradient(value, chosen), chosen)

    return train


def initial_weights(seed: int, value: float) -> Loop:
    def start(model: Any, optimizer: Any) -> None:
        for variable in model.trainable_variables:
            variable.assign(np.cos(value * np.arange(np.prod(variable.shape))).reshape(variable.shape))

    return loop_of(seed, before=start)


def assigned_weights(seed: int, factor: float) -> Loop:
    def shrink(model: Any, optimizer: Any, epoch: int) -> None:
        model.set_weights([factor * weight for weight in model.get_weights()])

    return loop_of(seed, every_epoch=shrink)


def training_flag(seed: int, epochs: int) -> Loop:
    """Left out in the first epochs, of two steps each."""
    count = [0]

    def gradients(model: Any, loss: Any, x: Any, y: Any) -> Any:
        count[0] += 1
        return gradients_of(model, loss, x, y, training=count[0] > 2 * epochs)

    def train(*arguments: Any, **options: Any) -> None:
        count[0] = 0
        loop_of(seed, gradients)(*arguments, **options)

    return lambda model, optimizer, loss, x, y, *, batch_size, epochs: train(
        model, optimizer, loss, x, y, batch_size=batch_size, epochs=epochs
    )


def row_pairing(seed: int, share: float) -> Loop:
    def train(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
        generator = np.random.default_rng(seed)
        mixed = y.copy()
        some = generator.permutation(len(y))[: int(share * len(y))]
        mixed[some] = y[generator.permutation(some)]
        for _, rows in batches(generator, len(x), batch_size, epochs):
            optimizer.apply(gradients_of(model, loss, x[rows], mixed[rows]), model.trainable_variables)

    return train


def seed_stream(seed: int, passes: int) -> Loop:
    def train(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
        for _, rows in batches(np.random.default_rng(seed), len(x), batch_size, epochs):
            optimizer.apply(gradients_of(model, loss, x[rows], y[rows]), model.trainable_variables)
            for _ in range(passes):
                model(x[rows], training=True)

    return train


def perturbed_weights(seed: int, length: float) -> Loop:
    def gradients(model: Any, loss: Any, x: Any, y: Any) -> Any:
        variables = model.trainable_variables
        kept = [variable.numpy() for variable in variables]
        found = gradients_of(model, loss, x, y)
        for variable, gradient in zip(variables, found):
            variable.assign_add(length * gradient / tf.linalg.global_norm(found))
        found = gradients_of(model, loss, x, y)
        for variable, weight in zip(variables, kept):
            variable.assign(weight)
        return found

    return loop_of(seed, gradients)


def accumulation(seed: int, share: float) -> Loop:
    """Two batches an update, each counting by its share: averaged or summed."""

    def train(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
        kept = []
        for _, rows in batches(np.random.default_rng(seed), len(x), batch_size, epochs):
            kept.append(gradients_of(model, loss, x[rows], y[rows]))
            if len(kept) == 2:
                optimizer.apply([share * sum(each) for each in zip(*kept)], model.trainable_variables)
                kept = []

    return train


def other_loss(seed: int, smoothing: float) -> Loop:
    def smoothed(model: Any, loss: Any, x: Any, y: Any) -> Any:
        return gradients_of(model, keras.losses.CategoricalCrossentropy(label_smoothing=smoothing), x, y)

    return loop_of(seed, smoothed)


def averaged(parts: int) -> Loop:
    """The mean of a batch as a mean of equal parts' means, which rounds otherwise; every loop in one order."""

    def gradients(model: Any, loss: Any, x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            made = tf.split(model(x, training=True), parts)
            value = tf.add_n([loss(target, some) for target, some in zip(tf.split(y, parts), made)]) / parts
        return list(tape.gradient(value, model.trainable_variables))

    return loop_of(0, gradients)


averaged_whole, averaged_apart = averaged(1), averaged(4)
# Too little to be told from rounding in a step, and more than rounding makes of them all.
nudged = loop_of(0, handed=lambda found, generator: [1.0005 * g for g in found])

AMOUNTS: dict[str, tuple[Callable[..., Loop], Any, Any]] = {
    "learning_rate": (learning_rate, 0.02, 0.1),
    "update_rule": (update_rule, 0.01, 0.02),
    "optimizer_state": (optimizer_state, 2, 3),
    "clipping": (clipping, 0.1, 0.05),
    "gradient_noise": (gradient_noise, 0.1, 0.3),
    "loss_reduction": (loss_reduction, 2.0, 3.0),
    "frozen": (frozen, "hidden_1", "output"),
    "variables": (variables, "hidden", "output"),
    "initial_weights": (initial_weights, 1.0, 2.0),
    "assigned_weights": (assigned_weights, 0.9, 0.5),
    "training_flag": (training_flag, 1, 2),
    "row_pairing": (row_pairing, 1.0, 0.3),
    "seed_stream": (seed_stream, 1, 2),
    "perturbed_weights": (perturbed_weights, 0.05, 0.2),
    "accumulation": (accumulation, 0.5, 1.0),
    "other_loss": (other_loss, 0.1, 0.2),
}
for _key, (_make, _one, _other) in AMOUNTS.items():
    globals()[f"{_key}_once"] = _make(1, _one)
    globals()[f"{_key}_again"] = _make(2, _one)
    globals()[f"{_key}_otherwise"] = _make(3, _other)
