"""Aggregation of probabilities: windows to recordings, recordings to sites and patients."""

from __future__ import annotations

from numbers import Real
from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax, logsumexp

from ..classifiers import attention_mass
from ._recordings import cut_windows

__all__ = ["RULES", "Aggregator", "aggregate", "log_odds", "mean_log_proba", "resolve_weights"]

RULES = ("mean_probability", "mean_logit", "noisy_or", "attention")
TINY = 1e-12  # smallest probability whose logarithm is taken
BLOCK = 64  # recordings predicted at once, to bound the memory of their features


def aggregate(log_proba, parent, n_parents, *, rule, negative=0, mass=None):
    """Aggregate log-probabilities (n, n_classes) of parts to those of their wholes.

    `parent` numbers the whole of each part, and every whole has a part. The rules are those of
    `PatientClassifier`; "noisy_or" uses the column `negative` of the negative class, "attention"
    the attention mass (n, n_classes) of the parts.
    """
    log_proba = np.maximum(log_proba, np.log(TINY))
    size = np.bincount(parent, minlength=n_parents)[:, np.newaxis]
    if rule == "mean_probability":
        result = np.log(_sum_parts(np.exp(log_proba), parent, n_parents) / size)
    elif rule == "mean_logit":
        result = _sum_parts(log_proba, parent, n_parents) / size
    elif rule == "attention":
        result = _sum_parts(log_proba * mass, parent, n_parents)
        result /= _sum_parts(mass, parent, n_parents)
    else:
        log_absent = np.log1p(-np.minimum(np.exp(log_proba), 1 - TINY))
        absent_in_all = _sum_parts(log_absent, parent, n_parents)
        result = np.log(np.maximum(-np.expm1(absent_in_all), TINY))
        result[:, negative] = _sum_parts(log_proba, parent, n_parents)[:, negative]
    return log_softmax(result, axis=1)


def _sum_parts(values, parent, n_parents):
    sums = np.zeros((n_parents, values.shape[1]))
    np.add.at(sums, parent, values)
    return sums


def log_odds(log_proba):
    """Return log-odds (n, n_classes) of each class against the others.

    Of two classes, only those of the second are returned, (n, 1).
    """
    log_proba = np.maximum(log_proba, np.log(TINY))
    n_classes = log_proba.shape[1]
    columns = [1] if n_classes == 2 else list(range(n_classes))
    others = [logsumexp(np.delete(log_proba, k, axis=1), axis=1) for k in columns]
    return log_proba[:, columns] - np.stack(others, axis=1)


def resolve_weights(decision_weight, classes, codes):
    """Return the decision weight of each class, given the class codes of the training patients."""
    if decision_weight is None:
        return np.ones(len(classes))
    if isinstance(decision_weight, str):
        return len(codes) / (len(classes) * np.bincount(codes))
    labels, weights = classes.tolist(), decision_weight.values()
    positive = all(isinstance(weight, Real) and 0 < weight < np.inf for weight in weights)
    if set(decision_weight) != set(labels) or not positive:
        raise ValueError(
            f"decision_weight={decision_weight!r} must give a finite weight above 0 for each of "
            f"the classes {labels}, and for no other."
        )
    return np.array([decision_weight[label] for label in labels], dtype=float)


def mean_log_proba(members, recordings):
    """Average the log-probabilities of several estimators."""
    blocks = [recordings]
    if isinstance(recordings, list):
        starts = range(0, len(recordings), BLOCK)
        blocks = [recordings[start : start + BLOCK] for start in starts]
    by_member = [
        np.concatenate([np.log(np.maximum(m.predict_proba(b), TINY)) for b in blocks])
        for m in members
    ]
    return log_softmax(np.mean(by_member, axis=0), axis=1)


class Aggregator(NamedTuple):
    """Cuts recordings into windows and aggregates scores to recordings, sites and patients.

    The fields are parameters of `PatientClassifier`, `negative` as a column. `rule` is None if
    recordings are joined, which needs no aggregation.
    """

    window: float | None
    overlap: float
    sr: int
    rule: str | None
    negative: int

    def cut(self, recordings):
        """Return windows in order, and the recording of each."""
        if self.window is None:
            return recordings, np.arange(len(recordings))
        return cut_windows(recordings, self.window, self.overlap, self.sr)

    def score_recordings(self, members, windows, parent, n_recordings):
        """Return log-probabilities of recordings and, for "attention", their mass (else None)."""
        log_proba, mass = mean_log_proba(members, windows), None
        if self.rule == "attention":
            mass = np.mean([attention_mass(member, windows) for member in members], axis=0)
        if self.window is not None:
            log_proba = self._aggregate(log_proba, parent, n_recordings, mass)
            mass = None if mass is None else _sum_parts(mass, parent, n_recordings)
        return log_proba, mass

    def score_patients(self, log_proba, mass, patient, n_patients, site):
        """Return log-probabilities of patients; known sites are aggregated first."""
        if site is not None and self.rule != "attention":
            # Number the pairs of patient and site.
            pair = np.unique(site, return_inverse=True)[1] + patient * len(np.unique(site))
            pair, first, parent = np.unique(pair, return_index=True, return_inverse=True)
            log_proba = self._aggregate(log_proba, parent, len(pair))
            patient = patient[first]
        return self._aggregate(log_proba, patient, n_patients, mass)

    def _aggregate(self, log_proba, parent, n_parents, mass=None):
        rule, negative = self.rule, self.negative
        return aggregate(log_proba, parent, n_parents, rule=rule, negative=negative, mass=mass)
