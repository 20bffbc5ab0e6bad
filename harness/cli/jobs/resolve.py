"""From names and arguments to objects: each composition becomes a job, checked before any trains."""

from __future__ import annotations

import inspect
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from harness.cli.jobs.compose import Composition
from harness.cli.jobs.engine import Engine, engine_of, require_engine
from harness.cli.jobs.job_rules import require_fitting, require_method, try_building
from harness.cli.jobs.make import Shared, loop_target, make, targets_in
from harness.cli.jobs.names import named
from harness.cli.jobs.optimizer_rules import require_schedule, require_sound_optimizer
from harness.cli.terminal.console import stderr_console
from harness.cli.terminal.own_code import own_output
from harness.data import Dataset
from harness.errors import InputError, proposal, require_whole
from harness.observe.find_loop import loop_source
from harness.plan.compiled_in import compiled_in, drawn_from, optimizer_kind
from harness.plan.folds import Fold, folds_digest
from harness.plan.identity import identify, observing_code
from harness.plan.imports import Source, own_sources
from harness.store.description import JobDescription
from harness.store.schema import flatten
from harness.train.job import Job
from harness.train.precision import check_precision, model_in, optimizer_in

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
# Settings that say where and whether to work, not what to compute.
_NOT_TRAINING = ("study", "tracking", "force", "on_error", "experiment", "engine")


@dataclass(frozen=True)
class ResolvedJob:
    """A job ready to train, and how it is described in the store."""

    job: Job
    description: JobDescription
    force: bool
    tracking_uri: str | None
    spool: str | None
    composition: Composition
    engine: Engine
    on_error: str = "continue"


@own_output()
def resolve(compositions: Sequence[Composition], shared: Shared | None = None) -> list[ResolvedJob]:
    """Instantiate and check all jobs; equal data sets are loaded once.

    Args:
        compositions: of the jobs.
        shared: what earlier jobs made, to be shared.

    Raises:
        InputError: the first thing wrong with any of them.
    """
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # so that _target_ finds a module of the user's own, as python does
    shared = shared or Shared()
    jobs = _told_apart([_resolve_one(composition, shared) for composition in compositions])
    described = named([job.description for job in jobs])
    return [replace(job, description=description) for job, description in zip(jobs, described, strict=True)]


def _resolve_one(composition: Composition, shared: Shared) -> ResolvedJob:
    settings = composition.settings
    _require_scalars(settings)
    check_precision(settings["precision"])
    require_sound_optimizer(settings["optimizer"])
    require_schedule(composition.choices.get("schedule", "constant"), settings["optimizer"])
    dataset = shared.dataset(settings["dataset"])
    folds = shared.folds(settings, dataset)
    model = shared.once(("model", settings["model"], settings["initializer"]), lambda: _model_factory(settings))
    job = Job(
        dataset=dataset,
        folds=folds,
        model=model_in(settings["precision"], model),
        optimizer=optimizer_in(settings["precision"], shared.make("optimizer", settings["optimizer"])),
        method=shared.make("method", settings["method"]),
        batch_size=settings["batch_size"],
        epochs=settings["epochs"],
        seed=settings["seed"],
        jit_compile=settings["jit_compile"],
        loss=None if settings["loss"] is None else shared.make("loss", settings["loss"]),
        gradient_statistics=settings["gradient_statistics"],
        validation_batch_size=settings["validation_batch_size"],
        class_weight=settings["class_weight"],
    )
    job = replace(job, compiled_in=compiled_in(settings, job.problem), drawn_from=drawn_from(settings, job.problem))
    require_fitting(job)
    parts = {name: settings[name] for name in ("dataset", "model", "initializer", "loss", "precision")}
    signature = json.dumps([parts, optimizer_kind(settings["optimizer"], xla=True)], sort_keys=True)
    if signature not in shared.built:  # numbers were checked above
        shared.built[signature], note = try_building(job)
        if note:
            stderr_console().print(f"model: {note}.", highlight=False, markup=False, soft_wrap=True)
    require_method(job, shared.built[signature])
    described = describe(composition, dataset, folds)
    where, engine = settings["tracking"], engine_of(settings["engine"])
    return ResolvedJob(job, described, settings["force"], where["uri"], where["spool"], composition, engine,
                       settings["on_error"])  # fmt: skip


def _model_factory(settings: Mapping[str, Any]) -> Callable[..., Any]:
    factory = make("model", settings["model"])
    given = {
        f"{part}_initializer": None if value is None else make(f"initializer.{part}", value)
        for part, value in settings["initializer"].items()
    }
    try:
        accepted = inspect.signature(factory).parameters
    except (TypeError, ValueError):
        accepted = {}  # type: ignore[assignment]
    free = any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values())
    refused = [name for name, value in given.items() if name not in accepted and not free and value is not None]
    if refused:
        raise InputError(
            "initializer", refused[0], f"arguments of {settings['model']['_target_']}", "set initializer=default"
        )
    return partial(factory, **{name: value for name, value in given.items() if name in accepted or free})


def _require_scalars(settings: Mapping[str, Any]) -> None:
    for name in ("batch_size", "epochs", "validation_batch_size"):
        fix = f"for instance {proposal(name, 64)}"
        require_whole(name, settings[name], 1, allowed="a whole number above 0", fix=fix)
    require_whole("seed", settings["seed"], 0, 2**32 - 1)
    for name in ("jit_compile", "gradient_statistics", "force"):
        _require(name, settings[name], lambda value: isinstance(value, bool), "true or false", False)
    require_engine(settings["engine"])
    wishes = ("continue", "stop")
    _require("on_error", settings["on_error"], lambda value: value in wishes, "continue or stop", "stop")
    _require_switches(settings)
    for name, allowed, example in (("spool", "a folder", "spool"), ("uri", "an address", "http://127.0.0.1:5000")):
        given = settings["tracking"][name]
        _require(f"tracking.{name}", given, lambda value: value is None or isinstance(value, str), allowed, example)
    plain = "letters, digits, '.', '_' and '-'"
    _require("study", settings["study"], _plain_name, plain, "my_study")


def _require_switches(settings: Mapping[str, Any]) -> None:
    """Refuse what is neither true nor false where that is meant: the text ``no`` would count as true."""
    named = {"tracking.figures": settings["tracking"]["figures"]}
    for group, names in (("cv", ("shuffle", "stratified")), ("model", ("logits",))):
        node = settings[group]
        if isinstance(node, Mapping) and str(node.get("_target_", "")).startswith("harness."):
            named |= {f"{group}.{name}": node[name] for name in names if node.get(name) is not None}
    for name, value in named.items():
        _require(name, value, lambda one: isinstance(one, bool), "true or false", False)


def _require(name: str, value: Any, holds: Callable[[Any], bool], allowed: str, example: object) -> None:
    if not holds(value):
        raise InputError(name, value, allowed, f"for instance {proposal(name, example)}")


def _plain_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and all(c.isalnum() or c in "._-" for c in value) and value[0] != "."


def describe(composition: Composition, dataset: Dataset, folds: Sequence[Fold]) -> JobDescription:
    """What the store has of a job; hashed from what its code, libraries and machine are now."""
    settings = composition.settings
    training = {name: value for name, value in settings.items() if name not in _NOT_TRAINING}
    # Where the data lie does not matter, what they are does; the digest says that.
    training["dataset"] = {"name": dataset.name, "labels": dataset.labels, "scaling": dataset.scaling}
    if not _ours(settings["dataset"]):  # whose loader may take the same rows for another task
        training["dataset"] |= {"task": dataset.task, "classes": dataset.classes}
    if (loop := loop_target(training["method"])) is not None:  # nor does it matter where a user's loop lies
        training["method"] = dict(training["method"]) | {"target": Path(loop).name}
    label, control_of = method_label(composition)
    return JobDescription(
        study=settings["study"],
        method=label,
        control_of=control_of,
        name=label,
        settings=settings,
        config=_group_config(composition, dataset),
        config_text=yaml.dump(dict(settings), Dumper=_DUMPER, sort_keys=False, allow_unicode=True),
        dataset=(dataset.name, dataset.digest, "; ".join((dataset.source, *dataset.notes))),
        epochs=settings["epochs"],
        folds_digest=folds_digest(folds),
        identity=identify(training, dataset.digest, folds, _user_code(settings)),
    )


def method_label(composition: Composition) -> tuple[str, str | None]:
    """The method's name in results, and for a 1-ulp control the name of what it repeats.

    A method whose switches were overridden is told apart: ``tape(training=False)``.
    """
    choice, method = _chosen(composition, "method"), composition.settings["method"]
    changed = [override.lstrip("+").partition("=")[0] for override in composition.overrides]
    switches = sorted({key.removeprefix("method.") for key in changed if key.startswith("method.")})
    hidden = ("_target_", *(["target"] if loop_target(method) is not None else []))
    switches = [name for name in switches if name not in hidden]

    def label(names: Sequence[str], base: str) -> str:
        inside = ", ".join(f"{name}={flatten(method).get(name)}" for name in names)
        return f"{base}({inside})" if inside else base

    if not method.get("ulps"):
        return label(switches, choice), None
    rest = [name for name in switches if name != "ulps"]
    return label(switches, choice), label(rest, choice.removesuffix("_control"))


def _told_apart(jobs: list[ResolvedJob]) -> list[ResolvedJob]:
    """Let the labels of loops in equally named files begin with their folders."""
    targets = {loop_target(job.description.settings["method"]) or "" for job in jobs}
    alike = Counter(Path(target).name for target in targets)

    def labelled(job: ResolvedJob) -> ResolvedJob:
        path = Path(loop_target(job.description.settings["method"]) or "")
        if alike[path.name] == 1:
            return job
        texts = {name: getattr(job.description, name) for name in ("method", "name", "control_of")}
        longer = {name: text and text.replace(path.name, str(path), 1) for name, text in texts.items()}
        return replace(job, description=replace(job.description, **longer))

    return [labelled(job) for job in jobs]


def _chosen(composition: Composition, group: str) -> str:
    """The group's option; for ``any`` and ``custom``, the name of the user's own callable."""
    choice = composition.choices[group]
    if group == "method" and choice == "custom":
        return Path(str(composition.settings[group]["target"])).name
    target = composition.settings[group].get("_target_")
    return str(target).rpartition(".")[2] if choice == "any" and target else choice


def _group_config(composition: Composition, dataset: Dataset) -> dict[str, Any]:
    """Everything but the method, flat: choices by group name, then every argument by dotted key."""
    settings, choices = composition.settings, composition.choices
    groups = [name for name in settings if name in choices and name not in ("method", *_NOT_TRAINING)]
    config: dict[str, Any] = {name: _chosen(composition, name) for name in groups}
    if config["dataset"] == "csv":
        config["dataset"] = dataset.name  # two files are two data sets
    if "path" in settings["dataset"] and not (_ours(settings["dataset"]) and choices["dataset"] != "csv"):
        config["dataset.digest"] = dataset.digest[:12]  # also those of one name in two folders
    if choices.get("schedule", "constant") != "constant":
        config["schedule"] = choices["schedule"]
    for name, value in settings.items():
        if name in groups and isinstance(value, Mapping):
            hidden = ("_target_", "_partial_")
            config |= {
                f"{name}.{key}": argument
                for key, argument in flatten(value).items()
                if key.rpartition(".")[2] not in hidden and key != "path"
            }
        elif name not in ("method", *_NOT_TRAINING):
            config[name] = value
    return config


def _ours(node: Mapping[str, Any]) -> bool:
    return str(node.get("_target_", "")).startswith("harness.")


def _user_code(settings: Mapping[str, Any]) -> set[Source]:
    """Files that are neither ours nor of an installed package: their code takes part in the result."""
    loop = loop_target(settings["method"])
    found = set() if loop is None else own_sources(loop_source(loop)) | observing_code()
    return found.union(*(own_sources(target) for target in targets_in(settings)))
