"""What the README shows under "Add your own" runs as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SECTION = README[README.index("## Add your own") : README.index("## Map")]


@pytest.mark.parametrize(
    ("study", "metric"),
    [("mine", "val/accuracy"), pytest.param("flowers", "val/kind_accuracy", marks=pytest.mark.slow)],
)
def test_a_module_of_ones_own_trains_alike_by_fit_and_tape(
    study: str, metric: str, store: Path, call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = re.findall(rf"```python\n# {study}\.py\n(.*?)```", SECTION, re.DOTALL)
    (command,) = re.findall(rf"^    (harness run -m study={study} .*\\\n.*)$", SECTION, re.MULTILINE)
    (tmp_path / f"{study}.py").write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    words = shlex.split(command.replace("\\\n", " "))[1:]
    done, _, err = call(*words, "cv.folds=2", "tracking.figures=false")
    assert done == 0, err
    done, out, err = call("compare", study, "--metric", metric)
    assert done == 0, err
    assert "identical" in out
