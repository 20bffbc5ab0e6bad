"""What waits in the spool, in words, with the command that records it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import shell_word

if TYPE_CHECKING:
    from harness.store.connect import Store
    from harness.store.spooling.spool import Spool


def sync_command(store: Store, chosen: str | None) -> str:
    """What writes a spool into its store, to be pasted."""
    return f"harness sync --uri {shell_word(store.uri)}" + (f" --spool {shell_word(chosen)}" if chosen else "")


def waiting_words(store: Store, spool: Spool, chosen: str | None) -> str:
    """How many folds wait and what records them; empty where none does.

    Args:
        chosen: the folder that ``tracking.spool`` names.
    """
    folds = spool.waiting()
    if not folds:
        return ""
    what, them = ("1 finished fold waits", "it") if folds == 1 else (f"{folds} finished folds wait", "them")
    return f"{what} in {spool.folder}; the next run records {them}, or {sync_command(store, chosen)}"
