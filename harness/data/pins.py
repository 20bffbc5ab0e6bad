"""Comparison of loaded data with the content digests they are pinned to."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from harness.digests import digest_arrays
from harness.errors import InputError


def verify_digest(received: str, expected: str, *, field: str, origin: str, fix: str) -> None:
    """Refuse data whose SHA-256 is not the pinned one.

    Args:
        received: digest of what was loaded.
        expected: the pinned digest.
        field: the setting, environment variable or package at fault.
        origin: the file or loader the data came from.
        fix: the likely repair.

    Raises:
        InputError: the two differ.
    """
    if received != expected:
        raise InputError(field, f"{origin} with SHA-256 {received}", f"SHA-256 {expected}", fix)


def verify_arrays(arrays: Iterable[np.ndarray], expected: str, *, field: str, origin: str, fix: str) -> None:
    """Refuse arrays whose digest (`harness.digests.digest_arrays`) is not the pinned one.

    Raises:
        InputError: the two differ.
    """
    verify_digest(digest_arrays(arrays), expected, field=field, origin=origin, fix=fix)
