"""The floating-point precision a model is built in, and the loss scale that half precision needs.

As ``fit()`` has it: a model under ``mixed_float16`` is trained through a `keras.optimizers.LossScaleOptimizer`
(Micikevicius et al. 2018, "Mixed Precision Training", section 3.2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from harness.errors import InputError, near_miss
from harness.train.building import built
from harness.train.models import Problem

POLICIES = ("float32", "float64", "mixed_float16", "mixed_bfloat16")


def check_precision(policy: object) -> None:
    """Raise `InputError` for anything but one of `POLICIES`."""
    if policy not in POLICIES:
        raise InputError("precision", policy, ", ".join(POLICIES), near_miss(str(policy), POLICIES))


def model_in(policy: str, factory: Callable[..., Any]) -> Callable[..., Any]:
    """A model factory whose layers are built under a precision policy."""
    if policy == "float32":
        return factory

    def build(problem: Problem, **options: Any) -> Any:
        usual = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy)
        try:
            # Within the policy too: layers that a call makes first, as a subclassed model's, take it then.
            return built(factory(problem, **options), problem)
        finally:
            keras.config.set_dtype_policy(usual)

    return build


def optimizer_in(policy: str, factory: Callable[[], Any]) -> Callable[[], Any]:
    """An optimizer factory with the loss scale that the policy needs."""
    if policy != "mixed_float16":
        return factory
    return lambda: keras.optimizers.LossScaleOptimizer(factory())
