"""The classifier of patients."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, _fit_context, clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from .._utils.random import own_generator
from .._utils.splits import subject_folds
from .._utils.validation import check_targets
from ._aggregate import RULES, Levels, decision_weights, log_odds, mean_log_proba
from ._members import Units, fit_members
from ._recordings import join_recordings, recordings_of_patients
from ._scores import PatientPredictions, patient_scorer

__all__ = ["PatientClassifier"]


class PatientClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Predict patients from their recordings.

    Fits a classifier of recordings, and puts together what it says: windows to a recording, the
    recordings of an auscultation site to the site, and the sites to the patient. A patient may have
    any number of recordings, and sites may be missing.

    Parameters
    ----------
    estimator : estimator with `predict_proba`
        Classifies recordings, as `skheart.make_heart_pipeline` makes one.
    aggregate : {"mean_probability", "mean_logit", "noisy_or", "attention"}, \
default="mean_probability"
        How parts are put together. "mean_probability": the mean of their probabilities.
        "mean_logit": the mean of the logarithms of their probabilities. "noisy_or": a whole has a
        class if at least one part has it, each by itself, and is `negative` if all parts are.
        "attention": the attention head pools over the cells of all windows and recordings of a
        patient as if they were one map; only for classifiers of skheart with that head.
    negative : label or None, default=None
        The class that stands for nothing found, for "noisy_or". None is the first of `classes_`.
    window : float or None, default=None
        Length in s of the windows into which recordings are cut, for training and prediction both.
        None leaves them whole. The windows of a recording have its label.
    overlap : float, default=0.5
        Share of a window that the next one has too, in [0, 1).
    sr : int, default=4000
        Rate in Hz of recordings given as arrays, and at which files are read for windows: that of
        the front end.
    join : bool, default=False
        Whether the recordings of a patient are joined to one before `estimator` sees them, in
        training and in prediction, in place of `aggregate`. A murmur that is heard at one site is
        then learnt as such: no recording without it has its label. Recordings are read at `sr`; a
        front end must keep the length of several. `RecordingDropout` can stand before it.
    level : {"patient", "recording"}, default="patient"
        What `predict` and `predict_proba` give for each recording: what is predicted of its
        patient, or of the recording by itself.
    cv : int, cross-validation splitter or None, default=None
        Folds for predictions out of fold: an estimator is fitted for each, without its subjects. A
        `calibrator` learns from them, and `oof_` shows them.
    ensemble : bool, default=True
        With `cv`: whether the estimators of the folds predict, or others that are fitted on
        everything. The first is the cheaper, the second has seen all subjects.
    n_estimators : int, default=1
        Estimators fitted on everything, where those of the folds do not predict. They differ in
        their seeds alone. However many predict, their logits are averaged.
    calibrator : "logistic", estimator or None, default=None
        What corrects the probabilities of patients, from the log-odds of each class against the
        others (of two classes, of the second alone) that `aggregate` or `join` gives. It learns
        from predictions out of fold, and needs `cv`. "logistic" is `LogisticRegression`.
    decision_weight : dict, "balanced" or None, default=None
        What it is worth to be right about a patient of each class: the label is the class with the
        largest probability times weight. "balanced" is one over the share of patients, which is
        best for UAR; ``{"Absent": 1, "Present": 5, "Unknown": 3}`` for CirCor's weighted accuracy.
        The probabilities stay as they are.
    random_state : int, RandomState instance or None, default=None
        Decides the folds of an int `cv`, and the `random_state` of every estimator fitted. None
        leaves the estimators their own, unless `n_estimators` is above 1: they would be equal.
    n_jobs : int or None, default=None
        Estimators fitted at the same time. The result does not depend on it.
    verbose : int, default=0
        1 shows progress by fold on standard error.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    estimators_ : list of estimators
        What was fitted.
    calibrator_ : estimator or None
        The fitted calibrator.
    decision_weight_ : ndarray of shape (n_classes,)
        The weight of each class.
    n_patients_ : int
        Patients in the training set.
    oof_ : PatientPredictions or None
        What was predicted for the training patients by estimators that had not seen them, before
        any calibrator; None without `cv`. A person with several labels is there several times.
    n_features_in_ : int
        Only where X was a 2-D array of numbers.

    See Also
    --------
    patient_scorer : Scores by patient, for `cross_validate`.
    skheart.make_heart_pipeline : ``recipe="best"`` makes one with all settings chosen.

    Notes
    -----
    Patients come with X, as a DataFrame with the columns "path" (or "recording") and "patient" or
    "subject", or as `groups`. With both columns, predictions are made for a patient, and folds keep
    subjects apart: the same person may be two patients, on two visits. A column "site" is used if
    it is there.

    In `fit`, recordings of one patient with several labels count as several patients, which are
    never parted by a fold.

    References
    ----------
    The noisy or: Pearl, "Probabilistic Reasoning in Intelligent Systems", 1988, section 4.3.2.
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
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    # ------------------------------------------------------------------ fit

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, groups=None):
        """Fit the classifiers of recordings, and the calibrator of patients.

        Parameters
        ----------
        X : DataFrame, list, array
            Recordings or paths, whatever `estimator` takes; or a DataFrame with the column "path"
            or "recording", and "patient" or "subject" (see the notes of the class).
        y : array-like of shape (n_recordings,)
            Label of each recording: that of its patient, as a rule.
        groups : array-like of shape (n_recordings,), default=None
            The subject of each recording, where X does not say it. None: every recording is a
            patient of its own.

        Returns
        -------
        self : PatientClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If patients are missing, a class has fewer subjects than there are folds, or a parameter
            does not go with another.
        """
        if self.calibrator is not None and self.cv is None:
            raise ValueError(
                f"calibrator={self.calibrator!r} learns from predictions for subjects that an "
                "estimator has not seen, and cv=None makes none. Set cv=5, or calibrator=None."
            )
        if self.join and self.window is not None:
            raise ValueError(
                f"join=True makes one recording of many, and window={self.window} many of one. "
                "Set join=False or window=None."
            )
        given = self._recordings(X, groups, reset=True)
        y, _, _ = check_targets(given.recordings, y, None, None)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if self.cv is not None and len(self.classes_) < 2:
            raise ValueError(
                f"y holds one class, {self.classes_[0]!r}: folds to learn from need two at least."
            )
        # Visits of one person with differing labels are patients of their own.
        patient = np.unique(given.patient, return_inverse=True)[1] * len(self.classes_) + codes
        patients, first, patient = np.unique(patient, return_index=True, return_inverse=True)
        self.n_patients_ = len(patients)
        self.decision_weight_ = decision_weights(self.decision_weight, self.classes_, codes[first])
        if self.join:
            # What is fitted on, and a recording that each of it comes from.
            units = join_recordings(given.recordings, patient, len(patients), self.sr)
            origin = first
        else:
            units, origin = self._levels().windows(given.recordings)
        random_state = own_generator(self.random_state)
        folds = self._folds(y, given.subject, random_state)
        members, held_out = fit_members(
            [clone(self.estimator) for _ in folds],
            Units(units, y[origin], origin),
            given.recordings,
            folds,
            levels=self._levels(),
            join=self.join,
            random_state=random_state if self._draws_seeds() else None,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
        )
        of_folds = [held is not None for held in held_out]
        predicting = [all(of_folds) or not seen for seen in of_folds]
        self.estimators_ = [m for m, used in zip(members, predicting, strict=True) if used]
        self.calibrator_ = self.oof_ = None
        if self.cv is not None:
            self._learn_from_held_out(given, folds, held_out, codes, patient, first)
        return self

    def _learn_from_held_out(self, given, folds, held_out, codes, patient, first):
        """Set `oof_` and `calibrator_`."""
        log_proba, mass = np.empty((2, len(codes), len(self.classes_)))
        joined = np.empty((len(first), len(self.classes_)))
        for (_, test), held in zip(folds, held_out, strict=True):
            if held is not None:
                log_proba[test] = held.alone
                mass[test] = 0 if held.mass is None else held.mass
                joined[np.isin(first, test)] = held.joined
        if not self.join:
            levels = self._levels()
            joined = levels.of_patients(log_proba, mass, patient, len(first), given.site)
        self.oof_ = self._predictions(given.patient[first], np.exp(joined), patient)
        if self.calibrator is not None:
            logistic = self.calibrator == "logistic"
            calibrator = LogisticRegression() if logistic else clone(self.calibrator)
            self.calibrator_ = calibrator.fit(log_odds(joined), self.classes_[codes[first]])

    def _draws_seeds(self):
        # Estimators that all keep one seed would be equal.
        return self.random_state is not None or self.n_estimators > 1

    def _folds(self, y, subject, random_state):
        """Rows to fit on and rows to hold out, for each estimator."""
        everything = np.arange(len(y))
        folds = [] if self.cv is None else subject_folds(y, subject, self.cv, random_state)
        if self.cv is None or not self.ensemble:
            folds += [(everything, everything[:0])] * self.n_estimators
        return folds

    # ------------------------------------------------------------------ predict

    def predict_patients(self, X, groups=None):
        """Predict patients.

        Parameters
        ----------
        X : DataFrame, list, array
            As for `fit`.
        groups : array-like of shape (n_recordings,), default=None
            The patient of each recording, where X does not say it.

        Returns
        -------
        predictions : PatientPredictions
            One entry for each patient.
        """
        check_is_fitted(self, "estimators_")
        given = self._recordings(X, groups, reset=False)
        patients, patient = np.unique(given.patient, return_inverse=True)
        if self.join:
            units = join_recordings(given.recordings, patient, len(patients), self.sr)
            log_proba = mean_log_proba(self.estimators_, units)
        else:
            levels = self._levels()
            parts = self._log_proba(given.recordings)
            log_proba = levels.of_patients(*parts, patient, len(patients), given.site)
        if self.calibrator_ is None:
            probabilities = np.exp(log_proba)
        else:
            probabilities = self.calibrator_.predict_proba(log_odds(log_proba))
        return self._predictions(patients, probabilities, patient)

    def predict_proba(self, X, groups=None):
        """Class probabilities for each recording: of its patient, or its own, as `level` says.

        Parameters
        ----------
        X : DataFrame, list, array
            As for `fit`.
        groups : array-like of shape (n_recordings,), default=None
            The patient of each recording, where X does not say it.

        Returns
        -------
        probabilities : ndarray of shape (n_recordings, n_classes)
            In the order of `classes_`.
        """
        check_is_fitted(self, "estimators_")
        if self.level == "recording":
            given = self._recordings(X, groups, reset=False)
            return np.exp(self._log_proba(given.recordings)[0])
        predictions, patient = self._for_rows(X, groups)
        return predictions.probabilities[patient]

    def predict(self, X, groups=None):
        """Label for each recording: of its patient, or its own, as `level` says.

        Parameters
        ----------
        X : DataFrame, list, array
            As for `fit`.
        groups : array-like of shape (n_recordings,), default=None
            The patient of each recording, where X does not say it.

        Returns
        -------
        labels : ndarray of shape (n_recordings,)
            With ``level="patient"``, all recordings of a patient have one label.
        """
        check_is_fitted(self, "estimators_")
        if self.level == "recording":
            return self.classes_[self.predict_proba(X, groups).argmax(axis=1)]
        predictions, patient = self._for_rows(X, groups)
        return predictions.labels[patient]

    def score(self, X, y, groups=None):
        """Share of patients whose label is right.

        Parameters
        ----------
        X : DataFrame, list, array
            As for `fit`.
        y : array-like of shape (n_recordings,)
            Label of the patient of each recording.
        groups : array-like of shape (n_recordings,), default=None
            The patient of each recording, where X does not say it.

        Returns
        -------
        accuracy : float
        """
        return patient_scorer(lambda true, predicted: float(np.mean(true == predicted)))(
            self, X, y, groups
        )

    # ------------------------------------------------------------------ parts

    def _recordings(self, X, groups, *, reset):
        given = recordings_of_patients(X, groups)
        if isinstance(given.recordings, list):
            if reset:
                for name in ("n_features_in_", "feature_names_in_"):
                    self.__dict__.pop(name, None)
            return given
        checked = validate_data(self, X, reset=reset, dtype="numeric", allow_nd=True)
        return given._replace(recordings=checked)

    def _log_proba(self, recordings):
        """Log-probabilities of recordings, and what each weighs for "attention"."""
        levels = self._levels()
        windows, parent = levels.windows(recordings)
        return levels.of_recordings(self.estimators_, windows, parent, len(recordings))

    def _levels(self):
        labels = self.classes_.tolist()
        if self.negative is not None and self.negative not in labels:
            raise ValueError(f"negative={self.negative!r} must be one of the classes {labels}.")
        negative = 0 if self.negative is None else labels.index(self.negative)
        return Levels(self.window, self.overlap, self.sr, self.aggregate, negative)

    def _predictions(self, patients, probabilities, patient):
        labels = self.classes_[(probabilities * self.decision_weight_).argmax(axis=1)]
        return PatientPredictions(patients, labels, probabilities, np.bincount(patient))

    def _for_rows(self, X, groups):
        given = recordings_of_patients(X, groups)
        predictions = self.predict_patients(X, groups)
        return predictions, np.searchsorted(predictions.patients, given.patient)
