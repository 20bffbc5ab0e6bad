"""SHA-256 digests of arrays and of plain settings: what makes two runs comparable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


def digest_arrays(arrays: Iterable[np.ndarray]) -> str:
    """SHA-256 over dtype, shape and little-endian bytes of the arrays, in order."""
    sha = hashlib.sha256()
    for array in arrays:
        canonical = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        sha.update(f"{canonical.dtype.str}{canonical.shape}".encode())
        sha.update(canonical.reshape(-1).view(np.uint8).data)
    return sha.hexdigest()


def digest_settings(settings: Mapping[str, Any]) -> str:
    """SHA-256 of the settings as JSON with sorted keys.

    Raises:
        TypeError: a value is not a JSON scalar, list or mapping.
    """
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
