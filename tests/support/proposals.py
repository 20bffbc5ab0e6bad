"""Overrides that a message proposes, found in its text and read as whoever pastes them has them read."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

_BEGINS = re.compile(r"""(?<![\w"'.])["']?[+~]?[A-Za-z_][\w./@]*=""")
_WORD = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'])+""")  # one word of a shell, quotes and all


def proposed(text: str) -> list[str]:
    """Every ``name=value`` of a text, as it stands there, without the sentence's own punctuation."""
    words = [_WORD.match(text, found.start()) for found in _BEGINS.finditer(text)]
    return [word[0].rstrip(",;:.)") for word in words if word]


def pasted(words: Sequence[str]) -> list[Override]:
    """What Hydra makes of words that were pasted into a shell; an error where either cannot read them."""
    if not words:
        return []
    # A pattern that no file matches is an error, as it is in zsh; bash by itself would leave it as it is.
    command = f"cd / && shopt -s failglob && words=({' '.join(words)}) && printf '%s\\0' \"${{words[@]}}\""
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    given = done.stdout.split("\0")[:-1]
    assert len(given) == len(words), f"{words} become {given}"
    return list(OverridesParser.create().parse_overrides(given))
