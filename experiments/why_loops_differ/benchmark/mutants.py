"""Scripts with single ingredients, or pairs of them, switched.

A line of ``mutations/*.py`` carries what a switch makes of it in a comment, ``# [cause] LINE``, without a LINE where
the switch takes the line out; a comment alone on its line puts a line in.
"""

from __future__ import annotations

import re
from itertools import combinations

_SWITCH = re.compile(r"# \[([a-z_/]+)\]([^#]*)")
# Pairs of which one hides the other, whatever looks on: rows that no step draws are not there to be missed.
HIDDEN = (frozenset({"shuffle", "partial_batch"}), frozenset({"batch_order", "partial_batch"}))


def switches(text: str) -> list[str]:
    """The ingredients that can be switched in a script."""
    return sorted({key for line in text.splitlines() for key, _ in _SWITCH.findall(line)})


def mutant(text: str, switched: tuple[str, ...]) -> str | None:
    """The script with ingredients switched; None where two of them want the same line."""
    lines = []
    for line in text.splitlines():
        wanted = [replacement.strip() for key, replacement in _SWITCH.findall(line) if key in switched]
        if len(wanted) > 1:
            return None
        plain = _SWITCH.sub("", line).rstrip()
        indent = line[: len(line) - len(line.lstrip())]
        if wanted:
            lines += [indent + wanted[0]] if wanted[0] else []
        elif plain or not line.strip():
            lines.append(plain)
    return "\n".join(lines) + "\n"


def mutants(text: str, *, pairs: bool) -> list[tuple[tuple[str, ...], str]]:
    """Every single switch and every pair that is possible, with its script; first the right one."""
    keys = switches(text)
    chosen = [(), *((key,) for key in keys), *(combinations(keys, 2) if pairs else ())]
    made = [(switched, mutant(text, switched)) for switched in chosen if frozenset(switched) not in HIDDEN]
    return [(switched, script) for switched, script in made if script is not None]
