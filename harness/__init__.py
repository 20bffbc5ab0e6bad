"""Does a `tf.GradientTape` loop train like ``model.fit()``, and if not, why?

    from harness import open_store, read_study, compare, study_figure

Names are imported on first use, so that statistics and figures never wait for TensorFlow. They are:
"""

from importlib import import_module
from typing import Any

# Name: the module it lives in, and what it is there for.
_PUBLIC = {
    # Data, models and loops of one's own, trained without the command line.
    "make_dataset": ("data", "order, check and digest arrays: what every loader of a data set ends with"),
    "Dataset": ("data", "rows and labels in their final order, with task, classes, scaling and digest"),
    "Problem": ("train.models", "what a model is asked to learn: input shape, task, number of outputs"),
    "Method": ("train.methods.contract", "a way to train: its ingredients, and how to prepare it for a model"),
    "Ingredients": ("train.methods.ingredients", "the switches of a loop: shuffle, training flag, reduction, …"),
    "fit": ("train.methods.fit", "the method of Keras's own fit()"),
    "tape": ("train.methods.tape", "the gradient-tape method, one switch for each thing that a loop may leave out"),
    "Fold": ("plan.folds", "the training and the validation rows of one split"),
    "Job": ("train.job", "data, folds, model, optimizer and method, as objects: what is trained"),
    "cross_validate": ("engine.in_process", "train every fold of a job in this process"),
    "watch": ("why.seen", "observe the models that are trained in a `with` block, and say what differs from fit()"),
    # What was measured, from training or from the store.
    "EpochRecord": ("records", "what one epoch of one fold measured, by metric"),
    "FoldResult": ("records", "the epochs of a fold, with digests of its weights and its row orders"),
    "JobResult": ("records", "the folds of a job, with its configuration"),
    "open_store": ("store.connect", "open the tracking store, the project's own by default"),
    "read_study": ("store.read", "the finished jobs of a study in a store"),
    "read_frame": ("store.read", "the same as one pandas table: a row an epoch of a fold of a job"),
    "study_frame": ("analyse.frames", "that table of jobs at hand"),
    # What is said of it.
    "compare": (
        "analyse.compare",
        "compare a study's methods, or any settings, in pairs: differences, tests, verdicts",
    ),
    "Comparison": ("analyse.compare", "what `compare` gives, by group of equal settings"),
    "render": ("show.comparison_text", "a comparison as plain text, JSON, CSV or Markdown"),
    "further": (
        "analyse.further",
        "more of a comparison: practical equivalence, interquartile means, ranks, folds to settle",
    ),
    "Further": ("analyse.further", "what `further` gives"),
    "pick": ("analyse.axes", "the jobs that have certain settings"),
    "sweep_of": ("analyse.sweep.overview", "a study along all that varies: what matters, the ranking, the best"),
    "Sweep": ("analyse.sweep.overview", "what `sweep_of` gives"),
    "render_sweep": ("show.sweep.text", "a sweep as plain text, JSON, CSV or Markdown"),
    "overview_figure": ("show.sweep.figure", "a sweep in one picture"),
    "study_figure": ("show.curves", "training and validation curves of a group of jobs, mean ± std over folds"),
    "plot_curve": ("show.curves", "one metric's curves, into axes of one's own"),
    # What went wrong.
    "InputError": ("errors", "input that cannot be used: the field, what came, what is allowed, the fix"),
}

__all__ = sorted(_PUBLIC)
__doc__ = f"{__doc__}" + "".join(f"\n    {name}: {what}" for name, (_, what) in _PUBLIC.items())


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PUBLIC[name][0]}"), name)


def __dir__() -> list[str]:
    return __all__
