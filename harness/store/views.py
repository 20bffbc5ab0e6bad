"""A study as MLflow's interface shows it: one row a job, what varies and the headline numbers as columns.

MLflow keeps a view that somebody shares as a tag of the experiment, named by a key; its address names the key.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from harness.records import higher_is_better
from harness.store.collisions import past_collisions
from harness.store.connect import Store
from harness.store.interrupts import interrupts_held
from harness.store.schema import setting_tags

_KEY = "study"
_TAG = f"mlflow.sharedViewState.{_KEY}"
_MOST = 40  # columns: a tag of an experiment has at most 5,000 characters


@interrupts_held()
def save_view(store: Store, study: str, varied: Iterable[str], metrics: Sequence[str]) -> None:
    """Keep the view of a study's jobs.

    Args:
        store: has the study.
        study: its name.
        varied: settings that vary, as the jobs' runs are tagged with them.
        metrics: whose mean and std over folds are shown; the best mean of the first comes first.
    """
    columns = [f"tags.`{name}`" for name in setting_tags(dict.fromkeys(varied, ""))]
    columns += [f"metrics.`{metric}/{part}`" for metric in metrics for part in ("mean", "std")]
    view = {
        "searchFilter": "tags.kind = 'job'",
        "orderByKey": f"metrics.`{metrics[0]}/mean`",
        "orderByAsc": not higher_is_better(metrics[0]),
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "selectedColumns": columns[:_MOST],
    }
    experiment, text = store.experiment(study), json.dumps(view)
    with store.exclusive():
        past_collisions(lambda: store.client.set_experiment_tag(experiment, _TAG, text))


def saved_views(store: Store) -> list[tuple[str, str]]:
    """Studies that have a view, newest first, each with the view's address below the server's."""
    address = f"/#/experiments/{{}}/runs?viewStateShareKey={_KEY}&compareRunsMode=TABLE"
    return [
        (experiment.name, address.format(experiment.experiment_id))
        for experiment in store.client.search_experiments(order_by=["creation_time DESC"])
        if _TAG in experiment.tags
    ]
