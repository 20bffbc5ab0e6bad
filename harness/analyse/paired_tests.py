"""Paired statistics over folds: plain functions from arrays to plain numbers.

Everywhere ``differences`` is a sequence of shape ``(n,)``: one value per fold, method a minus
method b, in the unit of the metric. Values must be finite; a fold that diverged is left out
by the caller. With fewer than two folds there is no spread to measure, so a p-value or an
interval is None; no function ever returns NaN.

The folds of a cross-validation share training rows, so their differences are correlated and
the ordinary t-test finds differences that are not there. Intervals and t-tests here carry
the correction of Nadeau and Bengio (2003), "Inference for the Generalization Error", Machine
Learning 52: 239-281, section 3: the variance of the mean is the sample variance times
``1/n + test_rows/train_rows`` instead of times ``1/n``. Repeated cross-validation takes the same
with n = repetitions times folds: the corrected repeated k-fold test of Bouckaert and Frank (2004),
"Evaluating the replicability of significance tests for comparing learning algorithms", PAKDD,
LNCS 3056: 3-12, equation 3.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

Values = Sequence[float] | npt.NDArray[np.float64]
Interval = tuple[float | None, float | None]

_FEW = 13  # up to here SciPy's signed-rank test is exact also with ties


def mean(values: Values) -> float | None:
    """Arithmetic mean of ``values``, shape ``(n,)``; None when empty.

    Raises:
        ValueError: a value is NaN or infinite, or ``values`` is not one-dimensional.
    """
    array = _finite_vector(values)
    return _mean(array) if array.size else None


def std(values: Values) -> float | None:
    """Sample standard deviation (ddof 1) of ``values``, shape ``(n,)``; None when n < 2.

    Raises:
        ValueError: a value is NaN or infinite, or ``values`` is not one-dimensional.
    """
    array = _finite_vector(values)
    return _std(array) if array.size > 1 else None


def paired_interval(differences: Values, train_rows: float, test_rows: float, confidence: float = 0.95) -> Interval:
    """Confidence interval of the mean difference that agrees with `corrected_t_test`.

    ``mean ± t(1 - (1 - confidence)/2; n - 1) * sqrt((1/n + test_rows/train_rows) * s²)``
    (Nadeau and Bengio 2003): it holds 0 exactly when the test's p is at least ``1 - confidence``.

    Args:
        differences: shape ``(n,)``.
        train_rows: mean number of rows a fold trains on; above 0.
        test_rows: mean number of rows a fold is measured on; 0 removes the correction.
        confidence: between 0 and 1, both excluded.

    Returns:
        Lower and upper bound, in the metric's unit; ``(None, None)`` when n < 2. Equal
        differences have no spread: both bounds are then that difference.

    Raises:
        ValueError: a value is not finite, or an argument is out of its range.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: received {confidence!r}; allowed: a number between 0 and 1, both excluded.")
    array = _finite_vector(differences)
    error = _standard_error(array, train_rows, test_rows)
    if error is None:
        return None, None
    centre = _mean(array)
    reach = float(special.stdtrit(array.size - 1, (1 + confidence) / 2)) * error
    return centre - reach, centre + reach


def prediction_interval(values: Values, confidence: float = 0.95) -> tuple[float, float] | None:
    """Where one further run's value falls, if the values are normal.

    ``mean ± t(1 - (1 - confidence)/2; n - 1) * s * sqrt(1 + 1/n)`` (any textbook; for instance
    Hahn and Meeker 1991, section 4.8).

    Args:
        values: shape ``(n,)``.
        confidence: between 0 and 1, both excluded.

    Returns:
        Lower and upper bound, in the metric's unit; None when n < 2.

    Raises:
        ValueError: a value is not finite, or the confidence is out of its range.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: received {confidence!r}; allowed: a number between 0 and 1, both excluded.")
    array = _finite_vector(values)
    if array.size < 2:
        return None
    reach = float(special.stdtrit(array.size - 1, (1 + confidence) / 2)) * _std(array) * math.sqrt(1 + 1 / array.size)
    return _mean(array) - reach, _mean(array) + reach


def corrected_t_test(differences: Values, train_rows: float, test_rows: float) -> float | None:
    """Two-sided p of "the mean difference is 0": the corrected resampled t-test.

    ``t = mean / sqrt((1/n + test_rows/train_rows) * s²)`` with n - 1 degrees of freedom
    (Nadeau and Bengio 2003, section 3). Equal differences have no spread: p is 1 when they
    are all 0, and 0 when they are all the same other number.

    Args:
        differences: shape ``(n,)``.
        train_rows: mean number of rows a fold trains on; above 0.
        test_rows: mean number of rows a fold is measured on; 0 gives the ordinary paired t-test.

    Returns:
        p between 0 and 1; None when n < 2.

    Raises:
        ValueError: a value is not finite, or an argument is out of its range.
    """
    array = _finite_vector(differences)
    error = _standard_error(array, train_rows, test_rows)
    if error is None:
        return None
    centre = _mean(array)
    if error == 0:
        return 1.0 if centre == 0 else 0.0
    return float(2 * special.stdtr(array.size - 1, -abs(centre) / error))


def tost(differences: Values, margin: float, train_rows: float, test_rows: float) -> float | None:
    """Test for equivalence: p of "the methods differ by at least ``margin``"; small means equivalent.

    The two one-sided tests of Schuirmann (1987), "A comparison of the two one-sided tests
    procedure and the power approach for assessing the equivalence of average
    bioavailability", J. Pharmacokinet. Biopharm. 15: 657-680: the larger p of "mean <=
    -margin" and "mean >= margin", each a corrected t-test. Equal differences have no spread:
    p is 0 when they are all 0 or all smaller than the margin in size, and 1 otherwise.

    Args:
        differences: shape ``(n,)``.
        margin: the largest difference that does not matter, in the metric's unit; at least 0.
        train_rows: mean number of rows a fold trains on; above 0.
        test_rows: mean number of rows a fold is measured on.

    Returns:
        p between 0 and 1; None when n < 2.

    Raises:
        ValueError: a value is not finite, or an argument is out of its range.
    """
    if not (math.isfinite(margin) and margin >= 0):
        raise ValueError(f"margin: received {margin!r}; allowed: a finite number of at least 0.")
    array = _finite_vector(differences)
    error = _standard_error(array, train_rows, test_rows)
    if error is None:
        return None
    centre = _mean(array)
    if error == 0:
        return 0.0 if centre == 0 or abs(centre) < margin else 1.0
    # The two one-sided p-values mirror each other, so the larger belongs to the nearer bound.
    return float(special.stdtr(array.size - 1, (abs(centre) - margin) / error))


def wilcoxon(differences: Values) -> float | None:
    """Two-sided p of the Wilcoxon signed-rank test, without any correction for shared rows.

    Wilcoxon (1945), "Individual comparisons by ranking methods", Biometrics Bulletin 1: 80-83,
    Zero differences are dropped before ranking, as in that paper. With up to 50 differences and no
    ties in size the p is exact; with ties it is exact up to 13 and above that a normal
    approximation, both as `scipy.stats.wilcoxon` has it. Five folds cannot give a p below
    2/2⁵ = 0.0625.

    Args:
        differences: shape ``(n,)``.

    Returns:
        p between 0 and 1; 1 when every difference is 0; None when n < 2.

    Raises:
        ValueError: a value is NaN or infinite, or ``differences`` is not one-dimensional.
    """
    array = _finite_vector(differences)
    if array.size < 2:
        return None
    if not array.any():
        return 1.0
    if array.size <= _FEW:
        return _exact_signed_rank(array[array != 0])
    from scipy import stats  # the rest of a comparison needs none of its many parts

    return float(stats.wilcoxon(array, zero_method="wilcox", correction=False, method="auto").pvalue)


def _exact_signed_rank(array: npt.NDArray[np.float64]) -> float:
    """Two-sided p over all sign flips, ties in size sharing their mean rank; SciPy draws each flip, which is slow."""
    size = np.abs(array)
    ranks = (size[:, None] > size).sum(axis=1) + ((size[:, None] == size).sum(axis=1) + 1) / 2
    sums = _flips(array.size) @ ranks  # halves and whole numbers, so equal sums are equal
    at = ranks[array > 0].sum()
    return float(min(1.0, 2 * min(np.mean(sums <= at), np.mean(sums >= at))))


@functools.cache
def _flips(n: int) -> npt.NDArray[np.float64]:
    """All ways to choose among n, shape (2ⁿ, n), 1 where chosen."""
    return ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(np.float64)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down correction for testing several hypotheses at once.

    Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian
    Journal of Statistics 6: 65-70. With the m p-values in rising order, the i-th becomes the
    largest of ``min(1, (m - j + 1) * p_j)`` over all j up to i.

    Args:
        p_values: any number of p-values; None where there was no test, which stays None and
            does not count towards m.

    Returns:
        The corrected p-values in the order received.

    Raises:
        ValueError: a p-value is outside 0 to 1.
    """
    tested = [(p, place) for place, p in enumerate(p_values) if p is not None]
    if any(not 0 <= p <= 1 for p, _ in tested):
        raise ValueError(f"p_values: received {list(p_values)!r}; allowed: None or numbers from 0 to 1.")
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(sorted(tested)):
        largest = max(largest, min(1.0, (len(tested) - rank) * p))
        corrected[place] = largest
    return corrected


def _finite_vector(values: Values) -> npt.NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"values: received an array of shape {array.shape}; allowed: one dimension, a value per fold.")
    if not np.isfinite(array).all():
        raise ValueError("values: received NaN or infinity; allowed: finite numbers, diverged folds left out.")
    return array


def _mean(array: npt.NDArray[np.float64]) -> float:
    # Measured from the first value, so that equal values have exactly themselves as mean and no spread at all.
    return float(array[0] + np.mean(array - array[0]))


def _std(array: npt.NDArray[np.float64]) -> float:
    deviations = array - _mean(array)
    largest = float(np.abs(deviations).max())
    if largest == 0:
        return 0.0
    # Scaled to 1 first: squares of very small or very large deviations would leave the range of a float.
    return largest * math.sqrt(float(np.sum((deviations / largest) ** 2)) / (array.size - 1))


def _standard_error(array: npt.NDArray[np.float64], train_rows: float, test_rows: float) -> float | None:
    """Square root of ``(1/n + test_rows/train_rows) * s²``; None when n < 2."""
    if not (math.isfinite(train_rows) and train_rows > 0):
        raise ValueError(f"train_rows: received {train_rows!r}; allowed: a finite number above 0.")
    if not (math.isfinite(test_rows) and test_rows >= 0):
        raise ValueError(f"test_rows: received {test_rows!r}; allowed: a finite number of at least 0.")
    if array.size < 2:
        return None
    return _std(array) * math.sqrt(1 / array.size + test_rows / train_rows)
