"""The same work in JAX: the same model, rows, order, optimizer and statistics, as one scan over steps and epochs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from timing import Timed

from harness.plan.folds import Fold
from harness.train.job import Job, build, plan_fold

try:
    import jax
    import jax.numpy as jnp
except ImportError:  # an extra of the bench; without it there is nothing to compare with
    jax = None

Arrays = Sequence[Any]


def can_train(work: Job) -> bool:
    """Whether JAX is there, and the model is made of layers that are written out below."""
    if jax is None:
        return False
    kinds = {type(layer).__name__ for layer in build(work).model.layers}
    return kinds <= {"Dense", "Conv2D", "MaxPooling2D", "Flatten", "Dropout", "InputLayer"}


def one_scan(work: Job, epochs: int) -> Timed:
    """One fold; all epochs in one compiled call."""
    return _timed(_program(work), [_inputs(work, work.folds[0], epochs)], epochs, vmap=False)


def vmapped(work: Job, folds: Sequence[Fold], epochs: int) -> Timed:
    """Folds of one size as one program; the seconds are of an epoch of all of them."""
    return _timed(_program(work), [_inputs(work, fold, epochs) for fold in folds], epochs, vmap=True)


def final_loss(work: Job, epochs: int) -> float:
    """Validation loss after the last epoch, to see that it is the same work."""
    _, values, _ = jax.jit(_program(work))(*_inputs(work, work.folds[0], epochs))
    return float(values[-1, 2])


def _timed(program: Callable[..., Any], inputs: Sequence[Arrays], epochs: int, *, vmap: bool) -> Timed:
    call = jax.jit(jax.vmap(program)) if vmap else jax.jit(program)
    stacked = jax.tree.map(lambda *each: jnp.stack(each), *inputs) if vmap else inputs[0]

    def timed() -> float:
        began = time.perf_counter()
        jax.block_until_ready(call(*stacked))
        return (time.perf_counter() - began) / epochs

    return timed


def _inputs(work: Job, fold: Fold, epochs: int) -> Arrays:
    plan = plan_fold(replace(work, epochs=epochs), fold)
    assert plan.order is not None
    weights = [jnp.asarray(value) for value in plan.start[: len(build(work).model.trainable_variables)]]
    train = (jnp.asarray(plan.x), jnp.asarray(plan.y))
    return [weights, *train, jnp.asarray(plan.order.rows), jnp.asarray(plan.validation)]


def _program(work: Job) -> Callable[..., Any]:
    forward, update = _forward(work), _update(work.optimizer())
    batch = work.batch_size

    def losses(weights: Any, x: Any, y: Any, key: Any) -> Any:
        odds = forward(weights, x, key)
        each = -jnp.sum(y * jax.nn.log_softmax(odds), axis=-1)
        return each, jnp.argmax(odds, -1) == jnp.argmax(y, -1)

    def mean_loss(weights: Any, x: Any, y: Any, key: Any) -> Any:
        each, right = losses(weights, x, y, key)
        return each.mean(), right.mean()

    def step(state: Any, rows: Any, x: Any, y: Any) -> Any:
        weights, moments, count = state
        key = jax.random.fold_in(jax.random.key(work.seed), count.astype(jnp.int32))
        (loss, right), gradients = jax.value_and_grad(mean_loss, has_aux=True)(weights, x[rows], y[rows], key)
        after, moments = update(weights, gradients, moments, count + 1)
        row = jnp.stack([
            *(jnp.sum(g * g) for g in gradients), sum(jnp.sum(g == 0) for g in gradients).astype(jnp.float32),
            sum(jnp.sum((b - a) ** 2) for a, b in zip(weights, after)), sum(jnp.sum(w * w) for w in weights),
        ])  # fmt: skip
        return (after, moments, count + 1), (loss, right, row)

    def program(weights: Any, x: Any, y: Any, orders: Any, validation: Any) -> Any:
        whole = orders.shape[1] // batch * batch

        def epoch(state: Any, order: Any) -> Any:
            full = order[:whole].reshape(-1, batch)
            state, (loss, right, log) = jax.lax.scan(lambda s, rows: step(s, rows, x, y), state, full)
            total, hits = loss.sum() * batch, right.sum() * batch
            if whole < len(order):
                state, (last, good, row) = step(state, order[whole:], x, y)
                rest = len(order) - whole
                total, hits, log = total + last * rest, hits + good * rest, jnp.concatenate([log, row[None]])
            each, right = losses(state[0], x[validation], y[validation], None)
            return state, (jnp.stack([total / len(order), hits / len(order), each.mean(), right.mean()]), log)

        moments = [(jnp.zeros_like(w), jnp.zeros_like(w)) for w in weights]
        state, (values, log) = jax.lax.scan(epoch, (weights, moments, jnp.float32(0)), orders)
        return state[0], values, log

    return program


def _forward(work: Job) -> Callable[[Arrays, Any, Any], Any]:
    layers = [layer for layer in build(work).model.layers if type(layer).__name__ != "InputLayer"]

    def forward(weights: Arrays, x: Any, key: Any) -> Any:
        left = list(weights)
        for place, layer in enumerate(layers):
            kind = type(layer).__name__
            if kind == "Flatten":
                x = x.reshape(len(x), -1)
            elif kind == "MaxPooling2D":
                size = (1, *layer.pool_size, 1)
                x = jax.lax.reduce_window(x, -np.inf, jax.lax.max, size, size, "VALID")
            elif kind == "Dropout":
                if key is not None:  # while training
                    kept = jax.random.bernoulli(jax.random.fold_in(key, place), 1 - layer.rate, x.shape)
                    x = jnp.where(kept, x / (1 - layer.rate), 0.0)
            else:
                kernel, bias = left.pop(0), left.pop(0)
                if kind == "Conv2D":
                    names = ("NHWC", "HWIO", "NHWC")
                    x = jax.lax.conv_general_dilated(x, kernel, (1, 1), layer.padding.upper(), dimension_numbers=names)
                else:
                    x = x @ kernel
                x = x + bias
                if place < len(layers) - 1:  # the last layer's activation is in the loss
                    x = jax.nn.relu(x)
        return x

    return forward


def _update(optimizer: Any) -> Callable[..., Any]:
    rate = float(optimizer.learning_rate)
    if type(optimizer).__name__ == "SGD":
        return lambda weights, gradients, moments, count: ([w - rate * g for w, g in zip(weights, gradients)], moments)
    first, second, epsilon = optimizer.beta_1, optimizer.beta_2, optimizer.epsilon

    def adam(weights: Any, gradients: Any, moments: Any, count: Any) -> Any:
        scaled = rate * jnp.sqrt(1 - second**count) / (1 - first**count)
        kept = [(m + (g - m) * (1 - first), v + (g * g - v) * (1 - second)) for (m, v), g in zip(moments, gradients)]
        return [w - scaled * m / (jnp.sqrt(v) + epsilon) for w, (m, v) in zip(weights, kept)], kept

    return adam
