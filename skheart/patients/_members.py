"""Fitting the estimators inside a PatientClassifier, one per fold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed

from .._utils.parallel import track
from .._utils.splits import subject_folds
from ._recordings import join_recordings

__all__ = ["collect_held_out", "fit_members", "make_examples", "make_folds"]


class TrainingExamples(NamedTuple):
    """What the estimators are fitted on: recordings, windows of them, or joined recordings.

    `recording` is the row of the recording that an example comes from (of joined recordings, the
    first), and `whole` the number of the recording or joined recording that it is a part of.
    """

    items: object
    y: np.ndarray
    recording: np.ndarray
    whole: np.ndarray

    def select(self, recordings):
        """Return the examples of some recordings."""
        rows = np.flatnonzero(np.isin(self.recording, recordings))
        return TrainingExamples(_safe_indexing(self.items, rows), *(a[rows] for a in self[1:]))


def make_folds(model, y, subject, random_state):
    """Return rows to fit on and rows to hold out, for each estimator of a PatientClassifier."""
    folds = [] if model.cv is None else subject_folds(y, subject, model.cv, random_state)
    if model.cv is None or not model.ensemble:
        folds += [(np.arange(len(y)), np.array([], int))] * model.n_estimators
    return folds


def make_examples(recordings, y, patient, first, aggregator, join):
    """Cut recordings into windows, or join those of each patient, for training.

    `patient` numbers the patient of each recording, and `first` holds the first recording of each
    patient.
    """
    if join:
        joined = join_recordings(recordings, patient, len(first), aggregator.sr)
        return TrainingExamples(joined, y[first], first, np.arange(len(first)))
    windows, parent = aggregator.cut(recordings)
    return TrainingExamples(windows, y[parent], parent, parent)


def fit_members(members, examples, folds, *, aggregator, random_state, n_jobs, verbose):
    """Fit one estimator per fold and score the recordings that it was not fitted on.

    `folds` holds (train, test) rows of the recordings. `random_state` draws the seeds of the
    members; None leaves them. Returns the fitted members and for each fold (wholes, log_proba,
    mass), the numbers of the wholes that were held out and their scores, see
    `Aggregator.score_recordings`, or None if the fold holds nothing out.
    """
    for member in members if random_state is not None else ():
        _set_seeds(member, random_state)
    n_jobs = n_jobs if len(members) > 1 else 1  # one fit gains nothing from a process of its own
    results = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_fit_member)(member, examples, aggregator, *fold)
        for member, fold in zip(members, folds, strict=True)
    )
    results = track(results, len(folds), "PatientClassifier", verbose, unit="fold")
    members, held_out = map(list, zip(*results, strict=True))
    return members, held_out


def collect_held_out(held_out, shape):
    """Return the held-out scores of all folds as two arrays (n_wholes, n_classes)."""
    log_proba, mass = np.zeros((2, *shape))
    for wholes, fold_log_proba, fold_mass in filter(None, held_out):
        log_proba[wholes] = fold_log_proba
        mass[wholes] = 0 if fold_mass is None else fold_mass
    return log_proba, mass


def _fit_member(member, examples, aggregator, train, test):
    training = examples.select(train)
    member.fit(training.items, training.y)
    if not len(test):
        return member, None
    held_out = examples.select(test)
    wholes, parent = np.unique(held_out.whole, return_inverse=True)
    scores = aggregator.score_recordings([member], held_out.items, parent, len(wholes))
    return member, (wholes, *scores)


def _set_seeds(estimator, random_state):
    """Draw a seed for every `random_state` parameter of an estimator and its parts."""
    names = sorted(estimator.get_params())
    own = [n for n in names if n == "random_state" or n.endswith("__random_state")]
    seeds = random_state.randint(np.iinfo(np.int32).max, size=len(own)).tolist()
    estimator.set_params(**dict(zip(own, seeds, strict=True)))
