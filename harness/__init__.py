"""Does a `tf.GradientTape` loop train like ``model.fit()``, and if not, why?

    from harness import open_store, read_study, compare, study_figure

Names are imported on first use, so that statistics and figures never wait for TensorFlow.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "Comparison": "comparison",
    "Dataset": "data",
    "EpochRecord": "records",
    "Fold": "folds",
    "FoldResult": "records",
    "Ingredients": "methods.ingredients",
    "InputError": "errors",
    "Job": "crossval",
    "JobResult": "records",
    "Method": "methods.contract",
    "Problem": "models",
    "compare": "comparison",
    "cross_validate": "crossval",
    "fit": "methods.fit",
    "make_dataset": "data",
    "open_store": "tracking.store",
    "plot_curve": "figures",
    "read_study": "tracking.read",
    "render": "tables",
    "study_figure": "figures",
    "tape": "methods.tape",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
