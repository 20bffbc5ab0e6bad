"""Which articles are reproduced, and where their folders are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.errors import InputError, near_miss
from harness.location import experiments_folder

KEYS = ("iris_parity", "vgg_mnist", "mnist_kfold", "heart", "mnist_mlp")


@dataclass(frozen=True)
class Article:
    """One reproduced article, as its ``claims.yaml`` describes it.

    Attributes:
        key: name of its folder and of its main experiment.
        folder: ``experiments/KEY``.
        title: of the article.
        question: what it asks, in a sentence.
        studies: names of the studies whose results its claims and figures are drawn from.
        methods: those its studies train; one of them may not have been run yet.
        claims: each as written in the file, see `harness.articles.claims`.
        attribution: of which two methods' difference is shared out among ingredients, as written in the
            file, see `harness.articles.attribution`; None where no study was made for it.
        finals: studies of so many runs that only their last epoch is kept in the results.
    """

    key: str
    folder: Path
    title: str
    question: str
    studies: tuple[str, ...]
    methods: tuple[str, ...]
    claims: tuple[Mapping[str, Any], ...]
    attribution: Mapping[str, Any] | None = None
    finals: tuple[str, ...] = ()

    @property
    def results(self) -> Path:
        """The folder of its committed results."""
        return self.folder / "results"


def find_article(key: str, folder: Path | None = None) -> Article:
    """Read an article's description.

    Args:
        key: one of `KEYS`.
        folder: of all experiments; by default the one shipped with the package.

    Raises:
        InputError: no such article, or its ``claims.yaml`` is missing or lacks a part.
    """
    if key not in KEYS:
        raise InputError("KEY", key, ", ".join(KEYS), near_miss(key, KEYS))
    place = (folder or experiments_folder()) / key
    file = place / "claims.yaml"
    try:
        text = yaml.safe_load(file.read_text(encoding="utf-8"))
        return Article(
            key=key,
            folder=place,
            title=text["title"],
            question=text["question"],
            studies=tuple(text["studies"]),
            methods=tuple(text["methods"]),
            claims=tuple(text["claims"]),
            attribution=text.get("attribution"),
            finals=tuple(text.get("finals", ())),
        )
    except OSError as error:
        raise InputError("KEY", key, f"an article with a readable {file.name}", f"restore {file}") from error
    except (yaml.YAMLError, KeyError, TypeError) as error:
        allowed = "title, question, studies, methods and claims"
        raise InputError(str(file), str(error), allowed, "correct the file") from error


def all_articles(folder: Path | None = None) -> Sequence[Article]:
    """All five, in the order of `KEYS`."""
    return [find_article(key, folder) for key in KEYS]
