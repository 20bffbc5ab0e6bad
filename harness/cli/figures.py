"""`harness figures`: a study's curves drawn again from its records, without TensorFlow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from harness.cli.results import study_parser


def main(arguments: Sequence[str]) -> int:
    """Draw the figures and print where they are."""
    parser = study_parser("figures", "Draw a study's training and validation curves, mean ± std over folds.")
    parser.add_argument("--out", type=Path, help="folder; default: figures/STUDY in the store's folder")
    parser.add_argument("--format", default="table", choices=("table", "json"), help="how the file names are printed")
    options = parser.parse_args(arguments)

    from harness.cli.conclude import figure_folder
    from harness.figures import save_study_figures
    from harness.tracking.read import read_study
    from harness.tracking.store import open_store

    store = open_store(options.uri, create=False)
    jobs = read_study(store, options.study)
    files = save_study_figures(jobs, options.out or figure_folder(store, options.study))
    if options.format == "json":
        print(json.dumps({"study": options.study, "files": [str(file) for file in files]}))
    else:
        print("\n".join(str(file) for file in files))
    return 0
