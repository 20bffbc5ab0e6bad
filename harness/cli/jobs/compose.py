"""Hydra composes, the harness executes: one composition for each job of a command.

Hydra runs its multirun with a task that only collects configurations, so that all jobs are known,
and checked, before the first one trains.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from harness.cli.jobs.derive import BASIC_LAUNCHER, Relatives, deriving
from harness.cli.jobs.launchers import LAUNCHERS, engine_words
from harness.errors import InputError, near_miss, proposal, shell_word
from harness.location import config_folder

# Of settings without a default; that of the others is a callable.
_EXAMPLES = {"dataset.path": "my_table.csv", "dataset.target": "my_column", "method.target": "my_loops.py:train"}
# Settings that every job has; `~name` takes one away.
_NEEDED = (
    *("dataset", "model", "initializer", "optimizer", "method", "cv", "study", "batch_size", "epochs", "seed"),
    *("jit_compile", "precision", "class_weight", "loss", "gradient_statistics", "validation_batch_size", "force"),
    *("on_error", "tracking.uri", "tracking.spool", "tracking.figures"),
    *("engine.vectorize", "engine.workers", "engine.threads"),
)


@dataclass(frozen=True)
class Composition:
    """One job's configuration, resolved to plain data.

    Attributes:
        settings: nested names and arguments; nothing is instantiated yet.
        choices: group to chosen option, e.g. ``{"dataset": "iris", "optimizer/…": …}``.
        overrides: as the user and the sweep gave them, ``["method=fit", "batch_size=10"]``.
        sweep: whether the command was a multirun.
    """

    settings: Mapping[str, Any]
    choices: Mapping[str, str]
    overrides: tuple[str, ...]
    sweep: bool


def compose(arguments: Sequence[str]) -> list[Composition]:
    """Compose every job that the arguments name, in Hydra's order.

    Hydra's own ``--help``, ``--cfg``, ``--info`` and completion print and leave through SystemExit,
    or return no job.

    Raises:
        InputError: an unknown option or key, a wrong type, a bad interpolation, another launcher than Hydra's own.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # hand us the exception instead of printing it
    sys.argv = ["harness", *engine_words(arguments)]
    _complete_without_subcommand()
    # Hydra insists on a folder to write to; composing is to leave nothing behind.
    with tempfile.TemporaryDirectory() as scratch:
        collector = _Collector(scratch)
        OmegaConf.register_new_resolver("harness_scratch", collector.folder, replace=True)
        try:
            with deriving(collector.relatives, collector.taken):
                hydra.main(version_base="1.3", config_path=str(config_folder()), config_name="config")(collector.take)()
        # A ValueError is of flags that do not combine, an OSError of a name longer than a file's can be.
        except (HydraException, OmegaConfBaseException, ValueError, OSError) as error:
            raise collector.refused or _input_error(error) from error
    if collector.refused:
        raise collector.refused
    if collector.broken:
        raise _input_error(collector.broken) from collector.broken
    return collector.taken


class _Collector:
    """Stands where Hydra expects a program: it takes each job's configuration and runs nothing.

    What is wrong is kept rather than raised: of an error in a task Hydra would print its own account
    first, and one in a resolver OmegaConf would reword.
    """

    def __init__(self, scratch: str) -> None:
        self._scratch = scratch
        self.taken: list[Composition] = []
        self.relatives = Relatives()
        self.broken: OmegaConfBaseException | None = None
        self.refused: InputError | None = None

    def folder(self, *, _root_: DictConfig) -> str:
        """Hydra asks for its folder before it launches anything: the last moment to refuse a launcher."""
        self._require_one_process(str(OmegaConf.select(_root_, "hydra.launcher._target_", default=BASIC_LAUNCHER)))
        if self.refused:
            raise self.refused
        return self._scratch

    def take(self, cfg: DictConfig) -> None:
        """Hydra's task: one job's configuration, resolved."""
        runtime = HydraConfig.get()
        self._require_one_process(str(runtime.launcher["_target_"]))  # again, for a folder of the user's own
        try:
            settings = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
        except OmegaConfBaseException as error:
            self.broken = self.broken or error
            return
        removed = next((name for name in _NEEDED if _missing(settings, name)), None)
        if removed is not None:
            fix = f"leave ~{removed} out"
            self.refused = InputError(removed, "nothing: it was removed", "a setting that is there, be it null", fix)
            return
        unread = next((name for name in _added(runtime.overrides.task) if not _read(name, cfg)), None)
        if unread is not None:
            self.refused = self.refused or _unknown_key(unread, "")
            return
        composition = Composition(
            settings=settings,  # type: ignore[arg-type]
            choices={str(group): str(choice) for group, choice in runtime.runtime.choices.items()},
            overrides=tuple(runtime.overrides.task),
            sweep=runtime.mode is not None and runtime.mode.name == "MULTIRUN",
        )
        self.taken.append(composition)
        self.relatives.add(composition, cfg)

    def _require_one_process(self, launcher: str) -> None:
        if launcher != BASIC_LAUNCHER:
            self.refused = _other_launcher(launcher)


def _added(overrides: Sequence[str]) -> list[str]:
    """Settings without a group that overrides add."""
    names = [text.lstrip("+").partition("=")[0] for text in overrides if text.startswith("+")]
    names = [name for name in names if not set(name) & set("./@")]
    known = _outside() if names else set()
    return [name for name in names if name not in known]


def _read(name: str, cfg: DictConfig) -> bool:
    """Whether some setting refers to this one, which else nobody reads."""
    return f"${{{name}}}" in OmegaConf.to_yaml(cfg, resolve=False)


def _missing(settings: Any, name: str) -> bool:
    first, _, rest = name.partition(".")
    if not isinstance(settings, Mapping) or first not in settings:
        return True
    return bool(rest) and _missing(settings[first], rest)


def _other_launcher(launcher: str) -> InputError:
    return InputError(
        "hydra/launcher",
        launcher,
        "basic: one command runs all jobs, so that it checks them first and records them by one writer",
        f"leave hydra/launcher out; for more processes {proposal('engine', 'local')}, for more machines "
        f"{proposal('engine', 'ray')} or {proposal('engine', 'submitit_slurm')}",
    )


def _complete_without_subcommand() -> None:
    """Hydra completes ``harness OVERRIDES``; its user types ``harness run OVERRIDES``."""
    line = os.environ.get("COMP_LINE")
    if line is not None:
        os.environ["COMP_LINE"] = re.sub(r"^(\s*\S+\s+)(run|plan)\s", r"\1", line)


def _input_error(error: Exception) -> InputError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MissingConfigException) and cause.missing_cfg_file:
            return _unknown_option(cause)
        if isinstance(cause, OverrideParseException) and "=" in cause.override:
            return _unreadable(cause)
        cause = cause.__cause__
    text = str(error)
    unknown = re.search(r"Could not override '([^']+)'", text) or re.search(r"Key '([^']+)' is not in struct", text)
    if unknown:
        return _unknown_key(unknown[1], text)
    if isinstance(error, MissingMandatoryValue):
        key = str(error.full_key or error.key)
        example = proposal(key, _EXAMPLES.get(key, "my_module.my_function"))
        return InputError(key, "nothing", "a value: this setting has no default", f"set it, for instance {example}")
    first = next((line for line in text.splitlines() if line.strip()), type(error).__name__)
    return InputError("configuration", first, "what `harness run --help` shows", "correct the override named above")


def _unreadable(error: OverrideParseException) -> InputError:
    """An override that Hydra's grammar refuses: most often a character that wants quotes."""
    name, _, text = error.override.partition("=")
    listed = re.fullmatch(r"\[(.*)\]", text)
    value = [item.strip().strip("'\"") for item in listed[1].split(",")] if listed else text
    plain = "plain letters, digits and _-./:; all else in quotes, for Hydra and for the shell"
    return InputError(name.lstrip("+"), error.override, plain, f"write {proposal(name, value)}")


def _unknown_key(key: str, text: str) -> InputError:
    fix = _near_key(key)
    if f"{key!r}" in fix:  # other options of the group have it
        group, _, name = key.partition(".")
        fix = f"leave it out, or choose a {group} with a setting {name}" + (
            ": method=tape" if group == "method" else ""
        )
        return InputError(key, f"a setting that the chosen {group} lacks", "the settings that --cfg job shows", fix)
    if added := re.search(r"use (\+[^+=]*\..*=.*)", text):  # one without a group would be read by nobody
        fix += f"; or add a new one with {shell_word(added[1])}"
    return InputError(key, "a setting of an unknown name", "the settings that --cfg job shows", fix)


def _unknown_option(error: MissingConfigException) -> InputError:
    group, _, option = str(error.missing_cfg_file).rpartition("/")
    options = [name for name in (error.options or []) if not name.startswith("_")]
    if group == "hydra/launcher":
        options = sorted({*options, *LAUNCHERS})
    if not options:
        return InputError(group or "configuration", option, "a configuration that exists", "check the name")
    return InputError(group, option, ", ".join(sorted(options)), near_miss(option, options))


def _near_key(key: str) -> str:
    """The closest setting of the shipped configuration to a mistyped one; of a group, where it is just not named."""
    group, _, name = key.partition(".")
    if not name:
        folders = [folder.name for folder in config_folder().iterdir() if folder.is_dir()]
        inside = sorted(f"{folder}.{key}" for folder in folders if key in _inside(folder))
        return near_miss(inside[0], inside) if inside else near_miss(key, _outside())
    return near_miss(key, _outside() | {f"{group}.{setting}" for setting in _inside(group)})


def _outside() -> set[str]:
    """Settings without a group, and the groups."""
    folder = config_folder()
    known = {str(name) for name in OmegaConf.load(folder / "config.yaml")} - {"defaults", "hydra"}
    return known | {group.name for group in folder.iterdir() if group.is_dir()}


def _inside(group: str) -> set[str]:
    """Settings of all options of a group; none of a group that there is not."""
    files = (config_folder() / group).glob("*.yaml")
    names = (str(name) for file in files for name in OmegaConf.load(file))
    return {name for name in names if name != "defaults" and not name.startswith("_")}
