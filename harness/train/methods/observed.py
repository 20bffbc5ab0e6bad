"""A user's loop run under observation, from a fold's start and with nothing left of an earlier run."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from harness.observe.find_loop import Loop, options_named
from harness.observe.observer import Observer, XlaObservedError
from harness.observe.state import read
from harness.observe.steps import StepAssembler
from harness.train.methods.contract import FoldPlan
from harness.train.trainee import Trainee
from harness.trees import map_leaves, take


@dataclass(frozen=True)
class Observed:
    """A loop that has run.

    Attributes:
        trainee: what it trained.
        history: what it returned, as a mapping; empty when it returned none.
        xla: whether it compiles by XLA, inside which nothing can be observed, so that it was run uncompiled.
    """

    trainee: Trainee
    history: Mapping[str, Any]
    xla: bool


def run_loop(
    new_trainee: Callable[[], Trainee], plan: FoldPlan, find: Callable[[], Loop], new_sink: Callable[[], Any]
) -> Observed:
    """Call a user's loop under observation, from the plan's start.

    Whatever a loop did to the model, the optimizer or its own module is gone with them: each run gets new ones.

    Args:
        new_trainee: makes what is trained.
        plan: of the fold.
        find: gives the loop, of either contract, its module executed anew.
        new_sink: makes what receives the steps, with ``step(step)``, ``idle(passed, steps)`` and
            ``assigned(steps)``; called again when the loop has to run again.
    """
    try:
        return _run_once(new_trainee(), plan, find(), new_sink(), xla=False)
    except XlaObservedError:
        tf.config.run_functions_eagerly(True)
        try:
            return _run_once(new_trainee(), plan, find(), new_sink(), xla=True)
        finally:
            tf.config.run_functions_eagerly(False)


def _run_once(trainee: Trainee, plan: FoldPlan, loop: Loop, sink: Any, *, xla: bool) -> Observed:
    vars(trainee.optimizer).pop("apply", None)  # the observer sees gradients itself
    trainee.restore(plan.start)
    keras.utils.set_random_seed(plan.seed)  # whatever the loop draws, it draws again in a second run
    assembler = StepAssembler(len(trainee.model.trainable_variables), sink.step, sink.idle, sink.assigned)
    with Observer(trainee.model, trainee.optimizer, assembler).on(), _kept_from_leaving():
        returned = _drive(trainee, plan, loop)
    assembler.finish(read(trainee.state))
    returned = getattr(returned, "history", returned)  # of a keras.callbacks.History
    return Observed(trainee, returned if isinstance(returned, Mapping) else {}, xla)


@contextmanager
def _kept_from_leaving() -> Iterator[None]:
    """Let a loop end by an error of its own, not take the command with it by ``exit()`` or what is no Exception."""
    try:
        yield
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:
        told = "".join(traceback.format_exception_only(error)).strip()
        raise RuntimeError(f"the loop left by {told}").with_traceback(error.__traceback__) from None


def _drive(trainee: Trainee, plan: FoldPlan, loop: Loop) -> Any:
    handed = (trainee.model, trainee.optimizer, trainee.loss)
    if plan.order is None:
        options = {
            "batch_size": plan.batch_size,
            "epochs": plan.epochs,
            "validation_data": take((plan.x, plan.y), plan.validation) if len(plan.validation) else None,
        }
        if plan.weights is not None:
            options["sample_weight"] = take(plan.weights, plan.train)
        return loop(*handed, *take((plan.x, plan.y), plan.train), **options_named(loop, options))
    for rows in plan.order.rows:
        for start in range(0, len(rows), plan.batch_size):
            x, y, *weights = map_leaves(tf.constant, take(plan.columns, rows[start : start + plan.batch_size]))
            weighted = {"sample_weight": weights[0]} if weights else {}
            loop(*handed, x, y, **options_named(loop, weighted))
    return None
