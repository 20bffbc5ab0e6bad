"""Right loops that differ in what they do around their steps: validation, metrics, callbacks, checkpoints."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from parts import batches, gradients_of, update
from sklearn.metrics import accuracy_score


def validates_row_by_row(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int, validation_data: Any
) -> dict[str, list[float]]:
    history: dict[str, list[float]] = {"val_loss": []}
    for _ in range(epochs):
        for rows in batches(len(x), batch_size):
            update(model, optimizer, loss, x[rows], y[rows])
        each = [float(loss(y[None], model(x[None], training=False))) for x, y in zip(*validation_data)]
        history["val_loss"].append(float(np.mean(each)))
    return history


def evaluates(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int, validation_data: Any
) -> dict[str, list[float]]:
    """Validation by model.evaluate."""
    model.compile(loss=loss, metrics=["accuracy"])
    history: dict[str, list[float]] = {"val_loss": [], "val_accuracy": []}
    for _ in range(epochs):
        for rows in batches(len(x), batch_size):
            update(model, optimizer, loss, x[rows], y[rows])
        for name, value in zip(history, model.evaluate(*validation_data, batch_size=7, verbose=0)):
            history[name].append(value)
    return history


def predicts(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int, validation_data: Any
) -> dict[str, list[float]]:
    """Validation from model.predict, and scikit-learn's accuracy."""
    history: dict[str, list[float]] = {"val_loss": [], "val_accuracy": []}
    for _ in range(epochs):
        for rows in batches(len(x), batch_size):
            update(model, optimizer, loss, x[rows], y[rows])
        made = model.predict(validation_data[0], verbose=0)
        right = accuracy_score(validation_data[1].argmax(-1), made.argmax(-1))
        history["val_loss"].append(float(loss(validation_data[1], made)))
        history["val_accuracy"].append(right)
    return history


def metrics_afterwards(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int
) -> dict[str, list[float]]:
    """Predictions are kept, and the epoch's numbers computed from them all at its end."""
    history: dict[str, list[float]] = {"loss": [], "accuracy": []}
    for _ in range(epochs):
        kept = []
        for rows in batches(len(x), batch_size):
            with tf.GradientTape() as tape:
                made = model(x[rows], training=True)
                value = loss(y[rows], made)
            optimizer.apply(tape.gradient(value, model.trainable_variables), model.trainable_variables)
            kept.append((y[rows], made.numpy()))
        targets, predictions = (np.concatenate(parts) for parts in zip(*kept))
        history["loss"].append(float(keras.losses.CategoricalCrossentropy()(targets, predictions)))
        history["accuracy"].append(accuracy_score(targets.argmax(-1), predictions.argmax(-1)))
    return history


def could_stop_early(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int, validation_data: Any
) -> None:
    """Patience that does not run out."""
    best, worse = np.inf, 0
    for _ in range(epochs):
        for rows in batches(len(x), batch_size):
            update(model, optimizer, loss, x[rows], y[rows])
        value = float(loss(validation_data[1], model(validation_data[0], training=False)))
        best, worse = min(best, value), 0 if value < best else worse + 1
        if worse > 5:
            break


def calls_callbacks(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Keras's callbacks, called by hand."""
    model.compile(optimizer=optimizer, loss=loss)
    stops = keras.callbacks.EarlyStopping("loss", patience=9)
    called = keras.callbacks.CallbackList([stops], add_history=True, model=model, epochs=epochs)
    called.on_train_begin()
    for epoch in range(epochs):
        called.on_epoch_begin(epoch)
        for place, rows in enumerate(batches(len(x), batch_size)):
            called.on_train_batch_begin(place)
            called.on_train_batch_end(place, {"loss": float(model.train_on_batch(x[rows], y[rows]))})
        called.on_epoch_end(epoch, {"loss": 1.0})
    called.on_train_end()


def saves_and_loads(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """A checkpoint after each epoch, loaded again at once."""
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "kept.weights.h5")
        for _ in range(epochs):
            for rows in batches(len(x), batch_size):
                update(model, optimizer, loss, x[rows], y[rows])
            model.save_weights(file)
            model.load_weights(file)


def keeps_and_sets(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """The weights are read and written back after each step."""
    for rows in batches(len(x), batch_size, epochs):
        update(model, optimizer, loss, x[rows], y[rows])
        model.set_weights(model.get_weights())


def freezes_and_thaws(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Frozen while it validates only."""
    for rows in batches(len(x), batch_size, epochs):
        update(model, optimizer, loss, x[rows], y[rows])
        model.trainable = False
        model(x[:2])
        model.trainable = True


def averages_by_hand(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int, validation_data: Any
) -> None:
    """Validates a copy of the model that holds averaged weights."""
    copy = keras.models.clone_model(model)
    averages = model.get_weights()
    for _ in range(epochs):
        for rows in batches(len(x), batch_size):
            update(model, optimizer, loss, x[rows], y[rows])
            averages = [0.9 * old + 0.1 * new for old, new in zip(averages, model.get_weights())]
        copy.set_weights(averages)
        loss(validation_data[1], copy(validation_data[0], training=False))


def counts_gradients(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Everything about a step is summed up for a log."""
    norms, moved = [], []
    for rows in batches(len(x), batch_size, epochs):
        before = [variable.numpy() for variable in model.trainable_variables]
        found = gradients_of(model, loss, x[rows], y[rows])
        optimizer.apply(found, model.trainable_variables)
        norms.append(float(tf.linalg.global_norm(found)))
        moved.append(sum(float(np.abs(v.numpy() - b).sum()) for v, b in zip(model.trainable_variables, before)))


class Training:
    """A loop as a class, its state in attributes."""

    def __init__(self, model: Any, optimizer: Any, loss: Any) -> None:
        self.model, self.optimizer, self.loss = model, optimizer, loss
        self.meter = keras.metrics.Mean()

    @tf.function(reduce_retracing=True)
    def step(self, x: Any, y: Any) -> None:
        with tf.GradientTape() as tape:
            value = self.loss(y, self.model(x, training=True))
        self.optimizer.apply(tape.gradient(value, self.model.trainable_variables), self.model.trainable_variables)
        self.meter.update_state(value, sample_weight=tf.shape(x)[0])

    def run(self, x: Any, y: Any, batch_size: int, epochs: int) -> dict[str, list[float]]:
        history = []
        self.optimizer.build(self.model.trainable_variables)
        for _ in range(epochs):
            self.meter.reset_state()
            for rows in batches(len(x), batch_size):
                self.step(tf.constant(x[rows]), tf.constant(y[rows]))
            history.append(float(self.meter.result()))
        return {"loss": history}


def by_a_class(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int
) -> dict[str, list[float]]:
    return Training(model, optimizer, loss).run(x, y, batch_size, epochs)
