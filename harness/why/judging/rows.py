"""What a script's rows tell over its whole run: their order, their pairing, and which of them it validates on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from harness.diagnose.causes import Cause
from harness.diagnose.rules.order import Order, batch_size, describe_order
from harness.observe.epochs import by_epoch, epoch_lengths, regular_epochs, until_repeated
from harness.observe.steps import Step
from harness.why.judging.findings import NEAR, TWO_PARTS
from harness.why.judging.leakage import Evaluated, leakage
from harness.why.observing.record import Record, Rows, Slot

_FEWEST = 8  # rows that say something
_DISTINCT = 0.95  # of the training rows, for an equal row to be the same one
_ROUNDED = 1e-3  # of targets that are told from a gradient
_BORROWED = 0.9  # of the targets that changed: those that are other rows'
_STRETCH, _UNEVEN = (1.5, 2.0), 0.4  # of a batch, and of the root of all rows; of the variance by chance
_MOST, _BETTER = 0.9, 0.15  # the share of one target beyond which all is one, and of right guesses that are luck
_MOSTLY = 0.3  # of the rows: torn where some are dropped, and the targets of an epoch not quite the same
_PARTS = 2, 3, 4  # of a batch that holds other rows for each of its rows


def _epochs(steps: Sequence[np.ndarray]) -> tuple[np.ndarray, bool, list[int], bool]:
    """The training rows, whether they come again, the number of steps of each epoch, and whether epochs are seen.

    They are where rows come again after as many steps each time.
    """
    counts = Counter(name for rows in steps for name in rows.tolist())
    times = Counter(counts.values()).most_common(1)[0][0] if counts else 1
    train = np.array([name for name, count in counts.items() for _ in range(max(1, round(count / times)))])
    if times == 1:
        return train, False, [len(steps)], False
    seen = regular_epochs(steps, train)
    return train, True, seen or epoch_lengths(steps, times, train), bool(seen)


class RowFindings:
    """Rows of one model's steps and calls, named by whole numbers in order of first use.

    Attributes:
        lengths: number of steps of each epoch; one epoch where no row came again.
        causes: what was found.
        unchecked: what could not be, and why.
    """

    def __init__(self, record: Record) -> None:
        self._names: dict[int, int] = {}
        self._record = record
        self.steps = [self._named(rows.x) for rows in record.rows]
        self.train, self.again, self.lengths, self._regular = _epochs(self.steps)
        self.causes: list[Cause] = []
        self.unchecked: list[tuple[str, str]] = []

    def _named(self, rows: np.ndarray) -> np.ndarray:
        return np.array([self._names.setdefault(row, len(self._names)) for row in rows.tolist()], np.int64)

    def find(self, *, by_fit: bool, stateful: bool = False) -> None:
        """Look for everything that rows tell.

        Args:
            by_fit: whether Keras's own steps train the model.
            stateful: whether a layer keeps its state from batch to batch, for which rows have to come in order.
        """
        if len(self.train) < _FEWEST:
            self.unchecked.append(("rows", "the steps have too few rows, or inputs that no rows were told in"))
            return
        self._order(by_fit=by_fit, stateful=stateful)
        self._pairing()
        self._torn_inputs()
        self._leak()

    def _order(self, *, by_fit: bool, stateful: bool) -> None:
        if not self.again or len(self.lengths) < 2:
            why = "no row came a second time: inputs are made anew, or the run ended in its first epoch"
            self.unchecked.append(("order of the rows from epoch to epoch", why))
            return
        order = describe_order(self.steps, self.lengths, self.train, of_data=False)
        second = self.lengths[0] + 1
        whole = order.way != "with replacement"
        part = None if whole else self._order_of_a_part()
        drawn = not whole and part is None and self._drawn()
        order = part or order
        if order.way == "over epoch ends":
            return
        if not (self._regular or part is not None or drawn or order.way == "part after part"):
            why = "the rows come again after different numbers of steps, as in stages or with other batch sizes"
            self.unchecked.append(("order of the rows from epoch to epoch", why))
            return
        if order.way in ("data order", "one order"):
            if not self._moved():
                return  # a batch of all rows has no order
            words = f"the rows come in the same order in each of {len(self.lengths)} epochs"
            if by_fit:
                words += "; fit() does so with shuffle=False, or under a global seed"
            if stateful:
                words += "; a layer that keeps its state from batch to batch needs it"
            self._add("shuffle", "one order", words, second, benign=by_fit or stateful, effect=self._moved())
        elif order.way == "whole batches":
            self._add("batch_order", order.way, order.words, second, effect=self._moved())
        elif order.way == NEAR:
            self._add("shuffle", NEAR, order.words, second, effect=self._moved())
        elif order.way == "part after part":
            way = TWO_PARTS if order.amount[0] == 2 else order.way
            self._add("row_chunks", way, order.words, second, effect=1.0)
        elif order.way == "with replacement":
            words = f"rows are drawn with replacement: an epoch reaches {100 * order.amount[0]:.3g} % of them"
            self._add("shuffle", order.way, words, second, effect=1 - order.amount[0])
        if whole and order.way != "part after part":
            self._dropped()

    def _drawn(self) -> bool:
        """Whether rows come again as soon and as unevenly as those that are drawn with replacement do.

        Of N rows some 1.25 times the root of N are drawn before one comes again; how often each is, varies as much as
        its mean. Epochs of several lengths have neither.
        """
        rows = sum(map(len, self.steps))
        stretch = rows / max(1, len(until_repeated(self.steps, np.unique(self.train))))
        often = np.bincount(np.concatenate(self.steps))
        soon = stretch <= max(_STRETCH[0] * batch_size(self.steps), _STRETCH[1] * float(np.sqrt(len(self.train))))
        return bool(soon and often.var() >= _UNEVEN * often.mean())

    def _order_of_a_part(self) -> Order | None:
        """The order of the first rows of batches that hold others for each of them, as the anchors of triplets are.

        Such a batch is of two to four parts of one length; that they are, and that it is the first which goes through
        all rows, is seen by its rows coming once in every epoch, where those of the batch do not.
        """
        for parts in _PARTS:
            if all(len(rows) % parts == 0 for rows in self.steps):
                first = [rows[: len(rows) // parts] for rows in self.steps]
                train, again, lengths, _ = _epochs(first)
                order = describe_order(first, lengths, train, of_data=False)
                if again and len(lengths) > 1 and order.way not in ("with replacement", "part after part", "unknown"):
                    return order
        return None

    def _moved(self) -> float:
        """The share of a batch that another order would replace."""
        return 1 - batch_size(self.steps) / max(len(self.train), 1)

    def _dropped(self) -> None:
        epochs = by_epoch(self.steps, self.lengths)
        whole = epochs[: -1 if len(epochs[-1]) < len(epochs[0]) else None]
        missing = len(self.train) - max(map(len, whole))
        size = batch_size(self.steps)
        if 0 < missing < size and all(len(rows) == size for rows in self.steps[: self.lengths[0]]):
            words = f"{missing} of {len(self.train)} rows take part in no step of an epoch: the last batch is dropped"
            self._add("partial_batch", f"{missing} rows", words, self.lengths[0], effect=missing / len(self.train))

    def _pairing(self) -> None:
        """One row's inputs with other targets than before: targets no longer belong to their inputs."""
        if not self._pair([rows.y for rows in self._record.rows]):
            self.unchecked.append(("pairing of inputs with targets", "no row was seen twice together with its target"))

    def pair_parts(self, losses: Sequence[Slot]) -> None:
        """The same by the targets of further losses that are differentiated with the first."""
        for slot in losses if not any(one.cause == "row_pairing" for one in self.causes) else ():
            self._pair([rows.targets.get(slot) for rows in self._record.rows], f" of the loss in {slot[0]}")

    def _pair(self, targets: Sequence[np.ndarray | None], whose: str = "") -> bool:
        """Look for rows that came with several targets; whether any row came twice with one."""
        pairs: dict[int, set[int]] = defaultdict(set)
        first = 0
        seen = 0
        for number, (given, names) in enumerate(zip(targets, self.steps), start=1):
            for name, target in zip(names.tolist(), given.tolist()) if given is not None else ():
                seen += name in pairs
                if name in pairs and target not in pairs[name] and not first:
                    first = number
                pairs[name].add(target)
        multiple = Counter(self.train.tolist())
        torn = [name for name, of_row in pairs.items() if len(of_row) > multiple.get(name, 1)]
        if not seen or len(torn) <= 0.02 * len(pairs) or not first:
            return seen > 0
        words = f"{len(torn)} of {len(pairs)} rows came with different targets{whose} in different steps"
        if self._mixed_up(targets, len(torn) / len(pairs)):
            self._add("row_pairing", "torn", words, first, effect=len(torn) / len(pairs))
        else:
            words += "; whether they are other rows' targets, or made anew, does not show"
            self.unchecked.append(("pairing of inputs with targets", words))
        return True

    def _mixed_up(self, targets: Sequence[np.ndarray | None], torn: float) -> bool:
        """Whether targets only change their rows, or are as good as drawn by lot.

        Then each epoch has the same targets, those of rows that it drops left out; or what a row had before tells
        nothing of what it has next. Targets that are made anew, as in reinforcement learning or by a model that labels
        its own rows, are neither.
        """
        if not self._regular or len(self.lengths) < 2 or any(one is None for one in targets):
            return False
        if _by_lot(np.concatenate(self.steps), np.concatenate([one for one in targets if one is not None])):
            return True
        epochs = by_epoch([one for one in targets if one is not None], self.lengths)
        rows = [len(one) for one in by_epoch(self.steps, self.lengths)]
        whole = [Counter(one.tolist()) for one, count in zip(epochs, rows) if count == rows[0]]
        dropped = max(0, len(self.train) - rows[0])
        apart = max((sum((one - whole[0]).values()) for one in whole[1:]), default=rows[0])
        return apart <= dropped and (not dropped or torn > _MOSTLY)

    def pair_recorded(self, steps: Sequence[Step]) -> None:
        """The same by targets that only recorded steps have: those of a loss written by hand.

        Args:
            steps: with one loss a pass, whose targets are rounded.
        """
        known: list[tuple[int, int, np.ndarray]] = []  # row, number of the step, its targets
        for step in steps:
            losses = [passed.losses[0] for passed in step.passes if passed.losses]
            targets = np.concatenate([loss.y.reshape(len(loss.y), -1) for loss in losses])
            rows = self.steps[step.number - 1]
            known += (
                [(row, step.number, y) for row, y in zip(rows.tolist(), targets)] if len(rows) == len(targets) else []
            )
        first: dict[int, np.ndarray] = {}
        torn: list[tuple[int, int, np.ndarray]] = []
        for row, number, y in known:
            if not np.allclose(first.setdefault(row, y), y, rtol=_ROUNDED, atol=_ROUNDED):
                torn.append((row, number, y))
        again = len(known) - len(first)
        if not torn or len(torn) <= 0.02 * again or len(set(self.train.tolist())) < len(self.train):
            return
        owners, every = np.array([row for row, _, _ in known]), np.stack([y for _, _, y in known])
        if 1 - len(torn) / again > _most_that_keep(every):  # too many keep theirs: labels made anew, maybe
            return
        borrowed = [
            (np.isclose(every, y, rtol=_ROUNDED, atol=_ROUNDED).all(axis=1) & (owners != row)).any()
            for row, _, y in torn
        ]
        if np.mean(borrowed) > _BORROWED:
            self.unchecked = [one for one in self.unchecked if not one[0].startswith("pairing")]
            words = f"{len(torn)} of {again} rows that came again did so with another row's target"
            self._add("row_pairing", "torn", words, torn[0][1], effect=len(torn) / again)

    def _torn_inputs(self) -> None:
        """Inputs that each come again, but not together."""
        rows = [one.inputs for one in self._record.rows if one.inputs]
        if self.again or not rows:
            return
        each = [np.concatenate(parts) for parts in zip(*rows)]
        if all(len(np.unique(part)) <= len(part) / 2 for part in each):
            words = "each input's rows come several times, but never twice together: they are drawn in different orders"
            self._add("row_pairing", "inputs", words, 1, effect=1.0)

    def _leak(self) -> None:
        trained = set(self.train.tolist())
        if len(trained) < _DISTINCT * len(self.train):
            self.unchecked.append(("validation rows among the training rows", "many rows are equal to one another"))
            return
        calls = [Evaluated(self._names_of(rows), rows.after, rows.line) for rows in self._record.calls]
        found = leakage(self.steps, trained, calls)
        if found is not None:
            self.causes.append(found)

    def _names_of(self, rows: Rows) -> list[int]:
        return [self._names.get(row, -1) for row in rows.x.tolist()]

    def _add(self, key: str, way: str, words: str, step: int, *, effect: float, benign: bool = False) -> None:
        steps = len(self.steps) - step + 1
        self.causes.append(Cause(key, way, words, 0, step, "rows", effect=effect, benign=benign, steps=steps))


def _by_lot(rows: np.ndarray, targets: np.ndarray) -> bool:
    """Whether the target that a row had before tells nothing of the one that it has next.

    Told by guessing the next from the last, for each kind the one that follows most often: no better than always the
    most frequent one. Only of few kinds, of which there are many.
    """
    kinds, codes = np.unique(targets, return_inverse=True)
    order = np.argsort(rows, kind="stable")
    again = rows[order][1:] == rows[order][:-1]
    last, following = codes[order][:-1][again], codes[order][1:][again]
    if len(kinds) < 2 or len(last) < 4 * len(kinds) ** 2:
        return False
    table = np.zeros((len(kinds), len(kinds)))
    np.add.at(table, (last, following), 1)
    guessed, most = table.max(axis=1).sum() / len(last), table.sum(axis=0).max() / len(last)
    return bool(most < _MOST and guessed - most < _BETTER)


def _most_that_keep(targets: np.ndarray) -> float:
    """Halfway between all rows and the share that keep their target by chance where targets are mixed up.

    Args:
        targets: shape (n, width).
    """
    _, counts = np.unique(np.round(targets / _ROUNDED), axis=0, return_counts=True)
    return (1 + float(np.square(counts / counts.sum()).sum())) / 2
