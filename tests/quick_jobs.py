"""Jobs of a method that takes no time, so that nearly all of a sweep is what the store takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rich.console import Console

from harness.cli.jobs.compose import compose
from harness.cli.jobs.resolve import ResolvedJob, resolve
from harness.plan.row_order import row_order
from harness.records import EpochRecord
from harness.train.methods.contract import FoldPlan, Method, OnEpoch, Trained
from harness.train.methods.ingredients import Ingredients
from harness.train.trainee import Trainee

FOLDS, EPOCHS = 3, 2
QUIET = Console(stderr=True, quiet=True)


def loss_of(fold: int, epoch: int) -> float:
    return 1 / (fold + epoch / 7)


def quick_job(seed: int, before: Callable[[FoldPlan], None] = lambda plan: None, *choices: str) -> ResolvedJob:
    """A job of `FOLDS` folds of `EPOCHS` epochs, whose losses are those of `loss_of`.

    Args:
        before: is called before a fold trains, also one of a later job of the same sweep, which shares the program.
    """

    def counting(trainee: Trainee) -> object:
        def train(plan: FoldPlan, on_epoch: OnEpoch) -> Trained:
            before(plan)
            for epoch in range(1, plan.epochs + 1):
                on_epoch(EpochRecord(epoch, {"train/loss": loss_of(plan.fold, epoch), "time/epoch_s": 0.1}))
            return Trained(row_order(plan.train, plan.epochs, plan.seed, "none"))

        return train

    common = ("dataset=iris", "model=iris_mlp", "batch_size=16", "study=hasty")
    (resolved,) = resolve(compose([*common, f"seed={seed}", f"cv.folds={FOLDS}", f"epochs={EPOCHS}", *choices]))
    method = Method("counting", Ingredients(), counting)  # type: ignore[arg-type]
    return replace(resolved, job=replace(resolved.job, method=method))
