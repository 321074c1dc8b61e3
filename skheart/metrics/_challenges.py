"""Scores of the PhysioNet challenges on heart sounds, of 2016 and 2022."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d

from ._checks import checked_labels, labels_of, positive_label, row_weights

__all__ = ["circor_cost", "circor_weighted_accuracy", "physionet2016_macc"]

CIRCOR_WEIGHTS = ({"Present": 5, "Unknown": 3, "Absent": 1}, {"Abnormal": 5, "Normal": 1})
OUTCOMES = {"Abnormal", "Normal"}
REFERRED, NOT_REFERRED = ("Abnormal", "Present", "Unknown"), ("Normal", "Absent")


def physionet2016_macc(
    y_true, y_pred, *, clean=None, clean_share=None, pos_label=None, unsure_label=0
):
    """Modified accuracy (MAcc) of the PhysioNet/CinC challenge 2016: mean of two recalls.

    Without `clean` it is the plain form, (sensitivity + specificity) / 2, in which an answer
    `unsure_label` is never right. With `clean` it is the form of the challenge [1]_ [2]_: among
    noisy recordings "unsure" is right, among clean ones it is wrong, and

    .. math:: Se = w_a \\frac{Aa_1}{Aa_1 + Aq_1 + An_1}
                 + (1 - w_a) \\frac{Aa_2 + Aq_2}{Aa_2 + Aq_2 + An_2}

    where A is a truly abnormal recording, the second letter the answer (abnormal, unsure,
    normal), 1 clean and 2 noisy, and :math:`w_a` the share of the clean ones among the abnormal.
    Specificity likewise, of the normal ones.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels, two classes: -1 and 1 in the challenge.
    y_pred : array-like of shape (n_samples,)
        Predicted labels, of the same type; those of `y_true` or `unsure_label`.
    clean : array-like of bool of shape (n_samples,), default=None
        Whether the quality of a recording is good: `sqi` 1 in the frame of
        :func:`skheart.datasets.load_physionet2016`.
    clean_share : tuple of two floats, default=None
        The shares of clean recordings among the abnormal and among the normal ones. None takes
        those of `y_true`; the challenge took those of its whole hidden test set.
    pos_label : str or int, default=None
        The abnormal class. None takes the one of 1, True, "Present" and "Abnormal" that occurs.
    unsure_label : str or int, default=0
        The answer "unsure". Text labels have no such answer unless it is given.

    Returns
    -------
    score : float
        From 0 to 1, higher is better. A class whose recordings are all clean (or all noisy) is
        scored on these alone, whatever its `clean_share`.

    Raises
    ------
    ValueError
        If `y_true` has not exactly two classes, if an answer is neither of them nor "unsure", or
        if `clean` or `clean_share` are out of range.

    References
    ----------
    .. [1] G. D. Clifford et al., "Classification of normal/abnormal heart sound recordings: the
       PhysioNet/Computing in Cardiology Challenge 2016", Computing in Cardiology, pp. 609-612,
       2016.
    .. [2] https://moody-challenge.physionet.org/2016/, section "Scoring".

    Examples
    --------
    >>> from skheart.metrics import physionet2016_macc
    >>> y_true = [1, 1, 1, 1, -1, -1, -1, -1]
    >>> y_pred = [1, 1, 0, -1, -1, -1, -1, 1]
    >>> physionet2016_macc(y_true, y_pred)  # (2/4 + 3/4) / 2
    0.625
    >>> clean = [True, True, False, False, True, True, True, True]
    >>> physionet2016_macc(y_true, y_pred, clean=clean)  # ((2 + 1)/4 + 3/4) / 2
    0.75
    """
    y_true, y_pred = checked_labels(y_true, y_pred)
    classes = np.unique(y_true)
    if len(classes) != 2 or unsure_label in classes.tolist():
        raise ValueError(
            f"y_true must hold two classes other than unsure_label={unsure_label!r}, got "
            f"{classes[:5].tolist()}. Where 0 is a class, give another unsure_label."
        )
    positive = positive_label(pos_label, classes)
    strange = [a for a in np.unique(y_pred).tolist() if a not in [*classes.tolist(), unsure_label]]
    if strange or positive not in classes.tolist():
        raise ValueError(
            f"y_pred and pos_label must be of {classes.tolist()}, or in y_pred "
            f"unsure_label={unsure_label!r}; got {[*strange, positive][0]!r}."
        )
    clean = _clean(clean, len(y_true))
    shares = (None, None) if clean_share is None else _shares(clean_share)
    negative = classes[classes != positive][0]
    recalls = []
    for label, share in zip((positive, negative), shares, strict=True):
        right = (y_pred == label) | (~clean & (y_pred == unsure_label))
        parts = [right[(y_true == label) & part] for part in (clean, ~clean)]
        if share is None or not all(map(len, parts)):
            recalls.append(np.concatenate(parts).mean())
        else:
            recalls.append(share * parts[0].mean() + (1 - share) * parts[1].mean())
    return float(np.mean(recalls))


def _clean(clean, n_rows):
    if clean is None:
        return np.ones(n_rows, dtype=bool)
    clean = column_or_1d(clean)
    if len(clean) != n_rows or not np.isin(clean, [0, 1]).all():
        raise ValueError(
            f"clean must hold True or False for each of the {n_rows} recordings; it has "
            f"{len(clean)} values, of {sorted(set(clean.tolist()), key=str)[:5]}. Where the "
            "quality is not known, decide: `sqi != 0` takes it as clean."
        )
    return clean.astype(bool)


def _shares(clean_share):
    shares = tuple(clean_share) if np.iterable(clean_share) else (clean_share,)
    if len(shares) != 2 or not all(0 <= share <= 1 for share in shares):
        raise ValueError(
            "clean_share must be two numbers from 0 to 1, of the abnormal and of the normal "
            f"recordings; got {clean_share!r}."
        )
    return shares


def circor_weighted_accuracy(y_true, y_pred, *, weights=None, sample_weight=None):
    """Weighted accuracy of the George B. Moody PhysioNet challenge 2022.

    Accuracy in which a patient counts by the true class [1]_ [2]_: a murmur Present 5, Unknown 3,
    Absent 1; an outcome Abnormal 5, Normal 1. For murmurs it is
    (5 TP_Present + 3 TP_Unknown + TP_Absent) / (5 P + 3 U + A). The challenge scores patients:
    give one row per patient to compare with it.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_pred : array-like of shape (n_samples,)
        Predicted labels.
    weights : dict, default=None
        Weight of each class, for other labels or other weights. None takes those of the murmur
        or of the outcome, by the labels.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row besides, not negative.

    Returns
    -------
    score : float
        From 0 to 1, higher is better.

    Raises
    ------
    ValueError
        If a label has no weight.

    References
    ----------
    .. [1] M. A. Reyna et al., "Heart murmur detection from phonocardiogram recordings: The George
       B. Moody PhysioNet Challenge 2022", PLOS Digital Health 2(9), e0000324, 2023.
    .. [2] https://moody-challenge.physionet.org/2022/, section "Scoring".

    Examples
    --------
    >>> from skheart.metrics import circor_weighted_accuracy
    >>> y_true = ["Present", "Present", "Unknown", "Absent", "Absent"]
    >>> y_pred = ["Present", "Absent", "Unknown", "Absent", "Present"]
    >>> circor_weighted_accuracy(y_true, y_pred)  # (5 + 3 + 1) / (2*5 + 3 + 2)
    0.6
    """
    y_true, y_pred = checked_labels(y_true, y_pred)
    if weights is None:
        weights = next((w for w in CIRCOR_WEIGHTS if y_true[0] in w), CIRCOR_WEIGHTS[0])
    of_row, strange = np.zeros(len(y_true)), ~np.isin(y_pred, list(weights))
    for label, weight in weights.items():
        of_row[y_true == label] = weight
    strange |= ~np.isin(y_true, list(weights))
    if strange.any():
        found = np.union1d(y_true, y_pred).tolist()
        raise ValueError(
            f"The labels {found[:6]} must be of {list(weights)}. For other labels give the weight "
            "of each class: weights={'ill': 5, 'well': 1}."
        )
    if not np.isfinite(of_row).all() or (of_row < 0).any() or not of_row.any():
        raise ValueError(f"weights must be finite and not negative, and not all 0: got {weights}.")
    if sample_weight is not None:
        of_row *= row_weights(sample_weight, len(y_true))
    return float(np.average(y_true == y_pred, weights=of_row))


def circor_cost(y_true, y_pred, *, pos_label="Abnormal", referred=None):
    """Cost per patient of the George B. Moody PhysioNet challenge 2022: lower is better.

    An algorithm screens all n patients, an expert sees the m whom it refers and makes no errors,
    and treats those with an abnormal outcome; an abnormal patient who is not referred is treated
    too late. The mean cost of a patient is [1]_ [2]_

    .. math:: \\frac{10 n + c(m/n)\\, n + 10000\\, TP + 50000\\, FN}{n},
       \\quad c(x) = 25 + 397 x - 1718 x^2 + 11296 x^4.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        The true outcome of each patient, one row per patient.
    y_pred : array-like of shape (n_samples,)
        Predicted outcome; or predicted murmur, of which the challenge also gave the cost.
    pos_label : str, int or bool, default="Abnormal"
        The outcome that needs treatment.
    referred : sequence of labels, default=None
        The predictions with which a patient is sent to the expert. None: "Abnormal", "Present"
        and "Unknown"; with another `pos_label`, that one.

    Returns
    -------
    cost : float
        Cost per patient, in the challenge's dollars.

    Raises
    ------
    ValueError
        If `y_true` holds no outcomes or a prediction is not known.

    References
    ----------
    .. [1] M. A. Reyna et al., "Heart murmur detection from phonocardiogram recordings: The George
       B. Moody PhysioNet Challenge 2022", PLOS Digital Health 2(9), e0000324, 2023.
    .. [2] https://moody-challenge.physionet.org/2022/, section "Scoring".

    Examples
    --------
    >>> from skheart.metrics import circor_cost
    >>> y_true = ["Abnormal", "Normal", "Normal", "Normal"]
    >>> circor_cost(y_true, ["Abnormal"] * 4)  # 10 + 10000 for the experts + 10000/4
    12510.0
    >>> circor_cost(y_true, ["Normal"] * 4)  # 10 + 25 + 50000/4
    12535.0
    """
    check_consistent_length(y_true, y_pred)
    y_true, y_pred = labels_of(y_true, "y_true"), labels_of(y_pred, "y_pred")
    outcomes, answers = np.unique(y_true).tolist(), np.unique(y_pred).tolist()
    of_circor = pos_label == "Abnormal"
    if len(set(outcomes) - {pos_label}) > 1 or (of_circor and not OUTCOMES.issuperset(outcomes)):
        raise ValueError(
            f"y_true must hold outcomes, {pos_label!r} and one other; got {outcomes[:5]}. Murmurs "
            "have no cost of their own: give load_circor(..., target='outcome'), or pos_label."
        )
    if referred is None:
        referred = REFERRED if of_circor else (pos_label,)
        if of_circor and not {*REFERRED, *NOT_REFERRED}.issuperset(answers):
            raise ValueError(
                f"y_pred must hold outcomes or murmurs of CirCor, got {answers[:5]}. For other "
                "labels give those that are referred: referred=['ill']."
            )
    sent, ill = np.isin(y_pred, list(referred)), y_true == pos_label
    share = sent.mean()
    expert = 25 + 397 * share - 1718 * share**2 + 11296 * share**4
    return float(10 + expert + 10000 * np.mean(sent & ill) + 50000 * np.mean(~sent & ill))
