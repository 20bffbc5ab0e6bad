"""The axes of a study: the settings that its jobs differ in, and jobs seen along any of them.

A setting is the method or an entry of a job's configuration. One that a choice brings with it
(``optimizer.momentum`` of ``optimizer=sgd``) is no axis of its own, unless it varies under that choice.

Seeds are repetitions, and so is whatever changes the rows a fold sees, another data set or another
number of folds: nothing can be paired across it. All other axes are compared.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.digests import digest_settings
from harness.errors import InputError, near_miss
from harness.records import JobResult

METHOD = "method"
SEED = "seed"
ABSENT = "–"
_JSON = json.JSONEncoder(default=str)


@dataclass(frozen=True)
class Axis:
    """A setting that varies, with its values as text: numbers by size, others as they first appear."""

    name: str
    levels: tuple[str, ...]


@dataclass(frozen=True)
class Design:
    """What varies between a study's jobs.

    Attributes:
        axes: compared with each other, the method first.
        repetitions: the seed and whatever changes the rows: what is averaged over, as folds are.
    """

    axes: tuple[Axis, ...]
    repetitions: tuple[Axis, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of all that varies."""
        return tuple(axis.name for axis in (*self.axes, *self.repetitions))


def settings_of(job: JobResult) -> dict[str, Any]:
    """The method and the configuration, flat; a 1-ulp control has the method that it repeats."""
    return {METHOD: job.control_of or job.method, **job.config}


def design_of(jobs: Sequence[JobResult]) -> Design:
    """Which settings vary, and which of them are compared.

    Raises:
        InputError: no job.
    """
    if not jobs:
        raise InputError("jobs", 0, "at least one job", "run the study first")
    texts = varying([settings_of(job) for job in jobs])
    rows = [f"{job.dataset_digest} {job.folds_digest}" for job in jobs]
    seeds = texts.get(SEED, [""] * len(jobs))
    repeats = {name for name, column in texts.items() if name == SEED or _changes_rows(column, rows, seeds)}
    axes = {name: _axis(name, column, jobs) for name, column in texts.items()}
    return Design(
        tuple(axis for name, axis in axes.items() if name not in repeats),
        tuple(axis for name, axis in axes.items() if name in repeats),
    )


def pick(jobs: Sequence[JobResult], where: Mapping[str, str]) -> list[JobResult]:
    """The jobs whose settings read as ``where`` says, e.g. ``{"optimizer": "adam", "batch_size": "10"}``.

    Raises:
        InputError: a setting that no job has, a value that no job has, or no job with all of them.
    """
    settings = [settings_of(job) for job in jobs]
    known = list(dict.fromkeys(name for one in settings for name in one))
    for name, value in where.items():
        if name not in known:
            varying = ", ".join(design_of(jobs).names)
            raise InputError("--where", name, f"a setting of the study; these vary: {varying}", near_miss(name, known))
        values = list(dict.fromkeys(as_text(one[name]) for one in settings if name in one))
        if value not in values:
            raise InputError(f"--where {name}", value, ", ".join(values), near_miss(value, values))
    kept = [
        job
        for job, one in zip(jobs, settings, strict=True)
        if all(name in one and as_text(one[name]) == value for name, value in where.items())
    ]
    if not kept:
        told = ",".join(f"{name}={value}" for name, value in where.items())
        raise InputError("--where", told, "settings that some job has together", "leave one of them out")
    return kept


def along(jobs: Sequence[JobResult], by: Sequence[str] = (METHOD,), over: Sequence[str] = (SEED,)) -> list[JobResult]:
    """The jobs as if what ``by`` names were the method, and with the repetitions ``over`` joined into one job.

    The method of a returned job reads ``adam`` for one axis, ``optimizer=adam batch_size=10`` for several; its
    configuration holds what is left. Folds of joined jobs are numbered through, the same number for the same
    repetition and fold in every job, and say their ``repetition``. With the method as the only axis and nothing to
    join, the jobs are returned as they are.

    Raises:
        InputError: ``by`` names no setting, jobs that are alike in everything, or jobs to be paired that saw
            other rows.
    """
    design = design_of(jobs)
    _check_by(jobs, by, design)
    over = [axis.name for axis in design.repetitions if axis.name in over and axis.name not in by]
    if tuple(by) == (METHOD,) and not over:
        return list(jobs)
    kept = [name for name in design.names if name not in (*by, *over)]
    places = {name: place for place, name in enumerate(_repetitions(jobs, over, design))}
    stride = max((fold.fold for job in jobs for fold in job.folds), default=0)
    strata: dict[tuple[str, ...], list[JobResult]] = {}
    for job in jobs:
        strata.setdefault(texts_of(job, kept), []).append(job)
    return [
        _hide(_join(home, over, places, stride, digests), design, by, over)
        for stratum in strata.values()
        for digests in (_digests(stratum, over),)
        for home in _homes(stratum, by)
    ]


def level_of(job: JobResult, by: Sequence[str]) -> str:
    """What a job is called along the axes ``by``."""
    texts = texts_of(job, by)
    return texts[0] if len(by) == 1 else " ".join(f"{name}={text}" for name, text in zip(by, texts, strict=True))


def texts_of(job: JobResult, names: Sequence[str]) -> tuple[str, ...]:
    """A job's values of these settings, as text."""
    settings = settings_of(job)
    return tuple(as_text(settings[name]) if name in settings else ABSENT for name in names)


def as_text(value: Any) -> str:
    """A setting as a command line writes it."""
    return value if isinstance(value, str) else _JSON.encode(value)


def varying(settings: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Settings that vary, as text, one a job; without those that a varying choice brings with it."""
    columns = {
        name: [as_text(one[name]) if name in one else ABSENT for one in settings]
        for name in dict.fromkeys(name for one in settings for name in one)
        if not all(name in one and _same(one[name], settings[0].get(name)) for one in settings)
    }
    several = {name: column for name, column in columns.items() if len(set(column)) > 1}
    kept = {name: column for name, column in several.items() if "." not in name}
    choices = list(zip(*(column for name, column in kept.items() if name != METHOD))) or [()] * len(settings)
    for name, column in several.items():
        if name not in kept and not _follows(column, choices):
            kept[name] = column
            choices = [(*choice, text) for choice, text in zip(choices, column)]
    return kept


def _same(a: Any, b: Any) -> bool:
    """Whether two values surely read alike: most settings of a study do, and need not be written out to know it."""
    return a is b or (type(a) is type(b) and bool(a == b))


def _follows(column: Sequence[str], choices: Sequence[tuple[str, ...]]) -> bool:
    """Whether the choices say what the column is."""
    seen: dict[tuple[str, ...], str] = {}
    return all(seen.setdefault(choice, text) == text for choice, text in zip(choices, column, strict=True))


def _changes_rows(column: Sequence[str], rows: Sequence[str], seeds: Sequence[str]) -> bool:
    """Whether rows tell the setting's value, and differ with it under one seed: then no two values can be paired."""
    if not _follows(column, [(row,) for row in rows]):
        return False
    values: dict[str, set[str]] = {}
    for seed, value in zip(seeds, column, strict=True):
        values.setdefault(seed, set()).add(value)
    return any(len(found) > 1 for found in values.values())


def _axis(name: str, column: Sequence[str], jobs: Sequence[JobResult]) -> Axis:
    values = {text: settings_of(job).get(name) for text, job in zip(column, jobs, strict=True)}
    sizes = {text: value for text, value in values.items() if isinstance(value, (int, float))}
    numbers = len(sizes) == len(values) and not any(isinstance(value, bool) for value in sizes.values())
    return Axis(name, tuple(sorted(sizes, key=sizes.__getitem__) if numbers else values))


def _check_by(jobs: Sequence[JobResult], by: Sequence[str], design: Design) -> None:
    known = list(dict.fromkeys(name for job in jobs for name in settings_of(job)))
    for name in by:
        if name not in known:
            varying = ", ".join(design.names) or "none, all jobs are alike"
            raise InputError("--by", name, f"a setting of the study; these vary: {varying}", near_miss(name, known))


def _repetitions(jobs: Sequence[JobResult], over: Sequence[str], design: Design) -> list[tuple[str, ...]]:
    """All combinations of what is joined that some job has, in the order of the axes' levels."""
    order = {axis.name: {level: place for place, level in enumerate(axis.levels)} for axis in design.repetitions}
    found = {texts_of(job, over) for job in jobs}
    return sorted(found, key=lambda texts: [order[name][text] for name, text in zip(over, texts, strict=True)])


def _digests(stratum: Sequence[JobResult], over: Sequence[str]) -> tuple[str, str]:
    """Digests of data set and folds over all repetitions of jobs that are to be paired.

    Raises:
        InputError: of one repetition, two jobs saw other rows.
    """
    first: dict[tuple[str, ...], JobResult] = {}
    for job in stratum:
        seen = first.setdefault(texts_of(job, over), job)
        for field in ("dataset_digest", "folds_digest"):
            require_same_rows(field, seen, job)
    if len(first) == 1:
        (only,) = first.values()
        return only.dataset_digest, only.folds_digest
    datasets, folds = (
        {" ".join(key): getattr(job, field) for key, job in sorted(first.items())}
        for field in ("dataset_digest", "folds_digest")
    )
    several = len(set(datasets.values())) > 1
    return digest_settings(datasets) if several else next(iter(datasets.values())), digest_settings(folds)


def require_same_rows(field: str, a: JobResult, b: JobResult) -> None:
    """Raise `InputError` unless two jobs that are to be paired have the same digest."""
    ours, theirs = getattr(a, field), getattr(b, field)
    if ours != theirs:
        names = f"{a.method!r} and {b.method!r}"
        raise InputError(
            field,
            f"{ours[:12]} and {theirs[:12]}",
            f"equal digests: {names} saw other rows, so their folds cannot be paired",
            "run both again with the same data set, seed and cross-validation",
        )


def _homes(stratum: Sequence[JobResult], by: Sequence[str]) -> list[list[JobResult]]:
    """The jobs of each level, renamed; those of a 1-ulp control apart."""
    homes: dict[tuple[str, str | None], list[JobResult]] = {}
    for job in stratum:
        level = level_of(job, by)
        control = None if job.control_of is None else level
        name = job.method if tuple(by) == (METHOD,) else level if control is None else f"{level}, 1 ulp away"
        config = job.config if METHOD in by else settings_of(job)
        homes.setdefault((name, control), []).append(replace(job, method=name, control_of=control, config=config))
    return list(homes.values())


def _join(
    home: Sequence[JobResult],
    over: Sequence[str],
    places: Mapping[tuple[str, ...], int],
    stride: int,
    digests: tuple[str, str],
) -> JobResult:
    """One job of the folds of all repetitions.

    Raises:
        InputError: two jobs of one repetition.
    """
    by_place: dict[int, JobResult] = {}
    for job in home:
        place = places[texts_of(job, over)] if over else 0
        if place in by_place:
            raise InputError(
                "jobs", f"two jobs of {job.method!r} with equal config", "one job of each config", "keep the newest"
            )
        by_place[place] = job
    if not over:
        return home[0]
    folds = tuple(
        replace(fold, fold=place * stride + fold.fold, repetition=_named(by_place[place], over))
        for place in sorted(by_place)
        for fold in by_place[place].folds
    )
    runs = [job.run_id for job in by_place.values() if job.run_id]
    dataset, rows = digests
    return replace(home[0], folds=folds, dataset_digest=dataset, folds_digest=rows, run_id=", ".join(runs) or None)


def _named(job: JobResult, over: Sequence[str]) -> str:
    return " ".join(f"{name}={text}" for name, text in zip(over, texts_of(job, over), strict=True))


def _hide(job: JobResult, design: Design, by: Sequence[str], over: Sequence[str]) -> JobResult:
    """The job without the settings that its name or its repetitions say."""
    said = {*by, *over}
    brought = {name for name in job.config if name.partition(".")[0] in said and name not in design.names}
    return replace(job, config={name: value for name, value in job.config.items() if name not in said | brought})
