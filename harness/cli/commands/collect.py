"""`harness collect`: an article's finished studies, from the store into its ``results`` folder."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.location import cores
from harness.plan.processor import processor, processor_name
from harness.records import JobResult


def main(arguments: Sequence[str]) -> int:
    """Write the results of every study of the article that the store holds, and print the files."""
    parser = argparse.ArgumentParser(
        prog="harness collect",
        description="Write an article's results as small files: a Parquet table of epochs and a JSON of everything "
        "else, for each of its studies.",
    )
    parser.add_argument("key", metavar="KEY", help="the article: iris_parity, vgg_mnist, mnist_kfold, heart, mnist_mlp")
    parser.add_argument("--uri", help="MLflow tracking URI of the store; the project's own by default")
    parser.add_argument("--out", type=Path, help="folder; default: experiments/KEY/results")
    parser.add_argument("--study", action="append", help="only this study of the article; may be repeated")
    options = parser.parse_args(arguments)

    from harness.articles.catalog import find_article
    from harness.articles.results import StudyResults, save_results
    from harness.errors import InputError, near_miss
    from harness.store.connect import open_store
    from harness.store.read import read_study, study_origin

    article = find_article(options.key)
    for study in options.study or ():
        if study not in article.studies:
            raise InputError("--study", study, ", ".join(article.studies), near_miss(study, article.studies))
    store = open_store(options.uri, create=False)
    for study in options.study or article.studies:
        jobs = read_study(store, study)
        origin = study_origin(store, jobs)
        origin["machine"] = machine(jobs)
        results, folder = StudyResults(study, tuple(jobs), origin), options.out or article.results
        for file in save_results(results, folder, finals=study in article.finals):
            print(file)
        if study == "mnist_kfold":  # the one article that shows its data and its network
            from harness.cli.sweep.illustrate import illustrate

            for file in illustrate(options.out or article.results, jobs[0]):
                print(file)
    return 0


def machine(jobs: Iterable[JobResult]) -> str:
    """What trained the jobs, in words: this machine, or the processors that their folds name."""
    trained = {fold.processor for job in jobs for fold in job.folds}
    if trained == {processor()}:
        return f"{platform.system()}, {processor_name()}, {cores()} cores"
    return "; ".join(sorted(name or "a processor that was not recorded" for name in trained))
