"""Scores of the PhysioNet challenges on heart sounds of 2016 and 2022."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d

from ._validation import check_label_array, check_labels, check_weights, resolve_pos_label

__all__ = ["circor_cost", "circor_weighted_accuracy", "physionet2016_macc"]

MURMUR_WEIGHTS = {"Present": 5, "Unknown": 3, "Absent": 1}
OUTCOME_WEIGHTS = {"Abnormal": 5, "Normal": 1}
REFERRED = ("Abnormal", "Present", "Unknown")


def physionet2016_macc(
    y_true, y_pred, *, clean=None, clean_share=None, pos_label=None, unsure_label=0
):
    """Modified accuracy (MAcc) of the PhysioNet/CinC challenge 2016: mean of two recalls.

    Without `clean` it is (sensitivity + specificity) / 2, and the answer `unsure_label` is never
    correct. With `clean` it is the score of the challenge [1]_ [2]_: "unsure" is correct for noisy
    recordings and wrong for clean ones, and

    .. math:: Se = w_a \\frac{Aa_1}{Aa_1 + Aq_1 + An_1}
                 + (1 - w_a) \\frac{Aa_2 + Aq_2}{Aa_2 + Aq_2 + An_2}

    where A is an abnormal recording, the second letter is the answer (abnormal, unsure, normal),
    1 means clean and 2 noisy, and :math:`w_a` is the proportion of clean recordings among the
    abnormal ones. The specificity is defined likewise for normal recordings.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels of two classes: -1 and 1 in the challenge.
    y_pred : array-like of shape (n_samples,)
        Predicted labels: those of `y_true` or `unsure_label`.
    clean : array-like of bool of shape (n_samples,), default=None
        Whether a recording has good quality: `sqi` is 1 in the frame of
        :func:`skheart.datasets.load_physionet2016`.
    clean_share : tuple of two floats, default=None
        Proportions of clean recordings among the abnormal and among the normal ones. None: those
        of `y_true`. The challenge used those of its complete hidden test set.
    pos_label : str or int, default=None
        The abnormal class. None: 1, True, "Present" or "Abnormal", whichever occurs.
    unsure_label : str or int, default=0
        The answer "unsure". Text labels need one to be passed to have this answer.

    Returns
    -------
    score : float
        From 0 to 1, higher is better. If all recordings of a class are clean (or all noisy), its
        `clean_share` is ignored.

    Raises
    ------
    ValueError
        If `y_true` does not have two classes, if a prediction is neither of them nor "unsure", or
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
    y_true, y_pred = check_labels(y_true, y_pred)
    classes = np.unique(y_true).tolist()
    if len(classes) != 2 or unsure_label in classes:
        raise ValueError(
            f"y_true must have two classes other than unsure_label={unsure_label!r}. Got "
            f"{classes[:5]}. If 0 is a class, pass another unsure_label."
        )
    positive = resolve_pos_label(pos_label, y_true)
    unknown = sorted({*y_pred.tolist(), positive} - {*classes, unsure_label})
    if unknown or positive not in classes:
        raise ValueError(
            f"pos_label and the labels in y_pred must be in {classes}, or unsure_label="
            f"{unsure_label!r} in y_pred. Got {[*unknown, positive][0]!r}."
        )
    clean = np.ones(len(y_true), dtype=bool) if clean is None else _check_clean(clean, y_true)
    shares = (None, None) if clean_share is None else _check_shares(clean_share)
    negative = classes[1 - classes.index(positive)]
    recalls = []
    for label, share in zip((positive, negative), shares, strict=True):
        correct = (y_pred == label) | (~clean & (y_pred == unsure_label))
        parts = [correct[(y_true == label) & part] for part in (clean, ~clean)]
        if share is None or not all(map(len, parts)):
            recalls.append(np.concatenate(parts).mean())
        else:
            recalls.append(share * parts[0].mean() + (1 - share) * parts[1].mean())
    return float(np.mean(recalls))


def _check_clean(clean, y_true):
    clean = column_or_1d(clean)
    check_consistent_length(y_true, clean)
    if not np.isin(clean, [0, 1]).all():
        raise ValueError(
            "clean must contain only True and False. Got "
            f"{sorted(set(clean.tolist()), key=str)[:5]}. To treat recordings of unknown quality "
            "as clean, pass `sqi != 0`."
        )
    return clean.astype(bool)


def _check_shares(clean_share):
    shares = tuple(clean_share) if np.iterable(clean_share) else (clean_share,)
    if len(shares) != 2 or not all(0 <= share <= 1 for share in shares):
        raise ValueError(
            "clean_share must be two numbers from 0 to 1, for the abnormal and the normal "
            f"recordings. Got {clean_share!r}."
        )
    return shares


def circor_weighted_accuracy(y_true, y_pred, *, weights=None, sample_weight=None):
    """Weighted accuracy of the George B. Moody PhysioNet challenge 2022.

    Accuracy in which each patient is weighted by the true class [1]_ [2]_: murmur Present 5,
    Unknown 3, Absent 1; outcome Abnormal 5, Normal 1. For murmurs it is
    (5 TP_Present + 3 TP_Unknown + TP_Absent) / (5 P + 3 U + A). The challenge scores patients, so
    pass one row per patient to compare with it.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_pred : array-like of shape (n_samples,)
        Predicted labels.
    weights : dict, default=None
        Weight of each class, for other labels or weights. None: those of the murmur or of the
        outcome, depending on the labels.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weight of each row, by which the weight of its class is multiplied.

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
    y_true, y_pred = check_labels(y_true, y_pred)
    if weights is None:
        weights = OUTCOME_WEIGHTS if y_true[0] in OUTCOME_WEIGHTS else MURMUR_WEIGHTS
    if not (np.isin(y_true, list(weights)) & np.isin(y_pred, list(weights))).all():
        raise ValueError(
            f"The labels must be in {list(weights)}. Got {np.union1d(y_true, y_pred)[:6].tolist()}."
            " For other labels pass the weight of each class: weights={'ill': 5, 'well': 1}."
        )
    of_row = sum(weight * (y_true == label) for label, weight in weights.items())
    if not np.isfinite(of_row).all() or (of_row < 0).any() or not of_row.any():
        raise ValueError(f"weights must be finite, not negative and not all 0. Got {weights}.")
    of_row = of_row * check_weights(sample_weight, y_true)
    return float(np.average(y_true == y_pred, weights=of_row))


def circor_cost(y_true, y_pred, *, pos_label="Abnormal", referred=None):
    """Cost per patient of the George B. Moody PhysioNet challenge 2022: lower is better.

    An algorithm screens all n patients and refers m of them to an expert, who makes no errors and
    treats those with an abnormal outcome. An abnormal patient who is not referred is treated too
    late. The mean cost per patient is [1]_ [2]_

    .. math:: \\frac{10 n + c(m/n)\\, n + 10000\\, TP + 50000\\, FN}{n},
       \\quad c(x) = 25 + 397 x - 1718 x^2 + 11296 x^4.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True outcomes, one row per patient.
    y_pred : array-like of shape (n_samples,)
        Predicted outcomes, or predicted murmurs, whose cost the challenge reported too.
    pos_label : str, int or bool, default="Abnormal"
        The outcome that needs treatment.
    referred : sequence of labels, default=None
        Predictions for which a patient is referred. None: "Abnormal", "Present" and "Unknown", or
        `pos_label` if another one is passed.

    Returns
    -------
    cost : float
        Cost per patient in the challenge's dollars.

    Raises
    ------
    ValueError
        If `y_true` does not contain outcomes or a prediction is unknown.

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
    y_true, y_pred = check_label_array(y_true, "y_true"), check_label_array(y_pred, "y_pred")
    outcomes, answers = set(y_true.tolist()), set(y_pred.tolist())
    of_circor = pos_label == "Abnormal"
    if len(outcomes - {pos_label}) > 1 or (of_circor and not outcomes <= OUTCOME_WEIGHTS.keys()):
        raise ValueError(
            f"y_true must contain outcomes: {pos_label!r} and one other. Got "
            f"{sorted(outcomes)[:5]}. Murmurs have no cost of their own: use "
            "load_circor(..., target='outcome'), or pass pos_label."
        )
    if referred is None:
        referred = REFERRED if of_circor else (pos_label,)
        if of_circor and not answers <= OUTCOME_WEIGHTS.keys() | MURMUR_WEIGHTS.keys():
            raise ValueError(
                f"y_pred must contain outcomes or murmurs of CirCor. Got {sorted(answers)[:5]}. "
                "For other labels pass those that are referred: referred=['ill']."
            )
    refers, abnormal = np.isin(y_pred, list(referred)), y_true == pos_label
    share = refers.mean()
    expert = 25 + 397 * share - 1718 * share**2 + 11296 * share**4
    missed = np.mean(~refers & abnormal)
    return float(10 + expert + 10000 * np.mean(refers & abnormal) + 50000 * missed)
