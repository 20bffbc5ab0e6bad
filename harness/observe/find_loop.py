"""Finding a user's loop and calling it as its signature asks."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import inspect
import linecache
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Literal

from harness.errors import InputError, near_miss
from harness.observe.neighbours import Neighbours, neighbours_in

Loop = Callable[..., Any]
_FIELD = "method.target"
_OPTIONS = ("batch_size", "epochs", "validation_data", "sample_weight")
_ALLOWED = "file.py:function or package.module:function"
_code: dict[Path, CodeType] = {}  # of each file as it was when it was last loaded, not executed anew


def find_loop(target: str, *, anew: bool = False) -> Loop:
    """Import what ``file.py:function`` or ``package.module:function`` names.

    Args:
        target: of the loop.
        anew: execute a file once more, so that nothing is left of what an earlier run of the loop kept in it;
            as it was when it was first loaded, for that is what results are recorded under. One that cannot be
            executed twice is taken as it is.

    Raises:
        InputError: no such file, module or function, or the import fails.
    """
    place, separator, name = str(target).rpartition(":")
    if not separator or not place or not name:
        raise InputError(_FIELD, target, _ALLOWED, "name the file and the function: my_loops.py:train")
    file = loop_source(target)
    load = _load_file_anew if anew else _load_file
    module = load(file, place) if isinstance(file, Path) else _load_module(place)
    found = getattr(module, name, None)
    if not callable(found):
        functions = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        raise InputError(_FIELD, target, ", ".join(functions) or "a module with a function", near_miss(name, functions))
    return _at_home(found, neighbours_in(file.parent)) if isinstance(file, Path) else found


def loop_source(target: str) -> Path | str:
    """Where a loop's code is: its file, or the dotted name of its module."""
    place = str(target).rpartition(":")[0]
    return Path(place).resolve() if place.endswith(".py") else place


def contract(loop: Loop, target: str) -> Literal["train", "step"]:
    """Which of the two contracts a loop follows: ``train`` names epochs or batch_size, ``step`` neither.

    Raises:
        InputError: its first five arguments are not model, optimizer, loss, x and y, or it asks for one
            that nobody gives.
    """
    try:
        parameters = inspect.signature(loop).parameters.values()
    except (TypeError, ValueError) as error:  # of some that are written in C
        raise InputError(_FIELD, target, "a function whose arguments Python can tell", "wrap it in a def") from error
    written = inspect.unwrap(loop)
    if inspect.iscoroutinefunction(written) or inspect.isgeneratorfunction(written):
        raise InputError(_FIELD, target, "a function that runs when it is called", "make it one without async or yield")
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    free = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    misplaced = [p.name for p in positional[:5] if p.name in _OPTIONS]
    if misplaced or (len(positional) < 5 and not free):
        raise _unusable(loop, target, "give it these five arguments first; it may leave out the others")
    asked = [p.name for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    unknown = [name for name in asked if name not in _OPTIONS and name not in {p.name for p in positional[:5]}]
    if unknown:
        raise _unusable(loop, target, f"nobody gives {', '.join(unknown)}: set a default value")
    names = {p.name for p in parameters}
    keywords = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return "train" if keywords or names & {"epochs", "batch_size", "validation_data"} else "step"


def _unusable(loop: Loop, target: str, fix: str) -> InputError:
    allowed = (
        "train(model, optimizer, loss, x, y, *, batch_size, epochs, validation_data=None, sample_weight=None), or "
        "train_step(model, optimizer, loss, x, y, sample_weight=None)"
    )
    return InputError(_FIELD, f"{target}{inspect.signature(loop)}", allowed, fix)


def options_named(loop: Loop, options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options that the loop names, or all where it takes any keyword."""
    parameters = inspect.signature(loop).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return dict(options)
    names = {p.name for p in parameters}
    return {name: value for name, value in options.items() if name in names}


def _load_file_anew(file: Path, place: str) -> ModuleType:
    known = sys.modules.get(_module_name(file))
    try:
        return _load_file(file, place, anew=True)
    except InputError:
        if known is None:
            raise
        sys.modules[known.__name__] = known
        return known


def _module_name(file: Path) -> str:
    return f"_harness_loop_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}_{file.stem}"


def _load_file(file: Path, place: str, *, anew: bool = False) -> ModuleType:
    if not os.path.isfile(file):  # Path.is_file raises on names that no file system takes
        raise InputError(_FIELD, place, "a Python file that exists", "give its path from the working directory")
    name = _module_name(file)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with neighbours_in(file.parent).first():
            exec(_code_of(file, anew=anew), vars(module))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # exit(), too, is not what importing a loop is to end with
        raise _broken(place, error) from error
    return module


def _code_of(file: Path, *, anew: bool) -> CodeType:
    if not anew or file not in _code:
        source = file.read_bytes()
        _code[file] = compile(source, str(file), "exec", dont_inherit=True)
        # Whoever looks up the source of what is executed, as tf.function does, is to find this one: without a time
        # of change an entry is never read again.
        lines = importlib.util.decode_source(source).splitlines(keepends=True)
        linecache.cache[str(file)] = (len(source), None, lines, str(file))
    return _code[file]


def _at_home(loop: Loop, neighbours: Neighbours) -> Loop:
    """The loop, with what it imports while it runs found where its file finds it."""

    @functools.wraps(loop, updated=())
    def at_home(*arguments: Any, **options: Any) -> Any:
        with neighbours.first():
            return loop(*arguments, **options)

    return at_home


def _load_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _broken(name, error) from error


def _broken(place: str, error: BaseException) -> InputError:
    reason = traceback.format_exception_only(error)[-1].partition("\n")[0][:200]
    return InputError(_FIELD, f"{place}, which cannot be imported ({reason})", _ALLOWED, "correct the file")
