"""From what a configuration names to objects, made once where several jobs name the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hydra.errors import HydraException
from hydra.utils import instantiate

from harness.cli.terminal.console import stderr_console
from harness.data import Dataset
from harness.errors import InputError, proposal
from harness.observe.find_loop import loop_source
from harness.plan.folds import Fold
from harness.plan.imports import imports_noted


def make(field: str, settings: Mapping[str, Any]) -> Any:
    """Instantiate what a config node names.

    Raises:
        InputError: the callable cannot be found, or refuses its arguments.
    """
    if not isinstance(settings, Mapping) or "_target_" not in settings:
        raise InputError(
            field,
            settings,
            "a mapping with a _target_",
            f"name a callable: {proposal(field, {'_target_': 'my_module.my_function'})}",
        )
    loop = loop_target(settings) if field == "method" else None
    try:
        with imports_noted(loop_source(loop) if loop else settings["_target_"]):
            return instantiate(settings, _convert_="all")
    except (HydraException, TypeError) as error:  # the latter of a node that is none: _partial_ is no true or false
        cause = error.__cause__
        if isinstance(cause, InputError):
            raise cause from None
        reason = " ".join(str(cause or error).split())[:300]
        raise InputError(
            field, settings["_target_"], "a callable that takes the arguments given", f"correct {field}: {reason}"
        ) from error


def loop_target(method: Mapping[str, Any]) -> str | None:
    """What a method names as the user's own loop; None for one that has none, whatever its arguments are called."""
    own = method.get("_target_") == "harness.train.methods.custom.custom"
    return str(method["target"]) if own and "target" in method else None


class Shared:
    """What equal settings of several jobs give, made once for all of them."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}
        self._folds: dict[str, tuple[Fold, ...]] = {}
        self.built: dict[str, tuple[str, ...]] = {}  # what each model does its own way

    def make(self, field: str, node: Mapping[str, Any]) -> Any:
        """See `make`; what is not plainly ours or Keras's is made anew for each job, as it may carry something."""
        return self.once((field, node), lambda: make(field, node))

    def once(self, named: Any, maker: Callable[[], Any]) -> Any:
        """What the maker makes, once for equal names in a configuration if they name only what is ours or Keras's."""
        if not all(target.startswith(("harness.", "keras.")) for target in targets_in(named)):
            return maker()
        key = json.dumps(named, sort_keys=True)
        if key not in self._made:
            self._made[key] = maker()
        return self._made[key]

    def dataset(self, node: Mapping[str, Any]) -> Dataset:
        """The data set, loaded once whoever's it is; what is to be said about it is said."""
        key = "loaded" + json.dumps(node, sort_keys=True)
        if key not in self._made:
            data = make("dataset", node)
            if not isinstance(data, Dataset):
                fix = "let the loader return what harness.make_dataset gives"
                raise InputError("dataset", f"a {type(data).__name__} of {node['_target_']}", "a harness.Dataset", fix)
            self._made[key] = data
            for note in data.notes:
                stderr_console().print(f"{data.name}: {note}", highlight=False, markup=False, soft_wrap=True)
        return self._made[key]  # type: ignore[no-any-return]

    def folds(self, settings: Mapping[str, Any], dataset: Dataset) -> tuple[Fold, ...]:
        """The folds that the splitter makes of the data; a splitter of the user's own splits for each job."""
        splitter = self.make("cv", settings["cv"])
        own = not all(target.startswith("harness.") for target in targets_in(settings["cv"]))
        key = json.dumps([settings["cv"], settings["dataset"], settings["seed"]], sort_keys=True)
        if own or key not in self._folds:
            try:
                made = tuple(splitter(dataset.strata, dataset.training_rows, settings["seed"]))
            except InputError:
                raise
            except TypeError as error:  # an argument that this splitter has not got, or of a type it cannot take
                allowed = "a splitter that takes the arguments given"
                raise InputError("cv", settings["cv"]["_target_"], allowed, f"correct cv: {error}") from error
            except Exception as error:
                if not own:
                    raise
                fix = f"correct it: {type(error).__name__}: {error}"
                raise InputError("cv", settings["cv"]["_target_"], "a splitter that splits these data", fix) from error
            self._folds[key] = _require_folds(settings["cv"]["_target_"], made)
        return self._folds[key]


def _require_folds(target: str, made: tuple[Any, ...]) -> tuple[Fold, ...]:
    wrong = next((one for one in made if not isinstance(one, Fold)), None)
    allowed = "one harness.Fold or more, each with rows to train on"
    fix = "return Fold(number, train, validation), numbered from 1, rows as int32 arrays"
    if wrong is not None:
        raise InputError("cv", f"a {type(wrong).__name__} of {target}", allowed, fix)
    if not made or not all(len(fold.train) for fold in made):
        raise InputError("cv", f"{len(made)} folds of {target}", allowed, fix)
    return made


def targets_in(node: Any) -> Iterator[str]:
    """Every callable that a piece of configuration names."""
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield str(node["_target_"])
        for inner in node.values():
            yield from targets_in(inner)
    elif isinstance(node, (list, tuple)):
        for inner in node:
            yield from targets_in(inner)
