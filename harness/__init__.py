"""Does a `tf.GradientTape` loop train like ``model.fit()``, and if not, why?

    from harness import open_store, read_study, compare, study_figure

Names are imported on first use, so that statistics and figures never wait for TensorFlow.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "Comparison": "analyse.compare",
    "Dataset": "data",
    "EpochRecord": "records",
    "Fold": "plan.folds",
    "FoldResult": "records",
    "Ingredients": "train.methods.ingredients",
    "InputError": "errors",
    "Job": "train.job",
    "JobResult": "records",
    "Method": "train.methods.contract",
    "Problem": "train.models",
    "compare": "analyse.compare",
    "cross_validate": "engine.in_process",
    "fit": "train.methods.fit",
    "make_dataset": "data",
    "open_store": "store.connect",
    "plot_curve": "show.curves",
    "read_study": "store.read",
    "render": "show.comparison_text",
    "study_figure": "show.curves",
    "tape": "train.methods.tape",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
