"""Jobs named by what tells them apart, also from those that their study already has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.analyse.axes import METHOD
from harness.analyse.names import JobName, name_jobs
from harness.store.description import JobDescription
from harness.store.schema import setting_tags

if TYPE_CHECKING:
    from harness.store.connect import Store
    from harness.store.labels import StoredJob


def named(descriptions: Sequence[JobDescription], store: Store | None = None) -> list[JobDescription]:
    """One command's jobs, in order, with their names; earlier jobs of their studies get theirs in the store, too."""
    names: dict[int, JobName] = {}
    count = len(descriptions)
    for study in dict.fromkeys(one.study for one in descriptions):
        places = [place for place, one in enumerate(descriptions) if one.study == study]
        earlier = [] if store is None else _stored(store, study)
        given = name_jobs([*(_settings(descriptions[place]) for place in places), *(one.settings for one in earlier)])
        names |= dict(zip(places, given))
        if store is not None:
            from harness.store.labels import relabel

            relabel(store, zip(earlier, given[len(places) :], strict=True))
    return [
        replace(one, name=names[at].name, own_tags=setting_tags(names[at].varied) | {"place": f"{at + 1}/{count}"})
        for at, one in enumerate(descriptions)
    ]


def _stored(store: Store, study: str) -> list[StoredJob]:
    from harness.store.labels import stored_jobs  # with MLflow, which a worker process, without a store, never loads

    return stored_jobs(store, study)


def _settings(description: JobDescription) -> dict[str, Any]:
    return {METHOD: description.method, **description.config}
