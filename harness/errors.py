"""The one error a user can cause: bad input, told in four parts, of which the last can be pasted into a shell."""

from __future__ import annotations

import difflib
import json
import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence


class InputError(ValueError):
    """Input that cannot be used, found before any training starts.

    The command line prints it without a traceback and exits with code 2.

    Args:
        field: the setting, file or argument at fault, as the user wrote it (``cv.folds``).
        received: the value that came in.
        allowed: what would have been accepted, in words.
        fix: the likely repair, as an imperative ("lower cv.folds to 3").
    """

    def __init__(self, field: str, received: object, allowed: str, fix: str) -> None:
        self.field = field
        self.received = received
        self.allowed = allowed
        self.fix = fix
        super().__init__(f"{field}: received {received!r}; allowed: {allowed}. Fix: {fix}.")


def message(error: InputError) -> str:
    """The error as the user reads it."""
    return f"error: {error.field}\n  received: {error.received}\n  allowed:  {error.allowed}\n  fix:      {error.fix}"


def is_whole(value: object, smallest: float = -math.inf, largest: float = math.inf) -> bool:
    """Whether the value is an integer within the bounds; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool) and smallest <= value <= largest


def require_whole(
    field: str, value: object, smallest: int, largest: int | None = None, *, allowed: str = "", fix: str = ""
) -> None:
    """Refuse what is no whole number within the bounds.

    Args:
        allowed: in words, where the bounds alone do not say it.
        fix: an imperative; the smallest number by default.

    Raises:
        InputError: the value is something else.
    """
    if not is_whole(value, smallest, math.inf if largest is None else largest):
        bounds = f"of {smallest} or more" if largest is None else f"from {smallest} to {largest}"
        raise InputError(field, value, allowed or f"a whole number {bounds}", fix or f"set {proposal(field, smallest)}")


def near_miss(received: str, options: Iterable[str]) -> str:
    """Name the closest of ``options``: ``"did you mean 'adam'?"``, or list them when none is close."""
    known = sorted(options)
    close = difflib.get_close_matches(received, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"choose one of {', '.join(known)}"


def proposal(name: str, value: object) -> str:
    """An `override` for a message, to be pasted into a shell."""
    return shell_word(override(name, value))


def shell_word(text: str) -> str:
    """The text as one word of a shell's command: in quotes where need be, double ones where they do."""
    if not re.search(r"[^\w@%+=:,./-]", text, re.ASCII):
        return text
    return shlex.quote(text) if re.search(r"""["$`!]|\\(?!')""", text) else f'"{text}"'


def override(name: str, value: object) -> str:
    """``name=value`` as Hydra reads it, in quotes where need be: text, number, None, list or mapping."""
    return f"{name}={_in_hydra(value)}"


def _in_hydra(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_in_hydra(key)}: {_in_hydra(one)}" for key, one in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{','.join(map(_in_hydra, value))}]"
    if not isinstance(value, str):
        return json.dumps(value)
    word = re.fullmatch(r"[A-Za-z_/.][\w/.:@%+-]*", value, re.ASCII)
    if word and value.lower() not in ("null", "true", "false", "nan", "inf"):
        return value
    # A backslash escapes only before a quote, and there has to be escaped itself.
    return "'" + re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + "\\'" * bool(found[2]), value) + "'"
