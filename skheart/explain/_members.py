"""Explanations by an ensemble: the mean of those by its members."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import softmax

from ..patients import TINY
from ._explanation import Maps

__all__ = ["averaged", "log_probabilities"]


def averaged(of_members):
    """Put the explanations of the same recordings by several members together.

    Logits are linear in the contributions, so that the means of both still belong together. So are
    probabilities by trees; what the mean of their logarithms, by which members predict, differs
    from their mean by is the term "members".

    Parameters
    ----------
    of_members : list of lists of Explanation
        For each member its explanations, in the order of the recordings.

    Returns
    -------
    list of Explanation
        One for each recording.

    Raises
    ------
    ValueError
        If members have cells of several sizes, or classes of several kinds.
    """
    if len(of_members) == 1:
        return of_members[0]
    return [_mean(parts) for parts in zip(*of_members, strict=True)]


def _mean(parts):
    """The mean of the explanations of one recording."""
    first = parts[0]
    for number, other in enumerate(parts):
        if not np.array_equal(other.classes, first.classes):
            raise ValueError(
                f"estimators_[{number}] has the classes {other.classes.tolist()} and "
                f"estimators_[0] {first.classes.tolist()}: explain them one by one."
            )
        if other.cell != first.cell or _shape(other) != _shape(first):
            raise ValueError(
                f"estimators_[{number}] decides on cells of {other.cell} frames and mel bins and "
                f"estimators_[0] on {first.cell} (maps of {_shape(other)} and {_shape(first)}), so "
                "that their maps have no mean: explain them one by one."
            )
    logits = np.mean([part.logits for part in parts], axis=0)
    base = np.mean([part.base for part in parts], axis=0)
    terms = _mean_terms([part.terms for part in parts])
    if first.scale == "probability":  # whose logarithms are averaged, as by PatientClassifier
        probabilities = softmax(np.mean([log_probabilities(part) for part in parts], axis=0))
        terms["members"] = probabilities - logits
        logits, base = probabilities, base + terms["members"]
    else:
        probabilities = softmax(logits)
    maps = {
        name: _mean_map([getattr(part.head, name) for part in parts])
        for name in ("attention", "class_map", "contribution")
    }
    return replace(
        first,
        label=first.classes[logits.argmax()],
        logits=logits,
        probabilities=probabilities,
        terms=terms,
        cycle=_mean_cycle([part.cycle for part in parts]),
        base=base,
        head=Maps(**maps, times=first.head.times, frequencies=first.head.frequencies),
    )


def log_probabilities(explanation):
    """Those that `PatientClassifier` averages."""
    return np.log(np.maximum(explanation.probabilities, TINY))


def _mean_terms(terms):
    if terms[0] is None:
        return None
    return {name: np.mean([one[name] for one in terms], axis=0) for name in terms[0]}


def _mean_cycle(cycles):
    """The mean of average cycles, which members with a segmenter in common see alike."""
    if cycles[0] is None:
        return None
    arrays = {
        name: np.mean([getattr(cycle, name) for cycle in cycles], axis=0)
        for name in ("contribution", "features", "edges")
    }
    same = all(
        one.shares is not None and np.array_equal(one.shares, cycles[0].shares) for one in cycles
    )
    return cycles[0]._replace(**arrays, shares=cycles[0].shares if same else None)


def _shape(explanation):
    return explanation.head.contribution.shape


def _mean_map(maps):
    """The mean of arrays; None where a member has none."""
    return None if any(one is None for one in maps) else np.mean(maps, axis=0)
