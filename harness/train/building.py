"""Models of every shape made ready to train: built, probed once, and asked what they do their own way."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from harness.errors import InputError
from harness.train.models import Problem
from harness.trees import Tree, leaves, map_leaves, map_shapes, names, nested, same_arrays, same_structure

OWN_STEPS = ("train_step", "compute_loss", "test_step", "compute_metrics")
_PROBE_ROWS = 8


def built(model: keras.Model, problem: Problem) -> keras.Model:
    """The model with all its variables made: a subclassed one makes them when it is first called.

    Called as ``fit()`` does for that, on symbolic rows, so that it sees no data and draws no seeds.

    Raises:
        InputError: it is no Keras model.
    """
    if not isinstance(model, keras.Model):
        raise InputError(
            "model",
            f"a {type(model).__name__}",
            model_for(problem),
            "return a keras.Model, e.g. keras.Sequential([...])",
        )
    if not model.built or not _called(model):
        model(map_shapes(lambda shape: keras.KerasTensor((None, *shape), "float32"), problem.input_shape))
    return model


def model_for(problem: Problem) -> str:
    """What a model has to be, in words."""
    return f"a keras.Model that takes rows of shape {problem.input_shape}"


def _called(model: keras.Model) -> bool:
    return bool(model.variables) or getattr(model, "inputs", None) is not None


def flag(model: keras.Model, training: bool) -> dict[str, bool]:
    """The training flag as ``fit()`` passes it: not at all where the model's ``call`` does not take it."""
    return {"training": training} if "training" in model.call_signature_parameters else {}


def deaf_to_training(model: keras.Model, problem: Problem) -> bool:
    """Whether layers of the model would do otherwise in training, but ``fit()`` never tells them that it trains."""
    if flag(model, True):
        return False
    return not same_arrays(*(map_leaves(np.asarray, probe(model, problem, training=on)) for on in (False, True)))


def probe(model: keras.Model, problem: Problem, *, training: bool = False) -> Tree:
    """Predictions of a built model for a few random rows, to see their structure, widths and range."""
    generator = np.random.default_rng(0)
    rows = map_shapes(
        lambda shape: generator.normal(size=(_PROBE_ROWS, *shape)).astype(np.float32), problem.input_shape
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a model has to say it says when it trains
        return model(rows, training=training)


def own_steps(model: keras.Model) -> tuple[str, ...]:
    """Which of Keras's steps the model's class has written anew; ``fit()`` does then what they say."""
    return tuple(name for name in OWN_STEPS if getattr(type(model), name) is not getattr(keras.Model, name))


def fits(predictions: Tree, problem: Problem) -> bool:
    """Whether there is one output for each target, under the same name or at the same place."""
    return same_structure(predictions, problem.outputs)


def require_outputs(predictions: Tree, problem: Problem) -> None:
    """Refuse a model whose outputs are not the targets'.

    Raises:
        InputError: with what it puts out, and what it should.
    """
    if not fits(predictions, problem):
        wanted = _described(problem.outputs)
        raise InputError(
            "model", _described(predictions), f"{wanted}, as the targets of {problem.dataset!r} are", f"return {wanted}"
        )


def _described(tree: Tree) -> str:
    if not nested(tree):
        return "one output, the tensor itself"
    if isinstance(tree, dict):
        return "a dict of outputs with the keys " + ", ".join(sorted(map(str, tree)))
    return f"a tuple of {len(tree)} outputs"


def output_names(model: keras.Model, problem: Problem) -> list[str]:
    """What Keras calls each output in the names of its numbers; nothing for the only one.

    A dict's keys; of a tuple the names that a functional model knows its outputs by, or ``output_1``, ….
    """
    if not nested(problem.outputs):
        return [""]
    if isinstance(problem.outputs, dict):
        return names(problem.outputs)
    known: Sequence[str] | None = getattr(model, "output_names", None)
    count = len(leaves(problem.outputs))
    return list(known) if known is not None and len(known) == count else [f"output_{n + 1}" for n in range(count)]


def has_convolution(model: keras.Model) -> bool:
    """Whether any of Keras's layers in the model, at any depth, is a convolution."""
    return any("conv" in type(layer).__name__.lower() for layer in model._flatten_layers(include_self=False))


def variable_names(model: keras.Model) -> list[str]:
    """What to call each trainable variable: its path within the model, numbered where two have the same."""
    found: list[str] = []
    for variable in model.trainable_variables:
        name = variable.path.removeprefix(f"{model.name}/")
        same = sum(one == name or one.startswith(f"{name}#") for one in found)
        found.append(f"{name}#{same + 1}" if same else name)
    return found


def probabilities(output: Any, task: str) -> bool:
    """Whether an output of the probe is a probability, or a distribution over classes.

    Keras's own activations leave a mark; others are told by the range of their values.
    """
    if hasattr(output, "_keras_logits"):
        return True
    values = np.asarray(output, dtype=np.float64)
    if task == "binary":
        return bool((values >= 0).all() and (values <= 1).all() and (values > 0).any())
    return bool((values >= 0).all() and np.allclose(values.sum(axis=-1), 1, atol=1e-2))
