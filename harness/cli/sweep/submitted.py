"""What a command submitted and nobody has collected, in words."""

from __future__ import annotations

from pathlib import Path

from harness.engine.by_submitit import alive
from harness.engine.submitted import SubmittedFolder, counts
from harness.errors import shell_word
from harness.location import store_folder, store_uri
from harness.store.connect import Store


def submitted_folder(store: Store, chosen: str | None = None) -> Path:
    """Where what is submitted lies: beside a local store, else in the default store's folder."""
    return Path(chosen).expanduser().resolve() if chosen else (store.folder or store_folder()) / "submitted"


def follow_command(store: Store, study: str, chosen: str | None = None) -> str:
    """What says how far the folds of a study are, to be pasted.

    Args:
        chosen: the folder that ``engine.folder`` names.
    """
    own = "" if store.uri == store_uri() else f" --uri {shell_word(store.uri)}"
    return f"harness status {shell_word(study)}{own}" + (f" --submitted {shell_word(chosen)}" if chosen else "")


def submitted_words(store: Store, study: str, chosen: str | None = None) -> str:
    """How far the folds of a study are that are submitted; empty where none is.

    Args:
        chosen: the folder that ``engine.folder`` names.
    """
    folder = SubmittedFolder(submitted_folder(store, chosen))
    tasks = [task for task in folder.tasks() if study in task.studies]
    if not tasks:
        return ""
    living: set[str] = set()
    for cluster in {task.cluster for task in tasks}:
        found = alive([task for task in tasks if task.cluster == cluster], cluster)
        living |= {task.job for task in tasks if task.cluster == cluster} if found is None else found
    number = counts(folder, living, study)
    running = sum(task.job in living for task in tasks)
    return (
        f"submitted: {number['trained']} folds trained and not collected, {number['left']} to be trained by "
        f"{running} jobs that wait or run; the command that submitted them collects"
    )
