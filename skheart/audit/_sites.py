"""Whether a model works at a site that it has not seen, and whether the site can be told."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import _safe_indexing, check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.parallel import Parallel, delayed

from .._utils.tables import aligned
from .._utils.validation import check_groups
from ..audio import list_recordings
from ..evaluation import SubjectEvaluation, evaluate_by_subject, evaluate_predictions
from ..features import LogMelTransformer
from ..metrics import Interval

__all__ = ["SiteAudit", "site_audit"]

_NONE = Interval(np.nan, np.nan, np.nan)
_AT_ONCE = 64  # recordings whose log-mel features are held at a time


@dataclass(frozen=True, eq=False)
class SiteAudit:
    """Scores at sites that were in the training and at sites that were not.

    Parameters
    ----------
    frame : DataFrame
        A row per site: `site`, `subjects`, `recordings`, one column `n_<class>` of recordings per
        class; `pooled`, `pooled_low`, `pooled_high`: the UAR on the site, and its 95 % interval
        by subject, of models trained on other subjects of all sites; `unseen`, `unseen_low`,
        `unseen_high`: the same of a model trained on the other sites alone; `drop`: pooled less
        unseen; and `note`: why a number is NaN.
    pooled : SubjectEvaluation
        The predictions of the pooled cross-validation, for all recordings.
    unseen : ndarray of shape (n_recordings,)
        The label that the model of the other sites predicts for each recording; None where there
        was none to train.
    site_told : SubjectEvaluation
        Site of each recording, as predicted from the features out of fold; `site_told.uar` is
        the score.
    chance : float
        UAR of guessing the site: one over the number of sites.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skheart.audit import site_audit
    >>> rng = np.random.default_rng(0)
    >>> site, y = np.repeat(["a", "b"], 60), np.tile([0, 1], 60)
    >>> X = rng.normal(size=(120, 4)) + 2 * y[:, np.newaxis] + 3 * (site == "b")[:, np.newaxis]
    >>> audit = site_audit(LogisticRegression(), X, y, site, np.arange(120), random_state=0)
    >>> audit.frame[["site", "subjects"]].values.tolist(), audit.chance
    ([['a', 60], ['b', 60]], 0.5)
    """

    frame: object
    pooled: SubjectEvaluation
    unseen: np.ndarray
    site_told: SubjectEvaluation
    chance: float

    def __str__(self):
        rows = [["site", "subjects", "recordings", "UAR pooled", "UAR unseen site", "drop"]]
        for row in self.frame.itertuples():
            rows.append(
                [
                    str(row.site),
                    str(row.subjects),
                    str(row.recordings),
                    _spoken(row.pooled, row.pooled_low, row.pooled_high),
                    _spoken(row.unseen, row.unseen_low, row.unseen_high),
                    "-" if np.isnan(row.drop) else f"{row.drop:+.3f}",
                ]
            )
        lines = [aligned(rows, n_left=1)]
        lines += [f"{row.site}: {row.note}" for row in self.frame.itertuples() if row.note]
        told = self.site_told
        lines.append(f"All sites pooled: UAR {_spoken(*self.pooled.uar)}")
        lines.append(
            f"Site told from the features: UAR {_spoken(*told.uar)}, chance {self.chance:.3f} "
            f"({told.n_subjects} subjects, {told.n_recordings} recordings)"
        )
        return "\n".join(lines)


def _spoken(estimate, low, high):
    if np.isnan(estimate):
        return "-"
    return f"{estimate:.3f} [{low:.3f}, {high:.3f}]"


def site_audit(
    estimator,
    X,
    y,
    site,
    groups,
    *,
    cv=5,
    features=None,
    random_state=None,
    n_jobs=None,
    verbose=0,
):
    """Compare the score at each site with that of models that never heard the site.

    Sites, and databases, differ in rig, room, patients and share of the ill, and a model may
    learn the site rather than the heart. Three things are measured, all by subject: the pooled
    cross-validation's UAR at each site; the UAR there of a model trained on the other sites
    alone; and how well a plain logistic regression tells the site from the features. A model that
    hears hearts scores about the same in the first two. A low score at an unseen site together
    with a site that is easily told says that the pooled score is of the rig.

    Parameters
    ----------
    estimator : classifier
        Cloned for each training.
    X : array-like or list of length n
        Recordings or features: whatever `estimator` takes.
    y : array-like of shape (n,)
        Labels.
    site : array-like of shape (n,)
        Site or database of each recording, at least two.
    groups : array-like of shape (n,)
        The subject of each recording. A subject may be at several sites: no model is tested on a
        subject that it was trained on, and where that needs it, a site is predicted in folds.
    cv : int or cross-validation splitter, default=5
        As in :func:`skheart.evaluation.evaluate_by_subject`.
    features : array-like of shape (n, n_features) or (n, n_frames, n_mels), default=None
        From what the site is told; of 3-D features the mean and the deviation over frames are
        taken. None: `X` if it is an array of numbers of 2 or 3 dimensions, else the log-mel
        features of its recordings (:class:`skheart.LogMelTransformer`, without learnt scaling;
        arrays are taken to be at 4 kHz). For rows of samples at another rate give features.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds and of the intervals. The estimator has its own.
    n_jobs : int, default=None
        Trainings that run at the same time. None means 1 and -1 all processors.
    verbose : int, default=0
        1 shows progress on standard error.

    Returns
    -------
    audit : SiteAudit
        The table, the predictions, and a text with both.

    Raises
    ------
    ValueError
        If there is one site only, if a site has fewer subjects than there are folds, or as
        :func:`skheart.evaluation.evaluate_by_subject` raises.

    Notes
    -----
    At a site of one class there is nothing to tell apart: its UAR is NaN, and `note` says so. The
    intervals resample the subjects of a site and do not hold the spread between trainings. A
    model of the other sites is trained on less data than a pooled one, so that a part of a drop
    may be due to that.

    References
    ----------
    .. [1] J. R. Zech et al., "Variable generalization performance of a deep learning model to
       detect pneumonia in chest radiographs: A cross-sectional study", PLoS Medicine 15(11),
       2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skheart.audit import site_audit
    >>> rng = np.random.default_rng(0)
    >>> y, site = rng.integers(0, 2, 200), np.repeat(["rig 1", "rig 2"], 100)
    >>> X = rng.normal(size=(200, 3))
    >>> X[:, 0] += 4 * np.where(site == "rig 1", y, 1 - y)  # the rigs contradict each other
    >>> X[:, 1] += 9 * (site == "rig 2")
    >>> audit = site_audit(LogisticRegression(), X, y, site, np.arange(200), random_state=0)
    >>> print(audit.site_told.uar.estimate, audit.frame["unseen"].max() < 0.2)
    1.0 True
    """
    import pandas as pd

    check_consistent_length(X, y, site, groups, features)
    y, groups = column_or_1d(y), check_groups(groups)
    site = _sites(site, groups, cv)
    random_state = check_random_state(random_state)
    told_from = _summary(_features(X, n_jobs, verbose) if features is None else features)
    seeds = random_state.randint(2**31 - 1, size=3).tolist()
    shared = {"cv": cv, "n_jobs": n_jobs, "verbose": verbose}
    pooled = evaluate_by_subject(
        estimator, X, y, groups, random_state=seeds[0], name="all sites", **shared
    )
    teller = make_pipeline(
        StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000)
    )
    site_told = evaluate_by_subject(
        teller, told_from, site, groups, random_state=seeds[1], name="site", **shared
    )
    trainings = _trainings(site, groups, pooled.fold)
    unseen = _predict_unseen(estimator, X, y, trainings, n_jobs, verbose)
    rows = [_row(s, y, site, groups, pooled, unseen, seeds[2]) for s in np.unique(site)]
    return SiteAudit(pd.DataFrame(rows), pooled, unseen, site_told, 1 / len(rows))


def _sites(site, groups, cv):
    """Sites as an array: none missing, at least two, each with a subject per fold."""
    from pandas import isna

    missing = np.flatnonzero(isna(np.asarray(site, dtype=object)))
    if len(missing):
        raise ValueError(
            f"site is not known for {len(missing)} recordings, the first in row {missing[0]}. "
            "Name a site in every row, or leave these recordings out."
        )
    site = np.asarray(site)
    site = column_or_1d(site.astype(str) if site.dtype == object else site)
    names = np.unique(site)
    if len(names) < 2:
        raise ValueError(
            f"site holds {str(names[0])!r} alone: to compare sites takes at least two."
        )
    for name in names if isinstance(cv, Integral) else ():
        n_subjects = len(np.unique(groups[site == name]))
        if n_subjects < cv:
            raise ValueError(
                f"Site {name} has {n_subjects} subjects, fewer than the {cv} folds. Use fewer "
                "folds, merge sites, or leave this one out."
            )
    return site


def _features(X, n_jobs, verbose):
    """What the site is told from: X itself, or mean and deviation of log-mel bins."""
    recordings = list_recordings(X)
    if recordings is None:
        return np.asarray(X)
    logmel = LogMelTransformer(standardize=False, n_jobs=n_jobs).fit(recordings[:1])
    starts = range(0, len(recordings), _AT_ONCE)
    if verbose:
        from tqdm import tqdm

        starts = tqdm(starts, desc="log-mel", unit=f"{_AT_ONCE} recordings")
    return np.concatenate(
        [_summary(logmel.transform(recordings[start : start + _AT_ONCE])) for start in starts]
    )


def _summary(features):
    """Features as rows: mean and deviation over the frames of those that have frames."""
    features = np.asarray(features)
    if features.ndim not in (2, 3):
        raise ValueError(
            f"features has shape {features.shape}: pass an array of shape (n, n_features) or "
            "(n, n_frames, n_mels)."
        )
    if features.ndim == 2:
        return features
    return np.hstack([features.mean(axis=1), features.std(axis=1)])


def _trainings(site, groups, fold):
    """Rows to train on and to predict, (train, test), for all sites: subjects never on both."""
    for name in np.unique(site):
        here = site == name
        # Where nobody was elsewhere, one training on the other sites does for the whole site.
        parts = fold if np.isin(groups[here], groups[~here]).any() else np.zeros(len(site), int)
        for part in np.unique(parts[here]):
            test = here & (parts == part)
            train = ~here & ~np.isin(groups, groups[test])
            yield np.flatnonzero(train), np.flatnonzero(test)


def _predict_unseen(estimator, X, y, trainings, n_jobs, verbose):
    """The label of each recording by a model of the other sites; None if they have one class."""
    trainings = [(train, test) for train, test in trainings if len(np.unique(y[train])) > 1]
    outcomes = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_fit_and_predict)(clone(estimator), X, y, train, test) for train, test in trainings
    )
    if verbose:
        from tqdm import tqdm

        outcomes = tqdm(outcomes, total=len(trainings), desc="other sites", unit="training")
    unseen = np.full(len(y), None, dtype=object)
    for (_, test), labels in zip(trainings, outcomes, strict=True):
        unseen[test] = labels
    return unseen


def _fit_and_predict(estimator, X, y, train, test):
    return estimator.fit(_safe_indexing(X, train), y[train]).predict(_safe_indexing(X, test))


def _row(name, y, site, groups, pooled, unseen, seed):
    """A row of the table: counts and both scores of one site."""
    here = site == name
    row = {
        "site": name.item(),
        "subjects": len(np.unique(groups[here])),
        "recordings": int(here.sum()),
        **{f"n_{label}": int((y[here] == label).sum()) for label in np.unique(y)},
    }
    notes = []
    scores = {"pooled": _NONE, "unseen": _NONE}
    present = np.unique(y[here])
    if len(present) < 2:
        notes.append(f"all recordings are {present[0]}, so that there is nothing to tell apart")
    else:
        scores["pooled"] = _score(y, pooled.y_pred, groups, here, seed)
        if any(label is None for label in unseen[here]):
            notes.append("the other sites have one class only, so that no model can be trained")
        else:
            scores["unseen"] = _score(y, unseen.astype(y.dtype), groups, here, seed)
            absent = np.setdiff1d(present, y[~here])
            if len(absent):
                notes.append(f"class {absent[0]} is at no other site, and cannot be learnt there")
    for kind, (estimate, low, high) in scores.items():
        row |= {kind: estimate, f"{kind}_low": low, f"{kind}_high": high}
    row["drop"] = row["pooled"] - row["unseen"]
    row["note"] = "; ".join(notes)
    return row


def _score(y, predicted, groups, here, seed):
    return evaluate_predictions(
        y[here], predicted[here], groups=groups[here], random_state=seed
    ).uar
