"""Training loops as people write them, each unlike ``fit()`` in one stage. Only a number told is wrong.

Written from the descriptions of public issues; the docstrings say which. Diagnose one with

    harness trace fit experiments/why_loops_differ/loops/report.py:mean_of_batches model=small_cnn
"""

import keras
import numpy as np
import tensorflow as tf


def mean_of_batches(model, optimizer, loss, x, y, *, batch_size, epochs):
    """tensorflow 28901: training is the same, but the printed loss is a plain mean of unequal batches."""
    history = {"loss": []}
    for _ in range(epochs):
        order, losses = np.random.permutation(len(x)), []
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            losses.append(float(value))
        history["loss"].append(float(np.mean(losses)))
    return history


def metric_never_reset(model, optimizer, loss, x, y, *, batch_size, epochs):
    """tensorflow 40323: the metric goes on from epoch to epoch because reset_state() is missing."""
    history, meter = {"loss": []}, keras.metrics.Mean()
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            meter.update_state(value, sample_weight=len(rows))
        history["loss"].append(float(meter.result()))
    return history
