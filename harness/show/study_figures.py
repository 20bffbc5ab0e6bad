"""A study's curves as files: one figure a group, or one along any axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.analyse.averages import averaged
from harness.analyse.axes import METHOD, along, design_of
from harness.analyse.groups import check_metric, group_jobs, group_titles, shown_configs
from harness.analyse.sweep.overview import Sweep
from harness.errors import InputError
from harness.location import file_word
from harness.records import JobResult
from harness.show.curves import curve_panels, job_styles, study_figure
from harness.show.figure_files import save_figure
from harness.show.sweep.figure import save_overview

FEW = 4  # groups that get a figure each


def save_summary_figures(jobs: Sequence[JobResult], folder: Path, sweeps: Sequence[Sweep] = ()) -> list[Path]:
    """Write what sums a study up: an overview of each sweep, and curves of its groups or, of many, of its axis.

    Args:
        jobs: all of one study.
        folder: made when missing.
        sweeps: of the same jobs, where several axes vary.

    Returns:
        Every file written.

    Raises:
        InputError: the jobs cannot be grouped.
        OSError: the folder cannot be written.
    """
    written = [file for sweep in sweeps for file in save_overview(sweep, folder)]
    by = tuple(axis.name for axis in design_of(jobs).axes)
    by = by if len(by) == 1 else (METHOD,)
    seen = along(jobs, by)
    if len(group_jobs(seen)) <= FEW:
        return [*written, *save_study_figures(seen, folder)]
    if written:
        return written
    try:
        return save_axis_figure(jobs, by, folder)
    except InputError:  # no group in which every level lasted: nothing to average
        return []


def save_study_figures(jobs: Sequence[JobResult], folder: Path) -> list[Path]:
    """Write one figure per group as PNG and SVG, with a JSON file beside them that tells their origin.

    The same jobs give the same bytes. Files are named by study and place of the group
    (``demo-01-optimizer-sgd.png``).

    Args:
        jobs: all of one study.
        folder: made when missing.

    Returns:
        Every file written: PNG, SVG and JSON of the first group, then of the next.

    Raises:
        InputError: the jobs cannot be grouped (`harness.analyse.groups.group_jobs`).
        OSError: the folder cannot be written.
    """
    groups = group_jobs(jobs)
    configs = shown_configs(groups)
    styles = job_styles(jobs)
    written: list[Path] = []
    for place, (group, config, title) in enumerate(zip(groups, configs, group_titles(configs), strict=True), 1):
        stem = _file_stem(group[0].study, place, title)
        figure = study_figure(group, title=f"{group[0].study}: {title}", styles=styles)
        written += save_figure(figure, folder, stem, _origin(group, config, title))
    return written


def save_axis_figure(
    jobs: Sequence[JobResult], by: Sequence[str], folder: Path, metrics: Sequence[str] = ()
) -> list[Path]:
    """Write the curves of the levels of the axes ``by``, each fold averaged over all settings of the rest.

    Args:
        jobs: all of one study.
        by: names of settings.
        folder: made when missing.
        metrics: to draw; by default losses and accuracies.

    Returns:
        The PNG, the SVG and the JSON.

    Raises:
        InputError: no such setting or metric, jobs that cannot be paired, or no setting of the rest in which every
            level has every fold and epoch.
    """
    for metric in metrics:
        check_metric(jobs, metric)
    drawn = list(metrics) or [name for row in curve_panels(jobs) for name in row]
    levels, count = averaged(along(jobs, by), drawn)
    name = ", ".join(by)
    if not levels:
        allowed = "some setting of the rest in which every level has every epoch of every fold"
        raise InputError("--by", name, allowed, f"choose such jobs with --where, or harness compare {jobs[0].study}")
    rest = "" if count == 1 else f", averaged over {count} settings of the rest"
    figure = study_figure(levels, title=f"{jobs[0].study} by {name}{rest}", metrics=drawn if metrics else None)
    stem = "-".join([jobs[0].study, "by", *by, *(metric.replace("/", "-") for metric in metrics)])
    origin = {"study": jobs[0].study, "by": list(by), "metrics": drawn, "runs": [job.run_id for job in jobs]}
    return save_figure(figure, folder, file_word(stem)[:200] or "study", origin)


def _origin(group: Sequence[JobResult], config: Mapping[str, Any], title: str) -> dict[str, Any]:
    return {
        "study": group[0].study,
        "title": title,
        "config": dict(config),
        "metrics": [name for row in curve_panels(group) for name in row],
        "dataset_digest": group[0].dataset_digest,
        "folds_digest": group[0].folds_digest,
        "jobs": [
            {
                "method": job.method,
                "control_of": job.control_of,
                "run_id": job.run_id,
                "folds": len(job.folds),
                "diverged_folds": [fold.fold for fold in job.folds if fold.diverged_epoch is not None],
                "final_weights_digests": [fold.final_weights_digest for fold in job.folds],
            }
            for job in group
        ],
    }


def _file_stem(study: str, place: int, title: str) -> str:
    words = [file_word(text, keep=".") for text in (study, title)]
    return f"{words[0][:100] or 'study'}-{place:02d}-{words[1][:80]}".rstrip("-.")
