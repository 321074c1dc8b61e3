"""Scores at sites that a model was or was not trained on."""

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

from .._utils.parallel import track
from .._utils.validation import check_groups
from ..audio import as_recording_list
from ..evaluation import SubjectEvaluation, evaluate_by_subject, evaluate_predictions
from ..features import LogMelTransformer
from ..metrics import Interval

__all__ = ["SiteAudit", "site_audit"]

_BATCH = 64  # recordings whose log-mel features are held in memory at a time


@dataclass(frozen=True, eq=False)
class SiteAudit:
    """Scores at each site, by models trained with and without the site.

    Parameters
    ----------
    frame : DataFrame
        One row per site: `site`, `subjects`, `recordings` and the recordings per class,
        `n_<class>`; `pooled`, `pooled_low` and `pooled_high`, the UAR and its 95% confidence
        interval by subject of models trained on other subjects of all sites; `unseen`,
        `unseen_low` and `unseen_high`, the same of a model trained on the other sites alone;
        `drop`, pooled minus unseen; and `note`, why a score is NaN.
    pooled : SubjectEvaluation
        Predictions of the pooled cross-validation for all recordings.
    unseen : ndarray of shape (n_recordings,)
        Label predicted by the model of the other sites for each recording; None if there was no
        such model.
    site_told : SubjectEvaluation
        Out-of-fold prediction of the site from the features. `site_told.uar` is its score.
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
        table = self.frame[["subjects", "recordings"]].set_axis(self.frame["site"])
        table["UAR pooled"] = _format_scores(self.frame, "pooled")
        table["UAR unseen site"] = _format_scores(self.frame, "unseen")
        table["drop"] = ["-" if np.isnan(x) else f"{x:+.3f}" for x in self.frame["drop"]]
        lines = [table.rename_axis(index=None, columns="site").to_string()]
        notes = self.frame[self.frame["note"] != ""]
        lines += [f"{row.site}: {row.note}" for row in notes.itertuples()]
        told = self.site_told
        lines.append(f"All sites pooled: UAR {_format(*self.pooled.uar)}")
        lines.append(
            f"Site told from the features: UAR {_format(*told.uar)}, chance {self.chance:.3f} "
            f"({told.n_subjects} subjects, {told.n_recordings} recordings)"
        )
        return "\n".join(lines)


def _format(estimate, low, high):
    return "-" if np.isnan(estimate) else f"{estimate:.3f} [{low:.3f}, {high:.3f}]"


def _format_scores(frame, kind):
    scores = frame[[kind, f"{kind}_low", f"{kind}_high"]].to_numpy()
    return [_format(*score) for score in scores]


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
    """Compare the score at each site with that of models trained without the site.

    Sites, and databases, differ in device, room, patients and class proportions, and a model may
    learn the site rather than the heart. Three scores are measured by subject: the UAR at each
    site in a pooled cross-validation; the UAR there of a model trained on the other sites alone;
    and how well a logistic regression tells the site from the features. A model that hears hearts
    scores about the same in the first two. A low score at an unseen site, together with a site
    that is easily told, means that the pooled score reflects the devices.

    Parameters
    ----------
    estimator : classifier
        Cloned for each training.
    X : array-like or list of length n
        Recordings or features that `estimator` accepts.
    y : array-like of shape (n,)
        Labels.
    site : array-like of shape (n,)
        Site or database of each recording, at least two.
    groups : array-like of shape (n,)
        Subject of each recording. A subject may be at several sites: no model is tested on a
        subject that it was trained on, so such a site is predicted in folds.
    cv : int or cross-validation splitter, default=5
        As in :func:`skheart.evaluation.evaluate_by_subject`.
    features : array-like of shape (n, n_features) or (n, n_frames, n_mels), default=None
        Features to tell the site from; 3-D features are summarised by their mean and standard
        deviation over frames. None means `X` if it is an array of 2 or 3 dimensions, else the
        log-mel features of its recordings (:class:`skheart.LogMelTransformer` without
        standardisation; arrays are taken to be at 4 kHz). Pass features for rows of samples at
        another rate.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds and intervals. The estimator has its own.
    n_jobs : int, default=None
        Trainings that run at the same time. None means 1, -1 all processors.
    verbose : int, default=0
        1 shows progress bars on standard error.

    Returns
    -------
    audit : SiteAudit
        The table and the predictions. ``print(audit)`` shows a summary.

    Raises
    ------
    ValueError
        If there is only one site, if a site has fewer subjects than there are folds, or as
        :func:`skheart.evaluation.evaluate_by_subject` raises.

    Notes
    -----
    At a site with one class the UAR is NaN, and `note` says so. The intervals resample the
    subjects of a site and leave out the variation between trainings. A model of the other sites
    is trained on less data than a pooled one, which may explain part of a drop.

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
    >>> X[:, 0] += 4 * np.where(site == "rig 1", y, 1 - y)  # the sites contradict each other
    >>> X[:, 1] += 9 * (site == "rig 2")
    >>> audit = site_audit(LogisticRegression(), X, y, site, np.arange(200), random_state=0)
    >>> print(audit.site_told.uar.estimate, audit.frame["unseen"].max() < 0.2)
    1.0 True
    """
    import pandas as pd

    check_consistent_length(X, y, site, groups, features)
    y, groups = column_or_1d(y), check_groups(groups)
    site = _check_site(site, groups, cv)
    random_state = check_random_state(random_state)
    features = _log_mel_summary(X, n_jobs, verbose) if features is None else _summarise(features)
    seeds = random_state.randint(2**31 - 1, size=3).tolist()
    shared = {"cv": cv, "n_jobs": n_jobs, "verbose": verbose}
    pooled = evaluate_by_subject(
        estimator, X, y, groups, random_state=seeds[0], name="all sites", **shared
    )
    site_clf = make_pipeline(
        StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000)
    )
    site_told = evaluate_by_subject(
        site_clf, features, site, groups, random_state=seeds[1], name="site", **shared
    )
    splits = _split_by_site(site, groups, pooled.fold)
    unseen = _predict_unseen(estimator, X, y, splits, n_jobs, verbose)
    rows = [
        _score_site(name, y, site, groups, pooled.y_pred, unseen, seeds[2])
        for name in np.unique(site)
    ]
    return SiteAudit(pd.DataFrame(rows), pooled, unseen, site_told, 1 / len(rows))


def _check_site(site, groups, cv):
    """Return the sites as an array: none missing, at least two, each with a subject per fold."""
    from pandas import isna

    missing = np.flatnonzero(isna(np.asarray(site, dtype=object)))
    if len(missing):
        raise ValueError(
            f"site has no value for {len(missing)} recordings, the first in row {missing[0]}. "
            "Name a site in every row, or leave these recordings out."
        )
    site = np.asarray(site)
    site = column_or_1d(site.astype(str) if site.dtype == object else site)
    names = np.unique(site)
    if len(names) < 2:
        raise ValueError(f"site must hold at least two sites. Got only {str(names[0])!r}.")
    for name in names if isinstance(cv, Integral) else ():
        n_subjects = len(np.unique(groups[site == name]))
        if n_subjects < cv:
            raise ValueError(
                f"Site {name} has {n_subjects} subjects, fewer than the {cv} folds. Use fewer "
                "folds, merge sites, or leave this one out."
            )
    return site


def _log_mel_summary(X, n_jobs, verbose):
    """Return one row of features per recording; `X` itself if it holds features."""
    recordings = as_recording_list(X)
    if recordings is None:
        return _summarise(X)
    logmel = LogMelTransformer(standardize=False, n_jobs=n_jobs).fit(recordings[:1])
    starts = range(0, len(recordings), _BATCH)
    starts = track(starts, len(starts), "log-mel", verbose, unit=f"{_BATCH} recordings")
    return np.concatenate(
        [_summarise(logmel.transform(recordings[start : start + _BATCH])) for start in starts]
    )


def _summarise(features):
    """Return features as rows: mean and standard deviation over the frames of 3-D features."""
    features = np.asarray(features)
    if features.ndim not in (2, 3):
        raise ValueError(
            f"features must have shape (n, n_features) or (n, n_frames, n_mels). Got shape "
            f"{features.shape}."
        )
    if features.ndim == 2:
        return features
    return np.hstack([features.mean(axis=1), features.std(axis=1)])


def _split_by_site(site, groups, fold):
    """Yield rows of the other sites and of a site, (train, test), without a common subject."""
    for name in np.unique(site):
        here = site == name
        # If no subject of the site was elsewhere, one training serves the whole site.
        parts = fold if np.isin(groups[here], groups[~here]).any() else np.zeros(len(site), int)
        for part in np.unique(parts[here]):
            test = here & (parts == part)
            train = ~here & ~np.isin(groups, groups[test])
            yield np.flatnonzero(train), np.flatnonzero(test)


def _predict_unseen(estimator, X, y, splits, n_jobs, verbose):
    """Predict each recording by a model of the other sites; None if they have only one class."""
    splits = [(train, test) for train, test in splits if len(np.unique(y[train])) > 1]
    outcomes = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_fit_and_predict)(clone(estimator), X, y, train, test) for train, test in splits
    )
    outcomes = track(outcomes, len(splits), "other sites", verbose, unit="training")
    unseen = np.full(len(y), None, dtype=object)
    for (_, test), labels in zip(splits, outcomes, strict=True):
        unseen[test] = labels
    return unseen


def _fit_and_predict(estimator, X, y, train, test):
    return estimator.fit(_safe_indexing(X, train), y[train]).predict(_safe_indexing(X, test))


def _score_site(name, y, site, groups, pooled, unseen, seed):
    """Return the table row of one site: counts and both scores."""
    here = site == name
    present = np.unique(y[here])
    absent = np.setdiff1d(present, y[~here])
    scored, note = {"pooled": pooled, "unseen": unseen}, ""
    if len(present) < 2:
        scored, note = {}, f"all recordings are {present[0]}, so the UAR is not defined"
    elif None in unseen[here]:
        del scored["unseen"]
        note = "the other sites have only one class, so no model can be trained"
    elif len(absent):
        note = f"class {absent[0]} is at no other site, so it cannot be learnt there"
    row = {
        "site": name.item(),
        "subjects": len(np.unique(groups[here])),
        "recordings": int(here.sum()),
        **{f"n_{label}": int((y[here] == label).sum()) for label in np.unique(y)},
    }
    for kind in ("pooled", "unseen"):
        score = Interval(np.nan, np.nan, np.nan)
        if kind in scored:
            predicted = scored[kind][here].astype(y.dtype)
            score = evaluate_predictions(
                y[here], predicted, groups=groups[here], random_state=seed
            ).uar
        row |= {kind: score.estimate, f"{kind}_low": score.low, f"{kind}_high": score.high}
    return row | {"drop": row["pooled"] - row["unseen"], "note": note}
