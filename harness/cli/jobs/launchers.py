"""Hydra's own words for more processes, its launchers, read as the engine that does the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.errors import InputError, near_miss, proposal

_CHOICE, _SETTING = "hydra/launcher", "hydra.launcher."
_JOBLIB = {"n_jobs": "workers"}
_RAY = {"ray.init.address": "address", "ray.remote.num_cpus": "threads", "ray.remote.num_gpus": "gpus"}
_SUBMITIT = {
    "submitit_folder": "folder",
    "array_parallelism": "workers",
    "cpus_per_task": "threads",
    "gpus_per_node": "gpus",
    "timeout_min": "timeout_min",
}
# What else the engine hands to Slurm as it is.
_SLURM = ("partition", "account", "qos", "constraint", "mem_gb")
_MORE_OF_SLURM = ("gres", "exclude", "comment", "setup", "srun_args", "additional_parameters")
LAUNCHERS: Mapping[str, Mapping[str, str]] = {
    "joblib": _JOBLIB,
    "ray": _RAY,
    "submitit_local": _SUBMITIT,
    "submitit_slurm": _SUBMITIT | {name: f"parameters.{name}" for name in (*_SLURM, *_MORE_OF_SLURM)},
}
_ENGINES = {"joblib": "local"}  # the others have the launcher's name


def engine_words(arguments: Sequence[str]) -> list[str]:
    """The arguments with ``hydra/launcher=joblib hydra.launcher.n_jobs=8`` as ``engine=local engine.workers=8``.

    Raises:
        InputError: a setting that the engine does not have, or without its launcher.
    """
    chosen = [argument.partition("=")[2] for argument in arguments if argument.startswith(f"{_CHOICE}=")]
    launcher = chosen[-1] if chosen else ""
    if launcher not in LAUNCHERS:
        for argument in arguments if launcher in ("", "basic") else ():
            if argument.lstrip("+").startswith(_SETTING):
                fix = f"add {proposal(_CHOICE, 'joblib')}, or leave it out"
                raise InputError(argument.partition("=")[0], argument, "a launcher that has settings", fix)
        return list(arguments)
    return [
        f"engine={_ENGINES.get(launcher, launcher)}"
        if argument.startswith(f"{_CHOICE}=")
        else _setting(argument, launcher)
        for argument in arguments
    ]


def _setting(argument: str, launcher: str) -> str:
    name, equals, value = argument.lstrip("+").partition("=")
    if not name.startswith(_SETTING) or not equals:
        return argument
    known, own = LAUNCHERS[launcher], name.removeprefix(_SETTING)
    if own not in known:
        like = near_miss(own, known)
        allowed = ", ".join(f"{_SETTING}{one}" for one in known)
        raise InputError(name, value, f"{allowed}: what the engine has", like)
    if own == "n_jobs" and value == "-1":
        value = "null"
    added = "+" if own in _MORE_OF_SLURM else ""
    return f"{added}engine.{known[own]}={value}"
