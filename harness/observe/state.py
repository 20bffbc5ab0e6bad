"""The variables a model carries from step to step, and their values."""

from __future__ import annotations

from typing import Any

import keras


def state_variables(model: keras.Model) -> list[Any]:
    """Weights, moving averages and dropout seed states: all that a fold starts from."""
    return [*model.trainable_variables, *model.non_trainable_variables]
