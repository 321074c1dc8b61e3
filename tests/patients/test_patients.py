"""Patients from recordings: kept apart, members and calibrators, scores by patient."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skheart.metrics import uar
from skheart.patients import PatientClassifier, patient_scorer, recordings_of_patients
from tests.helpers.small import make, numpy_state, small_cnn


def patients_problem(n_patients=30, per_patient=3, seed=0, shift=1.0):
    """Recordings as rows of numbers, three of each patient."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_patients), per_patient)
    label = np.array(["absent", "present", "unknown"])[groups % 3]
    X = rng.normal(size=(len(groups), 5))
    X[:, 0] += shift * (label == "present")
    X[:, 1] += shift * (label == "unknown")
    order = rng.permutation(len(groups))
    return X[order], label[order], groups[order]


# Takes a list of 1-D arrays.
SMALL_FRONT = make_pipeline(FunctionTransformer(np.stack), LogisticRegression())


def test_all_recordings_of_a_patient_have_its_label():
    X, y, groups = patients_problem()
    model = PatientClassifier(LogisticRegression()).fit(X, y, groups=groups)
    probabilities = model.predict_proba(X, groups=groups)
    alone = model.estimators_[0].predict_proba(X)
    for patient in np.unique(groups):
        rows = groups == patient
        np.testing.assert_allclose(probabilities[rows], [alone[rows].mean(axis=0)] * rows.sum())
        assert len(set(model.predict(X, groups=groups)[rows])) == 1
    by_recording = clone(model).set_params(level="recording").fit(X, y, groups=groups)
    np.testing.assert_allclose(by_recording.predict_proba(X, groups=groups), alone)
    assert by_recording.predict(X).tolist() == model.estimators_[0].predict(X).tolist()


def test_a_missing_site_is_allowed():
    X, y, groups = patients_problem()
    model = PatientClassifier(LogisticRegression()).fit(X, y, groups=groups)
    few = np.r_[0, np.flatnonzero(groups != groups[0])]
    found = model.predict_patients(X[few], groups[few])
    assert found.n_recordings[found.patients == groups[0]] == 1
    alone = model.estimators_[0].predict_proba(X[:1])[0]
    np.testing.assert_allclose(found.probabilities[found.patients == groups[0]][0], alone)


def test_order_and_other_patients_do_not_matter():
    X, y, groups = patients_problem()
    model = PatientClassifier(LogisticRegression(), cv=3, calibrator="logistic", random_state=0)
    model.fit(X, y, groups=groups)
    order = np.random.default_rng(1).permutation(len(X))[:40]
    whole = np.isin(groups, groups[order])
    a = model.predict_patients(X[whole], groups[whole])
    b = model.predict_patients(X[whole][::-1], groups[whole][::-1])
    one = groups == groups[0]
    c = model.predict_patients(X[one], groups[one])
    np.testing.assert_allclose(a.probabilities, b.probabilities, rtol=1e-12)
    np.testing.assert_allclose(a.probabilities[a.patients == groups[0]], c.probabilities)


def test_patients_from_a_table():
    X, _, groups = patients_problem()
    paths = [f"{row}.wav" for row in range(len(X))]
    table = pd.DataFrame({"path": paths, "patient": groups, "subject": groups // 2, "site": "AV"})
    given = recordings_of_patients(table)
    assert given.recordings == paths
    assert given.patient.tolist() == groups.tolist()
    assert given.subject.tolist() == (groups // 2).tolist()
    assert set(given.site) == {"AV"}
    only = recordings_of_patients(table[["path", "subject"]])
    assert only.patient.tolist() == only.subject.tolist() == (groups // 2).tolist()
    with pytest.raises(ValueError, match=r"columns \['path'\].*'patient' or 'subject'"):
        recordings_of_patients(table[["path"]])
    with pytest.raises(ValueError, match="groups has 2 values and X 90 recordings"):
        recordings_of_patients(paths, [1, 2])


def test_cross_validate_scores_patients():
    X, y, groups = patients_problem(shift=2.0)
    table = pd.DataFrame({"recording": list(X), "subject": groups})
    model = PatientClassifier(SMALL_FRONT, cv=None)
    cv = StratifiedGroupKFold(3)
    scores = cross_validate(
        model, table, y, groups=groups, cv=cv, scoring={"uar": patient_scorer(uar)}
    )["test_uar"]
    for (train, test), score in zip(cv.split(table, y, groups), scores, strict=True):
        alone = clone(SMALL_FRONT).fit([*X[train]], y[train]).predict_proba([*X[test]])
        true, predicted = [], []
        for patient in np.unique(groups[test]):
            rows = groups[test] == patient
            true.append(y[test][rows][0])
            predicted.append(np.unique(y)[alone[rows].mean(axis=0).argmax()])
        assert score == pytest.approx(uar(true, predicted))


def test_metadata_routing_passes_the_groups():
    import sklearn

    X, y, groups = patients_problem(shift=2.0)
    with sklearn.config_context(enable_metadata_routing=True):
        model = PatientClassifier(LogisticRegression())
        model.set_fit_request(groups=True).set_score_request(groups=True)
        scores = cross_validate(model, X, y, params={"groups": groups}, cv=StratifiedGroupKFold(3))[
            "test_score"
        ]
    train, test = next(StratifiedGroupKFold(3).split(X, y, groups))
    fitted = PatientClassifier(LogisticRegression()).fit(X[train], y[train], groups[train])
    by_hand = fitted.predict_patients(X[test], groups[test])
    true = [y[test][groups[test] == patient][0] for patient in by_hand.patients]
    assert scores[0] == pytest.approx(np.mean(by_hand.labels == true))


def test_grid_search_reaches_the_estimator_inside():
    X, y, groups = patients_problem(shift=2.0)
    table = pd.DataFrame({"recording": list(X), "subject": groups})
    search = GridSearchCV(
        PatientClassifier(SMALL_FRONT),
        {"estimator__logisticregression__C": [1e-6, 1.0], "aggregate": ["noisy_or", "mean_logit"]},
        scoring=patient_scorer(uar),
        cv=StratifiedGroupKFold(3),
    ).fit(table, y, groups=groups)
    assert search.best_params_["estimator__logisticregression__C"] == 1.0


def test_a_score_by_patient_needs_one_label():
    X, y, groups = patients_problem()
    model = PatientClassifier(LogisticRegression()).fit(X, y, groups=groups)
    y[groups == 7] = ["absent", "present", "present"]
    with pytest.raises(ValueError, match=r"Patient 7 has the labels .*absent.*present"):
        patient_scorer(uar)(model, X, y, groups)
    with pytest.raises(ValueError, match="response='proba'"):
        patient_scorer(uar, response="proba")


def test_scorer_with_probabilities_and_with_costs():
    X, y, groups = patients_problem()
    model = PatientClassifier(LogisticRegression()).fit(X, y, groups=groups)
    seen = patient_scorer(lambda true, p: p.shape, response="predict_proba")(model, X, y, groups)
    assert seen == (30, 3)
    cost = patient_scorer(lambda true, p: 3.0, greater_is_better=False)
    assert cost(model, X, y, groups) == -3.0
    assert "uar" in repr(patient_scorer(uar))
    assert model.score(X, y, groups) == pytest.approx(
        np.mean([(model.predict(X, groups) == y)[groups == g][0] for g in range(30)])
    )


# ---------------------------------------------------------------------- members and combiner


def test_members_have_not_seen_their_fold():
    """The predictions out of fold are those of models fitted by hand without the fold."""
    X, y, groups = patients_problem()
    cv = StratifiedGroupKFold(3)
    model = PatientClassifier(LogisticRegression(), cv=cv).fit(X, y, groups=groups)
    assert len(model.estimators_) == 3
    for train, test in cv.split(X, y, groups):
        alone = LogisticRegression().fit(X[train], y[train]).predict_proba(X[test])
        for patient in np.unique(groups[test]):
            found = model.oof_.probabilities[model.oof_.patients == patient]
            assert len(found) == 1
            np.testing.assert_allclose(found[0], alone[groups[test] == patient].mean(axis=0))


def test_members_are_averaged_by_their_logits():
    X, y, groups = patients_problem()
    model = PatientClassifier(LogisticRegression(), cv=3, random_state=0, level="recording")
    model.fit(X, y, groups=groups)
    product = np.prod([member.predict_proba(X) for member in model.estimators_], axis=0) ** (1 / 3)
    by_hand = product / product.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X), by_hand)


def out_of_fold_by_hand(X, y, groups, cv):
    """Mean probability of each patient by models that were not fitted on it."""
    proba = np.empty((len(X), 3))
    for train, test in cv.split(X, y, groups):
        proba[test] = LogisticRegression().fit(X[train], y[train]).predict_proba(X[test])
    return np.array([proba[groups == patient].mean(axis=0) for patient in np.unique(groups)])


def test_the_calibrator_learns_from_predictions_out_of_fold():
    X, y, groups = patients_problem()
    cv = StratifiedGroupKFold(3)
    model = PatientClassifier(LogisticRegression(), cv=cv, calibrator="logistic")
    model.fit(X, y, groups=groups)
    proba = out_of_fold_by_hand(X, y, groups, cv)
    odds = np.log(proba / (1 - proba))
    first = [np.flatnonzero(groups == patient)[0] for patient in range(30)]
    by_hand = LogisticRegression().fit(odds, y[first])
    np.testing.assert_allclose(model.calibrator_.coef_, by_hand.coef_, rtol=1e-4)
    found = model.predict_patients(X, groups)
    plain = clone(model).set_params(calibrator=None).fit(X, y, groups=groups)
    plain = plain.predict_patients(X, groups).probabilities
    expected = by_hand.predict_proba(np.log(plain / (1 - plain)))
    np.testing.assert_allclose(found.probabilities, expected, rtol=1e-4)


def test_members_can_be_trained_on_all_subjects():
    X, y, groups = patients_problem()
    cv = StratifiedGroupKFold(3)
    model = PatientClassifier(LogisticRegression(), cv=cv, ensemble=False, calibrator="logistic")
    model.fit(X, y, groups=groups)
    assert len(model.estimators_) == 1
    whole = LogisticRegression().fit(X, y)
    np.testing.assert_allclose(model.estimators_[0].coef_, whole.coef_)
    proba = out_of_fold_by_hand(X, y, groups, cv)
    np.testing.assert_allclose(model.oof_.probabilities, proba)
    with_folds = PatientClassifier(LogisticRegression(), cv=cv, calibrator="logistic")
    with_folds.fit(X, y, groups=groups)
    assert model.calibrator_.coef_.tolist() == with_folds.calibrator_.coef_.tolist()


def test_several_estimators_of_all_subjects_differ_in_their_seeds():
    X, y = make(36)

    def seeds(**params):
        model = PatientClassifier(small_cnn(max_epochs=1), **params).fit(X, y)
        return model, [member.random_state for member in model.estimators_]

    model, own = seeds(n_estimators=3, random_state=0)
    assert len(set(own)) == 3
    logits = np.mean([member.decision_function(X) for member in model.estimators_], axis=0)
    by_hand = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X), by_hand, rtol=1e-6)
    assert model.oof_ is None
    assert len(set(seeds(n_estimators=2)[1])) == len(set(seeds(cv=2, random_state=0)[1])) == 2
    assert seeds(cv=2)[1] == [0, 0]  # those of the estimator


def test_decision_weights_move_labels_and_not_probabilities():
    X, y, groups = patients_problem()
    y[groups < 12] = "absent"
    plain = PatientClassifier(LogisticRegression()).fit(X, y, groups=groups)
    weighted = PatientClassifier(LogisticRegression(), decision_weight="balanced")
    weighted.fit(X, y, groups=groups)
    a, b = plain.predict_patients(X, groups), weighted.predict_patients(X, groups)
    assert a.probabilities.tolist() == b.probabilities.tolist()
    share = np.array([np.mean(y[[np.flatnonzero(groups == g)[0] for g in range(30)]] == c)
                      for c in plain.classes_])  # fmt: skip
    by_hand = plain.classes_[(a.probabilities / share).argmax(axis=1)]
    assert b.labels.tolist() == by_hand.tolist()
    assert b.labels.tolist() != a.labels.tolist()
    given = {"absent": 1, "present": 5, "unknown": 3}
    c = clone(plain).set_params(decision_weight=given).fit(X, y, groups=groups)
    by_hand = plain.classes_[(a.probabilities * [1, 5, 3]).argmax(axis=1)]
    assert c.predict_patients(X, groups).labels.tolist() == by_hand.tolist()


def test_visits_of_one_person_stay_on_one_side():
    """Two labels of one subject are two patients, and no fold parts them."""
    X, y, groups = patients_problem()
    y[(groups == 4) & (np.arange(len(X)) % 2 == 0)] = "absent"
    y[(groups == 4) & (np.arange(len(X)) % 2 == 1)] = "present"
    n_labels = len(np.unique(y[groups == 4]))
    model = PatientClassifier(LogisticRegression(), cv=3, calibrator="logistic", random_state=0)
    model.fit(X, y, groups=groups)
    assert model.n_patients_ == 29 + n_labels
    assert np.sum(model.oof_.patients == 4) == n_labels


def test_equal_seeds_give_equal_models_whatever_n_jobs_is():
    X, y = make(36)
    groups = np.arange(36) // 2
    y = np.repeat(y[:18], 2)
    before = numpy_state()
    fits = [
        PatientClassifier(small_cnn(random_state=None), cv=2, random_state=seed, n_jobs=n_jobs)
        .fit(X, y, groups=groups)
        .predict_proba(X, groups=groups)
        for seed, n_jobs in ((0, 1), (0, 2), (1, 1))
    ]
    assert fits[0].tolist() == fits[1].tolist()
    assert fits[0].tolist() != fits[2].tolist()
    assert (numpy_state() == before).all()


# ---------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"aggregate": "median"}, "'aggregate' parameter"),
        ({"overlap": 1.0}, "'overlap' parameter"),
        ({"window": 0}, "'window' parameter"),
        ({"cv": 1}, "'cv' parameter"),
        ({"cv": 11}, "Class absent has 10 subjects, fewer than 11"),
        ({"negative": "nobody", "cv": 2}, "negative='nobody' must be one of"),
        ({"join": True, "window": 1.0}, "join=True .* window=1.0"),
        ({"calibrator": "logistic"}, "calibrator='logistic'.*Set cv=5"),
        ({"decision_weight": {"absent": 1}}, r"decision_weight=\{'absent': 1\}"),
    ],
)
def test_parameters_that_are_refused(params, message):
    X, y, groups = patients_problem()
    with pytest.raises(ValueError, match=message):
        PatientClassifier(LogisticRegression(), **params).fit(X, y, groups=groups)


def test_input_that_is_refused():
    X, y, groups = patients_problem()
    with pytest.raises(ValueError, match="no subject for 1 recordings, the first in row 3"):
        PatientClassifier(LogisticRegression()).fit(X, y, groups=[*groups[:3], None, *groups[4:]])
    with pytest.raises(ValueError, match="y has one class, 'a', but cv needs at least two"):
        PatientClassifier(LogisticRegression(), cv=2).fit(X, ["a"] * len(X), groups=groups)
