"""Calls by which MLflow looks for a row and then writes it: of two processes that do so at once, one fails."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

_TAKEN = ("BAD_REQUEST", "RESOURCE_ALREADY_EXISTS")  # MLflow's names of its errors
_TIMES = 5


def past_collisions(call: Callable[[], Result]) -> Result:
    """Make a call that comes to the same made twice; again where another process was first with the row.

    A lock keeps processes apart that share a SQLite store. Those that share a server have none in common.
    """
    from mlflow.exceptions import MlflowException  # MLflow is imported by what writes, not by what only reads

    for time_before in range(_TIMES):
        try:
            return call()
        except MlflowException as error:
            if error.error_code not in _TAKEN or time_before == _TIMES - 1:
                raise
            time.sleep(random.uniform(0.01, 0.1))  # so that the two do not meet again
    raise AssertionError("the last time returns or raises")
