"""The loss and the second metric that fit a problem and a model's output."""

from __future__ import annotations

from typing import Any

import keras

from harness.train.models import Problem


def gives_logits(model: keras.Model) -> bool:
    """Whether the model's last layer has a linear activation, so that its outputs are logits."""
    activation = getattr(model.layers[-1], "activation", None)
    return activation is None or activation is keras.activations.linear


def loss_for(problem: Problem, model: keras.Model) -> keras.losses.Loss:
    """Cross-entropy for classification, mean squared error for regression; mean over the batch."""
    if problem.task == "regression":
        return keras.losses.MeanSquaredError()
    logits = gives_logits(model)
    if problem.task == "binary":
        return keras.losses.BinaryCrossentropy(from_logits=logits)
    if problem.labels == "integer":
        return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
    return keras.losses.CategoricalCrossentropy(from_logits=logits)


def metric_name(problem: Problem) -> str:
    """``mae`` for regression, ``accuracy`` otherwise."""
    return "mae" if problem.task == "regression" else "accuracy"


def metric_for(problem: Problem, model: keras.Model) -> Any:
    """A fresh Keras metric: accuracy of the task's kind, or mean absolute error."""
    name = metric_name(problem)
    if problem.task == "regression":
        return keras.metrics.MeanAbsoluteError(name=name)
    if problem.task == "binary":
        return keras.metrics.BinaryAccuracy(name=name, threshold=0.0 if gives_logits(model) else 0.5)
    if problem.labels == "integer":
        return keras.metrics.SparseCategoricalAccuracy(name=name)
    return keras.metrics.CategoricalAccuracy(name=name)
