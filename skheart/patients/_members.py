"""The classifiers of recordings inside a classifier of patients: fitted fold by fold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed

from ._aggregate import mean_log_proba

__all__ = ["HeldOut", "Units", "fit_members"]


class Units(NamedTuple):
    """What is fitted on: recordings, windows of them, or recordings that were joined.

    Attributes
    ----------
    units : list or array
        What the estimator takes.
    y : ndarray of shape (n_units,)
        The label of each.
    origin : ndarray of int of shape (n_units,)
        The recording that each comes from; of joined ones, the first.
    """

    units: object
    y: np.ndarray
    origin: np.ndarray

    def among(self, recordings):
        """The units of these recordings, and their labels."""
        rows = np.flatnonzero(np.isin(self.origin, recordings))
        return _safe_indexing(self.units, rows), self.y[rows]


class HeldOut(NamedTuple):
    """What an estimator says of recordings that it was not fitted on.

    Attributes
    ----------
    alone : ndarray of shape (n_recordings, n_classes) or None
        Log-probabilities of each recording.
    mass : ndarray of shape (n_recordings, n_classes) or None
        What each weighs for "attention".
    joined : ndarray of shape (n_units, n_classes) or None
        Log-probabilities of recordings that were joined; there are no others then.
    """

    alone: np.ndarray | None
    mass: np.ndarray | None
    joined: np.ndarray | None


def fit_members(members, units, recordings, folds, *, levels, join, random_state, n_jobs, verbose):
    """Fit an estimator for each fold, and let it predict what it was not fitted on.

    Parameters
    ----------
    members : list of estimators
        One for each fold, not fitted.
    units : Units
        What is fitted on.
    recordings : list or array
        What is predicted.
    folds : list of (train, test)
        Rows of the recordings.
    levels : Levels
        From windows to recordings.
    join : bool
        Whether the units are joined recordings.
    random_state : RandomState or None
        Draws the seeds of the members; None leaves them their own.
    n_jobs, verbose : int
        As of `PatientClassifier`.

    Returns
    -------
    members : list of estimators
        Fitted.
    held_out : list of HeldOut or None
        Of each fold; None where nothing was held out.
    """
    for member in members if random_state is not None else ():
        _set_seeds(member, random_state)
    n_jobs = n_jobs if len(members) > 1 else 1  # another process would only cost its start
    results = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_fit_member)(member, units, recordings, levels, join, *fold)
        for member, fold in zip(members, folds, strict=True)
    )
    if verbose:
        from tqdm import tqdm

        results = tqdm(results, total=len(folds), desc="PatientClassifier", unit="fold")
    members, held_out = map(list, zip(*results, strict=True))
    return members, held_out


def _fit_member(member, units, recordings, levels, join, train, test):
    member.fit(*units.among(train))
    if not len(test):
        return member, None
    if join:
        return member, HeldOut(None, None, mean_log_proba([member], units.among(test)[0]))
    windows, parent = levels.windows(_safe_indexing(recordings, test))
    return member, HeldOut(*levels.of_recordings([member], windows, parent, len(test)), None)


def _set_seeds(estimator, random_state):
    """A new seed for every `random_state` of an estimator and of what is in it."""
    names = sorted(estimator.get_params())
    own = [n for n in names if n == "random_state" or n.endswith("__random_state")]
    seeds = random_state.randint(np.iinfo(np.int32).max, size=len(own)).tolist()
    estimator.set_params(**dict(zip(own, seeds, strict=True)))
