"""From windows to recordings and from these to patients: how probabilities are put together."""

from __future__ import annotations

from numbers import Real
from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax, logsumexp

from ..classifiers import attention_mass
from ._recordings import cut_windows

__all__ = ["RULES", "Levels", "aggregate", "decision_weights", "log_odds", "mean_log_proba"]

RULES = ("mean_probability", "mean_logit", "noisy_or", "attention")
# Below it the logarithm of a probability says no more.
TINY = 1e-12
# Recordings of which the features are held at once in prediction.
BLOCK = 64


def aggregate(log_proba, parent, n_parents, *, rule, negative=0, mass=None):
    """Put the probabilities of parts (windows, recordings) together to those of their wholes.

    Parameters
    ----------
    log_proba : ndarray of shape (n, n_classes)
        Logarithms of the class probabilities of each part.
    parent : ndarray of int of shape (n,)
        The whole that each part belongs to, from 0 on; every whole has a part.
    n_parents : int
        Number of wholes.
    rule : {"mean_probability", "mean_logit", "noisy_or", "attention"}
        "mean_probability" takes the mean of the probabilities, "mean_logit" that of their
        logarithms. "noisy_or": a whole has a class if at least one of its parts has, each by
        itself; it has the negative class if all parts have. "attention": the mean of the
        logarithms weighted by `mass`.
    negative : int, default=0
        Column of the class that stands for nothing found, for "noisy_or".
    mass : ndarray of shape (n, n_classes), default=None
        What each part weighs, for "attention".

    Returns
    -------
    log_proba : ndarray of shape (n_parents, n_classes)
    """

    def total(values):
        sums = np.zeros((n_parents, values.shape[1]))
        np.add.at(sums, parent, values)
        return sums

    size = np.bincount(parent, minlength=n_parents)[:, np.newaxis]
    log_proba = np.maximum(log_proba, np.log(TINY))
    if rule == "mean_probability":
        together = np.log(total(np.exp(log_proba)) / size)
    elif rule == "mean_logit":
        together = total(log_proba) / size
    elif rule == "attention":
        together = total(log_proba * mass) / total(mass)
    else:
        none_has_it = total(np.log1p(-np.minimum(np.exp(log_proba), 1 - TINY)))
        together = np.log(np.maximum(-np.expm1(none_has_it), TINY))
        together[:, negative] = total(log_proba)[:, negative]
    return log_softmax(together, axis=1)


def log_odds(log_proba):
    """Log-odds of each class against the others; of two classes, of the second alone.

    Parameters
    ----------
    log_proba : ndarray of shape (n, n_classes)
        Logarithms of class probabilities.

    Returns
    -------
    odds : ndarray of shape (n, n_classes), or (n, 1) for two classes
    """
    log_proba = np.maximum(log_proba, np.log(TINY))
    classes = range(log_proba.shape[1])
    columns = [1] if len(classes) == 2 else classes
    others = [logsumexp(np.delete(log_proba, k, axis=1), axis=1) for k in columns]
    return log_proba[:, list(columns)] - np.stack(others, axis=1)


def decision_weights(given, classes, codes):
    """What it is worth to be right about each class, (n_classes,).

    Parameters
    ----------
    given : dict, "balanced" or None
        As `decision_weight` of `PatientClassifier`.
    classes : ndarray of shape (n_classes,)
        The labels.
    codes : ndarray of int of shape (n_patients,)
        The class of each training patient.
    """
    if given is None:
        return np.ones(len(classes))
    if isinstance(given, str):
        return len(codes) / (len(classes) * np.bincount(codes))
    labels = classes.tolist()
    if set(given) != set(labels) or not all(
        isinstance(weight, Real) and 0 < weight < np.inf for weight in given.values()
    ):
        raise ValueError(
            f"decision_weight={given!r} must give a weight above 0 for each of the classes "
            f"{labels}, and for no other."
        )
    return np.array([given[label] for label in labels], dtype=float)


def mean_log_proba(members, recordings):
    """Log-probabilities of recordings by several estimators: the mean of those of each."""
    blocks = [recordings]
    if isinstance(recordings, list):  # not the features of all at once
        starts = range(0, len(recordings), BLOCK)
        blocks = [recordings[start : start + BLOCK] for start in starts]
    by_member = [
        np.concatenate([np.log(np.maximum(m.predict_proba(b), TINY)) for b in blocks])
        for m in members
    ]
    return log_softmax(np.mean(by_member, axis=0), axis=1)


class Levels(NamedTuple):
    """The way from recordings over windows and back, and on to sites and patients.

    Attributes
    ----------
    window : float or None
        Length of a window in seconds; None for recordings as they are.
    overlap : float
        Share of a window that the next one has too.
    sr : int
        Rate in Hz.
    rule : str
        One of `RULES`.
    negative : int
        Column of the class that stands for nothing found.
    """

    window: float | None
    overlap: float
    sr: int
    rule: str
    negative: int

    def windows(self, recordings):
        """Windows in order, and the recording of each."""
        if self.window is None:
            return recordings, np.arange(len(recordings))
        return cut_windows(recordings, self.window, self.overlap, self.sr)

    def of_recordings(self, members, windows, parent, n_recordings):
        """Log-probabilities of recordings by several estimators; their mass for "attention"."""
        log_proba, mass = mean_log_proba(members, windows), None
        if self.rule == "attention":
            mass = np.mean([attention_mass(member, windows) for member in members], axis=0)
        if self.window is None:
            return log_proba, mass
        log_proba = self._put_together(log_proba, parent, n_recordings, mass)
        if mass is not None:
            total = np.zeros((n_recordings, mass.shape[1]))
            np.add.at(total, parent, mass)
            mass = total
        return log_proba, mass

    def of_patients(self, log_proba, mass, patient, n_patients, site):
        """Log-probabilities of patients; where sites are known, of the sites before."""
        if site is not None and self.rule != "attention":
            place = np.unique(site, return_inverse=True)[1] + patient * len(np.unique(site))
            place, first, at = np.unique(place, return_index=True, return_inverse=True)
            log_proba = self._put_together(log_proba, at, len(place))
            patient = patient[first]
        return self._put_together(log_proba, patient, n_patients, mass)

    def _put_together(self, log_proba, parent, n_parents, mass=None):
        rule, negative = self.rule, self.negative
        return aggregate(log_proba, parent, n_parents, rule=rule, negative=negative, mass=mass)
