"""What a command cannot be swept over: it is one process that writes to one store."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import SMALL, Call, refused, run_harness


@pytest.mark.parametrize(
    ("override", "field", "received"),
    [
        ("tracking.uri=sqlite:///{0}/a.db,sqlite:///{0}/b.db", "tracking.uri", "sqlite:///{0}/a.db and sqlite:///"),
        ("tracking.uri=null,sqlite:///{0}/b.db", "tracking.uri", "None and sqlite:///{0}/b.db"),
        ("tracking.figures=true,false", "tracking.figures", "True and False"),
    ],
)
def test_jobs_of_one_command_go_to_one_store(
    override: str, field: str, received: str, call: Call, empty: Path, tmp_path: Path
) -> None:
    answer = call("run", "-m", *SMALL, "epochs=1", override.format(tmp_path))
    refused(answer, field, received.format(tmp_path), "one value for all jobs", f"once for each {field}")
    assert list(tmp_path.iterdir()) == []


OWN_LAUNCHER = """
from pathlib import Path

from hydra.plugins.launcher import Launcher


class OwnLauncher(Launcher):
    def setup(self, *, hydra_context, task_function, config):
        pass

    def launch(self, job_overrides, initial_job_idx):
        (Path(__file__).parent / "launched").touch()
        return []
"""


def test_another_launcher_launches_nothing(fresh: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "hydra_plugins" / "own"
    plugin.mkdir(parents=True)
    (plugin / "__init__.py").touch()
    (plugin / "launcher.py").write_text(OWN_LAUNCHER)
    (tmp_path / "hydra" / "launcher").mkdir(parents=True)
    (tmp_path / "hydra" / "launcher" / "own.yaml").write_text("_target_: hydra_plugins.own.launcher.OwnLauncher\n")
    for sweep in (("-m", "method=fit,tape"), ("method=fit",)):
        command = ("run", "--config-dir", str(tmp_path), *sweep, "hydra/launcher=own", *SMALL)
        answer = run_harness(*command, store=fresh, PYTHONPATH=str(tmp_path))
        refused(answer, "hydra/launcher", "own.launcher.OwnLauncher", "one command runs all jobs", "engine=local")
    assert not (plugin / "launched").exists()
    assert not fresh.exists()
