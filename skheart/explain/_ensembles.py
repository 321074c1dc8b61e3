"""Combine explanations: the mean over members of an ensemble, and one part of a vote."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import softmax

from ..patients import TINY
from ._estimators import weighted_votes
from ._explanation import Maps

__all__ = ["add_votes", "average_members", "log_probabilities"]


def average_members(of_members):
    """Average the explanations of the same recordings over the members of an ensemble.

    Logits are linear in the contributions, so their means still agree; so are the probabilities of
    trees. A `PatientClassifier` averages log-probabilities instead: the difference between the two
    means is the term "members".

    `of_members` holds, for each member, one explanation per recording. Raises a ValueError if
    members differ in their classes or in the grid of their maps.
    """
    if len(of_members) == 1:
        return of_members[0]
    return [_average(parts) for parts in zip(*of_members, strict=True)]


def log_probabilities(explanation):
    """Log-probabilities as `PatientClassifier` averages them."""
    return np.log(np.maximum(explanation.probabilities, TINY))


def _average(parts):
    """Average the explanations of one recording."""
    first = parts[0]
    for number, other in enumerate(parts):
        _check_same_grid(first, other, number)
    logits = np.mean([part.logits for part in parts], axis=0)
    base = np.mean([part.base for part in parts], axis=0)
    terms, cycle = None, None
    if first.scale == "probability":
        probabilities = softmax(np.mean([log_probabilities(part) for part in parts], axis=0))
        terms = {name: np.mean([p.terms[name] for p in parts], axis=0) for name in first.terms}
        terms["members"] = probabilities - logits
        logits, base = probabilities, base + terms["members"]
        cycle = _average_cycle([part.cycle for part in parts])
    else:
        probabilities = softmax(logits)
    maps = [
        None if any(one is None for one in of_parts) else np.mean(of_parts, axis=0)
        for of_parts in zip(*(part.head[:3] for part in parts), strict=True)
    ]
    return replace(
        first,
        label=first.classes[logits.argmax()],
        logits=logits,
        probabilities=probabilities,
        terms=terms,
        cycle=cycle,
        base=base,
        head=Maps(*maps, first.head.times, first.head.frequencies),
    )


def _check_same_grid(first, other, number):
    if not np.array_equal(other.classes, first.classes):
        raise ValueError(
            f"estimators_[{number}] has the classes {other.classes.tolist()}, but estimators_[0] "
            f"has {first.classes.tolist()}. Explain the members one by one."
        )
    grids = [one.head.contribution.shape for one in (first, other)]
    if other.cell != first.cell or grids[0] != grids[1]:
        raise ValueError(
            f"estimators_[{number}] has maps of {grids[1]} with cells of {other.cell}, but "
            f"estimators_[0] has {grids[0]} and {first.cell}. Explain the members one by one."
        )


def _average_cycle(cycles):
    """Average heart cycles; members that share a segmenter also share the frames of each cell."""
    arrays = {
        name: np.mean([getattr(cycle, name) for cycle in cycles], axis=0)
        for name in ("contribution", "features", "edges")
    }
    shares = cycles[0].shares
    if not all(
        cycle.shares is not None and np.array_equal(cycle.shares, shares) for cycle in cycles
    ):
        shares = None
    return cycles[0]._replace(**arrays, shares=shares)


def add_votes(explanations, part, X):
    """Turn explanations of one part of a vote into explanations of the vote.

    Decision paths then sum to the probability of the vote: the other votes are terms of `base`.
    A network keeps its own logits, because a vote averages probabilities.

    Explanations of a part without a vote are returned unchanged.
    """
    vote = part.vote
    if vote is None:
        return explanations
    named = {"classes": vote.classes_, "part": part.name}
    if part.method != "decision_path":
        return [
            replace(one, label=vote.classes_[one.logits.argmax()], **named) for one in explanations
        ]
    votes = weighted_votes(vote)
    (weight,) = (weight for name, _, weight in votes if name == part.name)
    others = {
        f"vote of {name}": other_weight * member.predict_proba(X)
        for name, member, other_weight in votes
        if name != part.name
    }
    explained = []
    for row, one in enumerate(explanations):
        votes_of_others = {name: values[row] for name, values in others.items()}
        sum_of_others = sum(votes_of_others.values(), np.zeros(len(one.classes)))
        total = weight * one.logits + sum_of_others
        contribution = np.float32(weight) * one.head.contribution
        of_cycle = np.float32(weight) * one.cycle.contribution
        explained.append(
            replace(
                one,
                label=vote.classes_[total.argmax()],
                logits=total,
                probabilities=total,
                base=weight * one.base + sum_of_others,
                head=one.head._replace(contribution=contribution),
                cycle=one.cycle._replace(contribution=of_cycle),
                terms={name: weight * term for name, term in one.terms.items()} | votes_of_others,
                **named,
            )
        )
    return explained
