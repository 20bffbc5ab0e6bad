"""Two methods as switches of one loop: what differs between them, and any mixture of both as a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from harness.analyse.attribution import Setting, Switch, setting
from harness.cli.jobs.compose import Composition, compose
from harness.errors import InputError, shell_word
from harness.train.methods.ingredients import Ingredients

# Ingredients that influence training or validation. The others say what a loop reports or where it starts.
INFLUENCING = (
    "shuffle",
    "training",
    "reduction",
    "partial_batch",
    "regularizers",
    "sample_weight",
    "loss_scale",
    "update",
    "validation_training",
)
_OTHERS = {
    "loss_report": "it changes what a loop reports, not how it trains",
    "accuracy_report": "it changes what a loop reports, not how it trains",
    "ulps": "a control's moved start; here all start from the same weights",
}
_MADE_OF_INGREDIENTS = ("harness.train.methods.fit.fit", "harness.train.methods.tape.tape")
_DEFAULTS: dict[str, Setting] = {field.name: field.default for field in fields(Ingredients)}  # type: ignore[misc]


@dataclass(frozen=True)
class Mixture:
    """Everything between two methods.

    Attributes:
        base: the setting, with ``method=tape``.
        shared: ingredients that no combination varies, with their values.
        switches: ingredients that may be varied.
        left_out: differing ones that are not.
    """

    base: Composition
    shared: Mapping[str, Setting]
    switches: tuple[Switch, ...]
    left_out: tuple[Switch, ...]

    def without(self, reasons: Mapping[str, str]) -> Mixture:
        """Leave switches out, each for its reason, and do with them what ``fit()`` does."""
        gone = tuple(replace(one, left_out=reasons[one.name]) for one in self.switches if one.name in reasons)
        return replace(
            self,
            shared={**self.shared, **{one.name: _DEFAULTS[one.name] for one in gone}},
            switches=tuple(one for one in self.switches if one.name not in reasons),
            left_out=(*self.left_out, *gone),
        )

    def combination(self, members: frozenset[str], study: str) -> Composition:
        """The job with the members set as in method b and the other switches as in a.

        Its method is written as ``method=tape method.name=value …``, so that its folds have the hashes
        that a sweep over these overrides gives them.
        """
        chosen = {one.name: one.b if one.name in members else one.a for one in self.switches}
        shown = {name: value for name, value in self.shared.items() if value != _DEFAULTS[name]} | chosen
        settings = dict(self.base.settings)
        settings |= {"method": {**settings["method"], **self.shared, **chosen}, "study": study}
        overrides = (*self.base.overrides, *(f"method.{name}={setting(value)}" for name, value in shown.items()))
        return replace(self.base, settings=settings, overrides=overrides)


def compose_mixture(a: str, b: str, overrides: Sequence[str]) -> Mixture | None:
    """Compose both methods in the setting that Hydra's overrides describe.

    Returns:
        None when the overrides hold a flag of Hydra's that shows something instead.

    Raises:
        InputError: a method that does not exist or is not made of ingredients, overrides that choose
            methods or sweep, or two methods that train alike.
    """
    for side, name in (("A", a), ("B", b)):
        _require_option(side, name)
    _require_one_setting(overrides)
    base = _compose("tape", overrides)
    if base is None:
        return None
    first, second = (_ingredients(name, overrides) for name in (a, b))
    differing = [name for name in _DEFAULTS if first[name] != second[name]]
    switches = tuple(Switch(name, first[name], second[name]) for name in INFLUENCING if name in differing)
    left_out = tuple(Switch(name, first[name], second[name], _OTHERS[name]) for name in _OTHERS if name in differing)
    if not switches:
        raise InputError(
            "A and B",
            f"{a} and {b}",
            "two methods that differ in an ingredient of training; these do the same",
            f"compare them as they are: harness run -m {shell_word(f'method={a},{b}')}",
        )
    shared = {name: first[name] for name in INFLUENCING if name not in differing}
    return Mixture(base, shared, switches, left_out)


def _require_option(side: str, name: str) -> None:
    if ":" in name or name.endswith(".py") or name in ("custom", "any"):
        raise _not_made_of_ingredients(side, name)
    if "=" in name or name.startswith("-"):
        raise InputError(
            side, name, "the name of a method, before all overrides", "harness explain fit tape_kfold epochs=20"
        )


def _not_made_of_ingredients(side: str, name: str) -> InputError:
    return InputError(
        side,
        name,
        "methods made of ingredients, which can be switched one by one: fit, tape and their variants",
        f"harness trace fit {shell_word(name)} says what such a loop does otherwise; "
        "then explain fit and a method that leaves out just that",
    )


def _require_one_setting(overrides: Sequence[str]) -> None:
    for override in overrides:
        if override in ("-m", "--multirun"):
            raise InputError(override, override, "one setting, no sweep", f"leave {override} out; explain them in turn")
        key = override.lstrip("+~").partition("=")[0]
        if key == "method" or key.startswith("method."):
            raise InputError(
                key,
                override,
                "settings other than the method's: A and B name the methods",
                "leave it out; other switches make another method: a file method/NAME.yaml, given by --config-dir",
            )


def _compose(method: str, overrides: Sequence[str]) -> Composition | None:
    # Hydra wants all overrides in one row, its flags before or after them.
    first = next((place for place, text in enumerate(overrides) if _is_override(text)), len(overrides))
    # An experiment may be a sweep over methods; here it only says in which setting.
    ours = (f"method={method}", "hydra.mode=RUN")
    return next(iter(compose([*overrides[:first], *ours, *overrides[first:]])), None)


def _is_override(text: str) -> bool:
    return not text.startswith("-") and ("=" in text or text.startswith("~"))


def _ingredients(name: str, overrides: Sequence[str]) -> dict[str, Setting]:
    """The method's ingredients; where it has no such switch, the value is what ``fit()`` does."""
    composition = _compose(name, overrides)
    assert composition is not None
    node: Mapping[str, Any] = composition.settings["method"]
    if node.get("_target_") not in _MADE_OF_INGREDIENTS:
        raise _not_made_of_ingredients("A or B", name)
    if str(node.get("shuffle", "")).startswith("keras"):
        raise InputError(
            f"method.shuffle of {name}", node["shuffle"], "schedule, once or none", "take a method whose rows are known"
        )
    return {ingredient: node.get(ingredient, default) for ingredient, default in _DEFAULTS.items()}
