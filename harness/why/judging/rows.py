"""What a script's rows tell over its whole run: their order, their pairing, and which of them it validates on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import groupby

import numpy as np

from harness.diagnose.causes import Cause
from harness.diagnose.rules.order import batch_size, describe_order
from harness.observe.epochs import by_epoch, epoch_lengths
from harness.observe.steps import Step
from harness.why.observing.record import Record, Rows

_FEWEST = 8  # rows that say something
_DISTINCT = 0.95  # of the training rows, for an equal row to be the same one
_ROUNDED = 1e-3  # of targets that are told from a gradient
_BORROWED = 0.9  # of the targets that changed: those that are other rows'
_LEAKED = 0.1  # of the rows evaluated on; equal rows make up a few


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
        counts = Counter(name for rows in self.steps for name in rows.tolist())
        times = Counter(counts.values()).most_common(1)[0][0] if counts else 1
        self.train = np.array([name for name, count in counts.items() for _ in range(max(1, round(count / times)))])
        self.again = times > 1
        self.lengths = epoch_lengths(self.steps, times, self.train) if self.again else [len(self.steps)]
        self.causes: list[Cause] = []
        self.unchecked: list[tuple[str, str]] = []

    def _named(self, rows: np.ndarray) -> np.ndarray:
        return np.array([self._names.setdefault(row, len(self._names)) for row in rows.tolist()], np.int64)

    def find(self, *, by_fit: bool) -> None:
        """Look for everything that rows tell."""
        if len(self.train) < _FEWEST:
            self.unchecked.append(("rows", "the steps have too few rows, or inputs that no rows were told in"))
            return
        self._order(by_fit=by_fit)
        self._pairing()
        self._torn_inputs()
        self._leakage()

    def _order(self, *, by_fit: bool) -> None:
        if not self.again or len(self.lengths) < 2:
            why = "no row came a second time: inputs are made anew, or the run ended in its first epoch"
            self.unchecked.append(("order of the rows from epoch to epoch", why))
            return
        order = describe_order(self.steps, self.lengths, self.train)
        second = self.lengths[0] + 1
        if order.way in ("data order", "one order"):
            words = f"the rows come in the same order in each of {len(self.lengths)} epochs"
            if by_fit:
                words += "; fit() does so with shuffle=False, or under a global seed"
            self._add("shuffle", "one order", words, second, benign=by_fit, effect=self._moved())
        elif order.way == "whole batches":
            self._add("batch_order", order.way, order.words, second, effect=self._moved())
        elif order.way == "part after part":
            self._add("row_chunks", order.way, order.words, second, effect=1.0)
        elif order.way == "with replacement":
            words = f"rows are drawn with replacement: an epoch reaches {100 * order.amount[0]:.3g} % of them"
            self._add("shuffle", order.way, words, second, effect=1 - order.amount[0])
        self._dropped(order.way)

    def _moved(self) -> float:
        """The share of a batch that another order would replace."""
        return 1 - batch_size(self.steps) / max(len(self.train), 1)

    def _dropped(self, way: str) -> None:
        if way in ("with replacement", "part after part"):
            return
        epochs = by_epoch(self.steps, self.lengths)
        whole = epochs[: -1 if len(epochs[-1]) < len(epochs[0]) else None]
        missing = len(self.train) - max(map(len, whole))
        size = batch_size(self.steps)
        if 0 < missing < size and all(len(rows) == size for rows in self.steps[: self.lengths[0]]):
            words = f"{missing} of {len(self.train)} rows take part in no step of an epoch: the last batch is dropped"
            self._add("partial_batch", f"{missing} rows", words, self.lengths[0], effect=missing / len(self.train))

    def _pairing(self) -> None:
        """One row's inputs with other targets than before: targets no longer belong to their inputs."""
        pairs: dict[int, set[int]] = defaultdict(set)
        first = 0
        seen = 0
        for number, (rows, names) in enumerate(zip(self._record.rows, self.steps), start=1):
            if rows.y is None:
                continue
            for name, target in zip(names.tolist(), rows.y.tolist()):
                seen += name in pairs
                if name in pairs and target not in pairs[name] and not first:
                    first = number
                pairs[name].add(target)
        multiple = Counter(self.train.tolist())
        # Targets that are computed anew each time, as in reinforcement learning, are no other rows' targets.
        kinds = len({target for targets in pairs.values() for target in targets})
        torn = [name for name, targets in pairs.items() if len(targets) > multiple.get(name, 1)]
        if not seen:
            self.unchecked.append(("pairing of inputs with targets", "no row was seen twice together with its target"))
        elif len(torn) > 0.02 * len(pairs) and first and kinds <= len(pairs):
            words = f"{len(torn)} of {len(pairs)} rows came with different targets in different steps"
            self._add("row_pairing", "torn", words, first, effect=len(torn) / len(pairs))

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

    def _leakage(self) -> None:
        """Calls without a step, over rows of which some are trained on and some are not."""
        trained = set(self.train.tolist())
        if len(trained) < _DISTINCT * len(self.train):
            self.unchecked.append(("validation rows among the training rows", "many rows are equal to one another"))
            return
        worst: tuple[float, int, int, Rows] | None = None
        for _, group in groupby(self._record.calls, key=lambda rows: rows.after):
            calls = list(group)
            names = [self._names.get(row, -1) for rows in calls for row in rows.x.tolist()]
            known = sum(name in trained for name in names)
            if len(names) < _FEWEST or not any(self._mixed(rows, trained) for rows in calls):
                continue
            if trained <= set(names):  # the training set itself, with rows that its steps drop
                continue
            if worst is None or known > worst[1]:
                worst = known / len(names), known, len(names), calls[0]
        if worst is not None and worst[0] > _LEAKED:
            words = f"{worst[1]} of {worst[2]} rows that the model is evaluated on are trained on too"
            cause = Cause("leakage", "rows", words, 0, worst[3].after, "validation", effect=worst[0])
            self.causes.append(cause)

    def _mixed(self, rows: Rows, trained: set[int]) -> bool:
        """Whether a batch has both kinds of rows, as one of another set that is evaluated has not."""
        known = sum(self._names.get(row, -1) in trained for row in rows.x.tolist())
        return 0 < known < len(rows.x)

    def _add(self, key: str, way: str, words: str, step: int, *, effect: float, benign: bool = False) -> None:
        steps = len(self.steps) - step + 1
        self.causes.append(Cause(key, way, words, 0, step, "rows", effect=effect, benign=benign, steps=steps))
