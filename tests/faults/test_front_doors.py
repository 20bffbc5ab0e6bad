"""What stands on a command line: a clean run or a clean error, whatever it is."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from command_line import rows
from doors import door, knock, odd_text, tried, whole
from hypothesis import strategies as st

from harness.location import config_folder

_GROUPS = ("dataset", "model", "initializer", "optimizer", "schedule", "method", "cv", "engine")
_ELSEWHERE = ("mnist", "fashion_mnist")  # they would be fetched
BASE = ("dataset=iris", "model=iris_mlp", "batch_size=16", "cv.folds=3", "epochs=1", "tracking.figures=false")


def _settings() -> dict[str, list[str]]:
    """Every setting of the shipped configuration by its group, those without one under an empty name."""
    folder = config_folder()
    top = yaml.safe_load((folder / "config.yaml").read_text())
    known = {"": [name for name in top if name not in ("defaults", "hydra")]}
    for group in _GROUPS:
        names = {name for file in (folder / group).glob("*.yaml") for name in yaml.safe_load(file.read_text()) or {}}
        known[group] = sorted(f"{group}.{name}" for name in names if name != "defaults")
    return known


SETTINGS = _settings()
OPTIONS = {
    group: [file.stem for file in sorted((config_folder() / group).glob("*.yaml")) if file.stem not in _ELSEWHERE]
    for group in _GROUPS
}
_numbers = st.sampled_from(
    ["0", "1", "2", "3", "-1", "0.5", "1.0", "1e-3", "1e400", "100000", str(2**32), str(10**30), "nan", "-inf", "0x10"]
)
_nested = st.sampled_from(
    ["[]", "{}", "[1,2]", "[a,[b]]", "{a: 1}", "{_target_: nowhere.at_all}", "{_target_: builtins.dict}", "[null]",
     "null", "true", "''", '""', "'a b'", "\"a'b\"", "1,2", "a,b", "range(1,3)", "choice(1,2)", "glob(*)",
     "{0: 1.0, 1: 2}", "{_target_: keras.losses.Huber}", "${seed}", "${batch_size}", "${nothing}", "${optimizer}",
     "int(3)", "str(3)", "float('x')", "sort(3,1)", "shuffle(1,2)", "extend_list(4)", "???", "[1,2", "{a:"]
)  # fmt: skip
_value = _numbers | _nested | odd_text
_key = st.sampled_from([name for names in SETTINGS.values() for name in names])
_group = st.sampled_from(_GROUPS)
_option = _group.flatmap(lambda group: st.sampled_from(OPTIONS[group]).map(lambda option: f"{group}={option}"))
_set = st.builds("{}{}={}".format, st.sampled_from(["", "", "", "", "+", "++", "~"]), _key, _value)
_odd = st.builds("{}{}".format, _key | _group | odd_text, st.sampled_from(["", "=", "@x=1", "/y=1", ".z=1"])) | odd_text
_flag = st.sampled_from(
    ["-m", "--multirun", "--cfg=job", "--cfg", "--resolve", "--help", "--info", "-p=seed", "--config-dir=.", "-cn=x",
     "--config-name=nothing", "--format=json", "--format", "--hydra-help", "--version", "--", "-x", "experiment=heart",
     "experiment=nothing", "hydra.job.name=x", "hydra.mode=MULTIRUN", "hydra/launcher=joblib", "hydra.verbose=true",
     "hydra.sweep.dir=x", "~dataset", "~optimizer", "hydra=nothing", "+hydra/launcher=basic", "hydra.output_subdir=x"]
)  # fmt: skip
words = st.lists(st.one_of(_set, _set, _set, _option, _odd, _flag), min_size=1, max_size=4)
FOUND = [
    ["+cv.validation_fraction=2"],
    ["~dataset"],
    ["~tracking.uri"],
    ["~epochs"],
    ["x" * 300 + "="],
    ["++model._partial_=${seed}"],
]
runs = st.lists(st.one_of(_set, _set, _option, _odd), min_size=1, max_size=3)
SHORT = ("epochs=1", "cv=kfold", "cv.folds=2", "dataset=iris", "dataset.limit=60", "engine=in_process")


@pytest.fixture
def here(tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory for whatever a setting names."""
    monkeypatch.chdir(tmp_path)
    return empty


def harmless(given: list[str]) -> bool:
    """Whether it stays in the working directory, and asks Hydra for nothing: what is set absolutely is meant so."""
    away = any(word.lstrip("+~").startswith(("tracking", "dataset.path", "hydra.run")) for word in given)
    return not away and not any(word.startswith(("-i", "--i")) for word in given)  # Hydra tells what it is at once


@door(4, 1000)
def test_any_overrides_are_planned_or_refused(inputs: int, here: Path) -> None:
    def plan(given: list[str]) -> str:
        return "planned" if knock("plan", *BASE, *given).code == 0 else "refused"

    tried(inputs, words.filter(harmless), FOUND, plan)
    assert rows(here, "select * from runs") == []


@door(1, 30)
def test_any_overrides_train_a_whole_study_or_none(
    inputs: int, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def run(given: list[str]) -> str:
        before = len(rows(store, "select * from runs"))
        code = knock("run", *BASE, *given, *SHORT, codes=(0, 1, 2)).code
        if code == 2:
            assert len(rows(store, "select * from runs")) == before
        whole(store)
        return {0: "trained", 1: "failed", 2: "refused"}[code]

    tried(inputs, runs.filter(harmless), [], run)
