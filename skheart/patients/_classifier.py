"""PatientClassifier: recordings in, one prediction per patient out."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, _fit_context, clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._utils.random import new_random_state
from .._utils.validation import check_targets
from ..audio import ON_ERROR
from ._aggregate import RULES, Aggregator, log_odds, mean_log_proba, resolve_weights
from ._members import collect_held_out, fit_members, make_examples, make_folds
from ._recordings import check_recordings, join_recordings, keep_readable
from ._scores import PatientPredictions, patient_scorer

__all__ = ["PatientClassifier"]


class PatientClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Predict patients from their recordings.

    Fits a classifier of recordings and aggregates its probabilities to auscultation sites and
    patients. A patient may have any number of recordings, and sites may be missing.

    Parameters
    ----------
    estimator : estimator with `predict_proba`
        Classifier of recordings, such as a pipeline of `skheart.make_heart_pipeline`.
    aggregate : {"mean_probability", "mean_logit", "noisy_or", "attention"}, \
default="mean_probability"
        "mean_probability": mean of the probabilities. "mean_logit": mean of their logarithms.
        "noisy_or": a patient has a class if at least one recording has it, independently, and is
        `negative` if all recordings are. "attention": the attention head pools over all recordings
        of a patient as if they were one map; only for classifiers of skheart with that head.
    negative : label or None, default=None
        The negative class of "noisy_or". None is the first of `classes_`.
    window : float or None, default=None
        Length in s of windows that recordings are cut into; None keeps recordings whole.
    overlap : float, default=0.5
        Fraction of a window that overlaps with the next one, in [0, 1).
    sr : int, default=4000
        Sampling rate of the front end in Hz, used to cut and join recordings.
    join : bool, default=False
        Join the recordings of a patient into one, instead of `aggregate`, so that a murmur heard at
        one site gives no wrong label to the others. The front end must accept the total duration.
    level : {"patient", "recording"}, default="patient"
        Whether `predict` and `predict_proba` return predictions for patients or recordings.
    cv : int, cross-validation splitter or None, default=None
        Folds for out-of-fold predictions (`oof_`). One estimator is fitted per fold.
    ensemble : bool, default=True
        Whether the estimators of the folds predict, or others that are fitted on all subjects.
    n_estimators : int, default=1
        Number of estimators fitted on all subjects, with different seeds, unless those of the folds
        predict. Log-probabilities are averaged.
    calibrator : "logistic", estimator or None, default=None
        Corrects the probabilities of patients, given their log-odds for each class (of two, for
        the second). It learns from out-of-fold predictions. "logistic" is `LogisticRegression`.
    decision_weight : dict, "balanced" or None, default=None
        The label is the class with the largest product of probability and weight. "balanced" is the
        inverse prevalence, which is best for UAR; ``{"Absent": 1, "Present": 5, "Unknown": 3}`` is
        best for CirCor's weighted accuracy.
    on_error : {"raise", "warn", "skip"}, default="raise"
        What to do about recordings that cannot be read: raise, or predict a patient from the other
        recordings, with one :class:`skheart.audio.RecordingWarning` or silently. Files are then
        read once more. A patient without any readable recording is left out in `fit` and an error
        in `predict`; so is every such recording with ``level="recording"``.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds of an int `cv` and of all estimators. None leaves the seeds of the
        estimators, unless `n_estimators` is above 1.
    n_jobs : int or None, default=None
        Number of estimators fitted in parallel.
    verbose : int, default=0
        1 shows progress by fold on standard error.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    estimators_ : list of estimators
        The fitted estimators.
    calibrator_ : estimator or None
        The fitted calibrator.
    decision_weight_ : ndarray of shape (n_classes,)
        Decision weight of each class.
    n_patients_ : int
        Number of patients in the training set.
    oof_ : PatientPredictions or None
        Uncalibrated out-of-fold predictions, one per patient and label; None without `cv`.
    skipped_ : list of (path, reason)
        Recordings that were left out by `on_error`; of arrays the path is None.
    n_features_in_ : int
        Samples per row. Defined only when X was a 2-D array of numbers.

    See Also
    --------
    patient_scorer : Scores by patient, for `cross_validate`.
    skheart.make_heart_pipeline : ``recipe="best"`` makes a PatientClassifier with all settings.

    Notes
    -----
    X names the patients if it is a DataFrame with the columns "path" (or "recording") and "patient"
    or "subject", and perhaps "site"; otherwise pass them as `groups`. With both columns, there is
    one prediction per patient, and folds keep subjects apart: the visits of a person may be
    different patients. In `fit`, a patient whose recordings have several labels counts as several
    patients, which stay in the same fold.

    References
    ----------
    Noisy or: Pearl, "Probabilistic Reasoning in Intelligent Systems", 1988, section 4.3.2.
    Attention over the instances of a bag: Ilse, Tomczak, Welling, "Attention-based deep multiple
    instance learning", ICML 2018.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.model_selection import StratifiedGroupKFold, cross_validate
    >>> from skheart import make_heart_pipeline, uar
    >>> from skheart.datasets import make_heart_sounds
    >>> from skheart.patients import PatientClassifier, patient_scorer
    >>> sounds = make_heart_sounds(n_subjects=12, duration=3, random_state=0)
    >>> X = pd.DataFrame({"recording": list(sounds.data), "subject": sounds.groups})
    >>> pipeline = make_heart_pipeline(random_state=0).set_params(
    ...     logmel__duration=3, clf__channels=(4, 8), clf__max_epochs=1
    ... )
    >>> scores = cross_validate(
    ...     PatientClassifier(pipeline), X, sounds.target, groups=X["subject"],
    ...     cv=StratifiedGroupKFold(2), scoring=patient_scorer(uar),
    ... )
    >>> scores["test_score"].shape
    (2,)
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "aggregate": [StrOptions(set(RULES))],
        "negative": "no_validation",
        "window": [Interval(Real, 0, None, closed="neither"), None],
        "overlap": [Interval(Real, 0, 1, closed="left")],
        "sr": [Interval(Integral, 1, None, closed="left")],
        "join": ["boolean"],
        "level": [StrOptions({"patient", "recording"})],
        "cv": [Interval(Integral, 2, None, closed="left"), HasMethods(["split"]), None],
        "ensemble": ["boolean"],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "calibrator": [StrOptions({"logistic"}), HasMethods(["fit", "predict_proba"]), None],
        "decision_weight": [dict, StrOptions({"balanced"}), None],
        "on_error": [StrOptions(set(ON_ERROR))],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator,
        *,
        aggregate="mean_probability",
        negative=None,
        window=None,
        overlap=0.5,
        sr=4000,
        join=False,
        level="patient",
        cv=None,
        ensemble=True,
        n_estimators=1,
        calibrator=None,
        decision_weight=None,
        on_error="raise",
        random_state=None,
        n_jobs=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.aggregate = aggregate
        self.negative = negative
        self.window = window
        self.overlap = overlap
        self.sr = sr
        self.join = join
        self.level = level
        self.cv = cv
        self.ensemble = ensemble
        self.n_estimators = n_estimators
        self.calibrator = calibrator
        self.decision_weight = decision_weight
        self.on_error = on_error
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, groups=None):
        """Fit the estimators and the calibrator.

        Parameters
        ----------
        X : DataFrame, list, array
            Recordings or paths, as `estimator` takes them, or a DataFrame (see the notes).
        y : array-like of shape (n_recordings,)
            Label of each recording, in general that of its patient.
        groups : array-like of shape (n_recordings,), default=None
            Subject of each recording, if X does not name them. None: every recording is a patient.

        Returns
        -------
        self : PatientClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If a patient is missing, a class has too few subjects, or parameters conflict.
        """
        self._check_params()
        given = check_recordings(self, X, groups, reset=True)
        y, _, _ = check_targets(given.recordings, y, None, None)
        given, rows, self.skipped_ = keep_readable(given, self.on_error)
        y = y[rows]
        self.classes_, codes = np.unique(y, return_inverse=True)
        if self.cv is not None and len(self.classes_) < 2:
            raise ValueError(
                f"y has one class, {self.classes_.tolist()[0]!r}, but cv needs at least two."
            )
        # Visits of one person with different labels are different patients.
        patient = np.unique(given.patient, return_inverse=True)[1] * len(self.classes_) + codes
        _, first, patient = np.unique(patient, return_index=True, return_inverse=True)
        self.n_patients_ = len(first)
        self.decision_weight_ = resolve_weights(self.decision_weight, self.classes_, codes[first])
        random_state = new_random_state(self.random_state)
        folds = make_folds(self, y, given.subject, random_state)
        # Estimators that keep one seed would be equal.
        draw_seeds = self.random_state is not None or self.n_estimators > 1
        aggregator = self._make_aggregator()
        examples = make_examples(given.recordings, y, patient, first, aggregator, self.join)
        members, held_out = fit_members(
            [clone(self.estimator) for _ in folds],
            examples,
            folds,
            aggregator=aggregator,
            random_state=random_state if draw_seeds else None,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
        )
        held_in = [m for m, held in zip(members, held_out, strict=True) if held is None]
        self.estimators_ = held_in or members
        self.calibrator_ = self.oof_ = None
        if self.cv is not None:
            self._use_held_out(given, held_out, codes, patient, first)
        return self

    def _check_params(self):
        if self.calibrator is not None and self.cv is None:
            raise ValueError(
                f"calibrator={self.calibrator!r} learns from out-of-fold predictions, and cv=None "
                "makes none. Set cv=5, or calibrator=None."
            )
        if self.join and self.window is not None:
            raise ValueError(
                f"join=True joins recordings and window={self.window} cuts them. Set join=False or "
                "window=None."
            )

    def _use_held_out(self, given, held_out, codes, patient, first):
        """Set `oof_` and `calibrator_`."""
        n_wholes = len(first) if self.join else len(codes)
        log_proba, mass = collect_held_out(held_out, (n_wholes, len(self.classes_)))
        if not self.join:
            log_proba = self._make_aggregator().score_patients(
                log_proba, mass, patient, len(first), given.site
            )
        self.oof_ = self._decide(given.patient[first], np.exp(log_proba), patient)
        if self.calibrator is not None:
            logistic = self.calibrator == "logistic"
            calibrator = LogisticRegression() if logistic else clone(self.calibrator)
            self.calibrator_ = calibrator.fit(log_odds(log_proba), self.classes_[codes[first]])

    def predict_patients(self, X, groups=None):
        """Predict patients.

        Parameters
        ----------
        X : DataFrame, list, array
            Recordings with their patients, as for `fit`.
        groups : array-like of shape (n_recordings,), default=None
            Patient of each recording, if X does not name them.

        Returns
        -------
        predictions : PatientPredictions
            One entry per patient.
        """
        return self._predict_patients(X, groups)[0]

    def predict_proba(self, X, groups=None):
        """Predict class probabilities for each recording, see `level`.

        Parameters
        ----------
        X : DataFrame, list, array
            Recordings with their patients, as for `fit`.
        groups : array-like of shape (n_recordings,), default=None
            Patient of each recording, if X does not name them.

        Returns
        -------
        probabilities : ndarray of shape (n_recordings, n_classes)
            In the order of `classes_`.
        """
        if self.level == "recording":
            check_is_fitted(self, "estimators_")
            given = check_recordings(self, X, groups, reset=False)
            return np.exp(self._score_recordings(given.recordings)[0])
        predictions, row = self._predict_patients(X, groups)
        return predictions.probabilities[row]

    def predict(self, X, groups=None):
        """Predict a label for each recording, see `level`.

        Parameters
        ----------
        X : DataFrame, list, array
            Recordings with their patients, as for `fit`.
        groups : array-like of shape (n_recordings,), default=None
            Patient of each recording, if X does not name them.

        Returns
        -------
        labels : ndarray of shape (n_recordings,)
            With ``level="patient"``, all recordings of a patient have the same label.
        """
        if self.level == "recording":
            return self.classes_[self.predict_proba(X, groups).argmax(axis=1)]
        predictions, row = self._predict_patients(X, groups)
        return predictions.labels[row]

    def score(self, X, y, groups=None):
        """Return the accuracy over patients.

        Parameters
        ----------
        X : DataFrame, list, array
            Recordings with their patients, as for `fit`.
        y : array-like of shape (n_recordings,)
            Label of the patient of each recording.
        groups : array-like of shape (n_recordings,), default=None
            Patient of each recording, if X does not name them.

        Returns
        -------
        accuracy : float
        """
        return patient_scorer(accuracy_score)(self, X, y, groups)

    def _predict_patients(self, X, groups):
        """Return the predictions for patients, and the entry of each recording."""
        check_is_fitted(self, "estimators_")
        given = check_recordings(self, X, groups, reset=False)
        patients, patient = np.unique(given.patient, return_inverse=True)
        given, rows, skipped = keep_readable(given, self.on_error, patients=patients)
        used = patient[rows]
        if self.join:
            joined = join_recordings(given.recordings, used, len(patients), self.sr)
            log_proba = mean_log_proba(self.estimators_, joined)
        else:
            log_proba = self._make_aggregator().score_patients(
                *self._score_recordings(given.recordings), used, len(patients), given.site
            )
        probabilities = np.exp(log_proba)
        if self.calibrator_ is not None:
            probabilities = self.calibrator_.predict_proba(log_odds(log_proba))
        return self._decide(patients, probabilities, used, skipped), patient

    def _score_recordings(self, recordings):
        """Return log-probabilities of recordings and, for "attention", their mass."""
        aggregator = self._make_aggregator()
        return aggregator.score_recordings(
            self.estimators_, *aggregator.cut(recordings), len(recordings)
        )

    def _make_aggregator(self):
        labels = self.classes_.tolist()
        if self.negative is not None and self.negative not in labels:
            raise ValueError(f"negative={self.negative!r} must be one of the classes {labels}.")
        negative = 0 if self.negative is None else labels.index(self.negative)
        rule = None if self.join else self.aggregate
        return Aggregator(self.window, self.overlap, self.sr, rule, negative)

    def _decide(self, patients, probabilities, patient, skipped=()):
        labels = self.classes_[(probabilities * self.decision_weight_).argmax(axis=1)]
        return PatientPredictions(patients, labels, probabilities, np.bincount(patient), skipped)
