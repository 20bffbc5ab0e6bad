"""A job's configuration from that of another that differs in plain values only.

Hydra reads and merges all files again for every job of a sweep, twice. Two jobs with the same choices of groups
differ only in values that are set at the end, so one is composed and the others are derived from it: the value of
a key is replaced. Whatever is not as simple as that (a value that is a mapping or refers to others, a key that is
added or removed, Hydra's own settings) is left to Hydra.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from harness.cli.jobs.compose import Composition

BASIC_LAUNCHER = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
_PLAIN = (bool, int, float, str, type(None))


@dataclass(frozen=True)
class _Set:
    """An override that sets an existing key to a plain value."""

    path: tuple[str, ...]
    value: Any


class Relatives:
    """Compositions already made, each the base of those that differ from it in plain values.

    Attributes:
        groups: names of groups, as Hydra finds them: a word that chooses an option sets no value.
    """

    def __init__(self) -> None:
        self.groups: frozenset[str] = frozenset()
        self._bases: dict[tuple[str, ...], Composition] = {}

    def add(self, composition: Composition, cfg: DictConfig) -> None:
        """Take a composition that Hydra made, with the configuration it came from."""
        if not _refers(OmegaConf.to_container(cfg, resolve=False)):
            self._bases[self._family(composition.overrides)] = composition

    def derive(self, overrides: Sequence[str]) -> Composition | None:
        """The composition of a job with these overrides; None if only Hydra can tell."""
        base = self._bases.get(self._family(overrides))
        if base is None:
            return None
        settings: Any = base.settings
        for override in overrides:
            found = self._plain(override)
            if found is None:
                continue  # equal in both
            settings = _with(settings, found.path, found.value)
            if settings is None:
                return None
        return replace(base, settings=settings, overrides=tuple(overrides))

    def _family(self, overrides: Sequence[str]) -> tuple[str, ...]:
        """The overrides with plain values left out: equal for jobs of which one can be derived from the other."""
        found = ((override, self._plain(override)) for override in overrides)
        return tuple(override if plain is None else ".".join(plain.path) + "=" for override, plain in found)

    def _plain(self, override: str) -> _Set | None:
        found = _parsed(override)
        return None if found is None or (found.path[0] in self.groups and len(found.path) == 1) else found


def _with(settings: Mapping[str, Any], path: tuple[str, ...], value: Any) -> Mapping[str, Any] | None:
    """Settings with another value at a path; None where there is none or it is of another kind."""
    name, *rest = path
    if name not in settings:
        return None
    old = settings[name]
    if rest:
        new = _with(old, tuple(rest), value) if isinstance(old, Mapping) else None
        return None if new is None else {**settings, name: new}
    return {**settings, name: value} if _kind(old) == _kind(value) != "mapping" else None


def _kind(value: Any) -> str:
    return "mapping" if isinstance(value, Mapping) else "list" if isinstance(value, list) else "scalar"


@lru_cache(maxsize=4096)
def _parsed(text: str) -> _Set | None:
    """The override as a value to set, or an option to choose; None when it does anything else."""
    override: Override = OverridesParser.create().parse_override(text)
    key = str(override.key_or_group)
    if override.type is not OverrideType.CHANGE or override.package or override.is_sweep_override():
        return None
    if override.is_hydra_override() or "/" in key or "[" in key:
        return None
    value = override.value()
    if isinstance(value, list):
        return _Set(tuple(key.split(".")), value) if all(_simple(item) for item in value) else None
    return _Set(tuple(key.split(".")), value) if _simple(value) else None


def _simple(value: Any) -> bool:
    """A value that stands for itself: no mapping, nothing that refers to something else or is missing."""
    if isinstance(value, list):
        return all(map(_simple, value))
    return type(value) in _PLAIN and not (isinstance(value, str) and ("$" in value or "\\" in value or value == "???"))


def _refers(node: Any) -> bool:
    """Whether anything in a configuration refers to something else."""
    if isinstance(node, Mapping):
        return any(map(_refers, node.values()))
    if isinstance(node, list):
        return any(map(_refers, node))
    return isinstance(node, str) and "${" in node


@contextmanager
def deriving(relatives: Relatives, taken: list[Composition]) -> Iterator[None]:
    """Inside, Hydra's launcher composes only what cannot be derived; the rest goes straight to ``taken``.

    Hydra composes each job of a sweep once to see that it can, and once to launch it; the second finds whatever
    the first would.
    """
    launcher: Any = Plugins.instance().class_name_to_class[BASIC_LAUNCHER]  # Hydra loads it under no importable name
    launch, validate = launcher.launch, Sweeper.validate_batch_is_legal

    def launch_others(self: Any, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[Any]:
        returned: list[Any] = []
        relatives.groups = frozenset(self.hydra_context.config_loader.list_groups(""))
        for number, overrides in enumerate(job_overrides, start=initial_job_idx):
            derived = relatives.derive(list(overrides))
            if derived is None:
                returned += launch(self, [list(overrides)], number)
            else:
                taken.append(derived)
        return returned

    launcher.launch, Sweeper.validate_batch_is_legal = launch_others, lambda self, batch: None
    try:
        yield
    finally:
        launcher.launch, Sweeper.validate_batch_is_legal = launch, validate
