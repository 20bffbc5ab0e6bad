"""Finding a user's loop, and what its file finds beside it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.observe.find_loop import find_loop

LOOP = """
import helpers

def at_once(): return helpers.WHERE

def later():
    import lazy
    return lazy.WHERE, helpers.WHERE

def again():
    from helpers import WHERE
    return WHERE
"""


@pytest.fixture
def loops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """A folder with a loop and neighbours of its own, by its name."""
    monkeypatch.chdir(tmp_path)
    before, path = dict(sys.modules), list(sys.path)

    def made(name: str) -> str:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "loop.py").write_text(LOOP)
        (folder / "helpers.py").write_text(f"WHERE = {name!r}\n")
        (folder / "lazy.py").write_text(f"from helpers import WHERE\nassert WHERE == {name!r}\n")
        return f"{name}/loop.py"

    yield made
    assert list(sys.path) == path
    for name in sys.modules.keys() - before.keys():
        del sys.modules[name]


def test_two_folders_keep_their_neighbours_apart(loops: Callable[[str], str]) -> None:
    one, two = loops("one"), loops("two")
    found = {name: (find_loop(f"{one}:{name}"), find_loop(f"{two}:{name}")) for name in ("at_once", "later", "again")}
    for _ in range(2):  # the second time all is imported
        assert [loop() for loop in found["at_once"]] == ["one", "two"]
        assert [loop() for loop in reversed(found["later"])] == [("two", "two"), ("one", "one")]
        assert [loop() for loop in found["again"]] == ["one", "two"]
    assert not {"helpers", "lazy"} & sys.modules.keys(), "nobody else finds them"


def test_a_module_of_the_users_elsewhere_stays_what_it_is(
    loops: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "helpers.py").write_text("WHERE = 'outside'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import helpers  # type: ignore[import-not-found]

    assert find_loop(f"{loops('one')}:again")() == "one"
    assert sys.modules["helpers"] is helpers
    assert helpers.WHERE == "outside"
    sys.path.remove(str(tmp_path))


def test_where_all_code_finds_a_module_there_is_one(
    loops: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = loops("one")
    monkeypatch.syspath_prepend(str(tmp_path / "one"))
    loop = find_loop(f"{target}:again")
    import helpers

    assert loop() == "one"
    assert sys.modules["helpers"] is helpers
    sys.path.remove(str(tmp_path / "one"))
