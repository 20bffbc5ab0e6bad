"""Which processor this is. With versions and threads it decides how sums are rounded.

Measured: a fold of `experiments/vgg_mnist` has other bits after its first epoch on an Intel Xeon than on an AMD EPYC,
both x86_64, with the same wheels and as many threads. What of the processor makes the difference was not measured;
vector instructions count beside the name because oneDNN and XLA choose their code by them.
"""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

import numpy as np

_INFORMATION = Path("/proc/cpuinfo")


def processor_name(information: Path = _INFORMATION) -> str:
    """What the processor is called, or its architecture where no name is to be had.

    Args:
        information: Linux's own, or another file of its form.
    """
    if information.is_file():
        lines = information.read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        if names:
            return names[0]
    return platform.processor() or platform.machine()


@cache
def processor() -> str:
    """Its name and the vector instructions that NumPy finds, in which processors of one name may differ."""
    vectors = np.show_config(mode="dicts").get("SIMD Extensions", {})
    found = [*vectors.get("baseline", ()), *vectors.get("found", ())]
    return ", ".join([processor_name(), *([" ".join(found)] if found else [])])
