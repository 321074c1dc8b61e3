"""The command trains and scores models that predict patients."""

import re

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold

import skheart
from skheart.cli import _settings, main
from skheart.cli._scoring import cross_validate_patients
from skheart.evaluation import in_order, predict_patients_in_chunks
from skheart.patients import PatientClassifier
from tests.helpers.command import SMALL_NETS, fails, small_recipes


@pytest.fixture(autouse=True)
def small_recipe(monkeypatch):
    monkeypatch.setattr(_settings, "make_heart_pipeline", small_recipes)


# ---------------------------------------------------------------------- without sounds


class ByName(ClassifierMixin, BaseEstimator):
    """Probabilities by the number in a file name; "bad" ones cannot be read."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.shift_ = len(X)
        return self

    def predict_proba(self, X):
        if len(X) > 1 and any("together" in path for path in X):
            raise MemoryError
        for path in X:
            if "bad" in path:
                raise OSError(f"{path} is bad")
        odds = np.array([(int(re.sub("[^0-9]", "", path)) + self.shift_) % 7 for path in X]) + 1
        return np.stack([odds / 9.3, 1 - odds / 9.3], axis=1)  # no ties


def named(n=20):
    paths = [f"{row}.wav" for row in range(n)]
    return PatientClassifier(ByName()).fit(paths, np.resize(["a", "b"], n)), paths


@pytest.mark.parametrize("chunk_size", [1, 3, 4, 100])
def test_chunks_hold_whole_patients_and_rows_come_in_order(chunk_size):
    model, paths = named()
    patients = np.resize(["x", "y", "z", "x", "w"], 20)
    asked = []
    predict = model.predict_patients
    model.predict_patients = lambda X, groups: asked.append(len(X)) or predict(X, groups)
    rows = list(in_order(predict_patients_in_chunks(model, paths, patients, chunk_size=chunk_size)))
    expected = predict(paths, patients)
    assert [row[0] for row in rows] == list(range(20))
    for index, label, probabilities, error in rows:
        at = expected.patients.tolist().index(patients[index])
        assert (label, error) == (expected.labels[at], None)
        np.testing.assert_allclose(probabilities, expected.probabilities[at])
    assert asked == {1: [8, 4, 4, 4], 3: [8, 4, 4, 4], 4: [8, 4, 4, 4], 100: [20]}[chunk_size]


def test_a_bad_recording_leaves_its_patient_the_others():
    model, paths = named()
    paths[3:6] = ["3_bad.wav", "4_bad.wav", "5_bad.wav"]
    patients = ["x", "x", "y", "x", "z", "z", *"w" * 14]
    rows = list(in_order(predict_patients_in_chunks(model, paths, patients)))
    assert [row[0] for row in rows if row[-1] is not None] == [3, 4, 5]
    assert [str(row[-1]) for row in rows[3:6]] == [f"{path} is bad" for path in paths[3:6]]
    for own in ([0, 1], [2], list(range(6, 20))):
        (expected,) = model.predict_patients([paths[row] for row in own], [0] * len(own))[2]
        for row in own:
            np.testing.assert_allclose(rows[row][2], expected)


def test_recordings_that_are_together_too_long():
    model, paths = named()
    paths[:2] = ["0_together.wav", "1_together.wav"]
    rows = list(predict_patients_in_chunks(model, paths, ["x", "x", *"y" * 18]))
    assert [str(row[-1]) for row in rows[:2]] == [
        "2 recordings are too long for the memory of this machine."
    ] * 2
    assert all(row[-1] is None for row in rows[2:])


def test_cross_validation_is_a_loop_over_folds_of_subjects():
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(16), 4)
    patients = subjects * 2 + np.tile([0, 0, 1, 1], 16)  # two visits each
    order = rng.permutation(64)
    patients, subjects = patients[order], subjects[order]
    y = np.where(patients % 4 < 2, "a", "b")
    paths = [f"{row}.wav" for row in range(64)]
    cv = StratifiedGroupKFold(4, shuffle=True, random_state=3)
    result = cross_validate_patients(
        PatientClassifier(ByName()), paths, y, patients, subjects, cv=cv, random_state=0
    )
    true, predicted, who = [], [], []
    for train, test in cv.split(paths, y, subjects):
        model = ByName().fit([paths[row] for row in train], y[train])
        for patient in np.unique(patients[test]):
            own = np.flatnonzero(patients == patient)
            mean = model.predict_proba([paths[row] for row in own]).mean(axis=0)
            predicted.append("ab"[mean.argmax()])
            true.append(y[own[0]])
            who.append(patient // 2)
    assert (result.n_recordings, result.n_subjects) == (32, 16)
    assert result.uar.estimate == pytest.approx(balanced_accuracy_score(true, predicted))
    assert sorted(result.groups) == sorted(who)


# ---------------------------------------------------------------------- train


def test_train_writes_a_model_of_patients(of_patients):
    model = skheart.load(of_patients)
    assert isinstance(model, PatientClassifier)
    assert model.n_patients_ == 15
    assert (model.cv, model.verbose, model.n_jobs, model.random_state) == (2, 0, None, 0)
    assert len(model.estimators_) == 2
    for pipeline in (model.estimator, *model.estimators_):
        assert pipeline["clf"].channels == (4, 8)
        assert pipeline["clf"].max_epochs == 1
        assert pipeline["logmel"].verbose == pipeline["clf"].verbose == 0


def test_train_scores_patients_it_has_not_heard(folder, table, tmp_path, capsys):
    argv = ["train", folder / "table.csv", "-o", tmp_path / "m", "--recipe=attention", *SMALL_NETS]
    assert main([*map(str, argv), "--test-size=0.4", "--quiet", "--device=cpu"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.split()[:7] == ["model", "UAR", "95", "%", "interval", "subjects", "patients"]
    row = out.splitlines()[1].split()
    assert (row[0], row[-2:]) == ("attention", ["6", "6"])
    _, test = skheart.evaluation.hold_out_by_subject(
        table["label"], table["subject"].astype(str), test_size=0.4, random_state=0
    )
    own = table.iloc[test]
    model = skheart.load(tmp_path / "m")
    assert model.n_patients_ == 9
    found = model.predict_patients(own[["path", "subject"]])
    true = own.groupby("subject")["label"].first()[found.patients]
    assert float(row[1]) == pytest.approx(balanced_accuracy_score(true, found.labels), abs=1e-3)


def test_train_cross_validates_patients(folder, tmp_path, capsys):
    argv = ["train", folder / "table.csv", "-o", tmp_path / "m", "--recipe=attention", *SMALL_NETS]
    assert main([*map(str, argv), "--folds=2", "--device=cpu"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split()[-2:] == ["15", "15"]
    assert "attention: 100%" in err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--model=gru"], "--model chooses the net of --recipe paper, not of attention"),
        (["--set=ros=passthrough"], "there is no parameter 'ros'"),
        (["--set=cv=3"], "The steps are logmel, clf."),
        (["--set=clf__lrr=3"], "Did you mean 'clf__lr'?"),
        (["--set=clf__lr=-3"], "'lr' parameter"),
        (["--set=logmel__fmax=3000"], "fmax"),
        (["--set=clf__early_stopping=True"], "knows no subjects where it would stop early"),
        (["--recipe=worst"], "invalid choice: 'worst'"),
    ],
)
def test_wrong_settings_of_the_recipe(folder, tmp_path, capsys, argv, words):
    base = ["train", folder / "table.csv", "-o", tmp_path / "m", "--recipe=attention"]
    assert words in fails([*base, *argv], capsys)
    assert not list(tmp_path.iterdir())


def test_a_patient_of_two_labels_or_subjects_is_refused_before_training(
    table, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(PatientClassifier, "fit", None)
    argv = ["train", tmp_path / "t.csv", "-o", tmp_path / "m", "--recipe=attention", "--quiet"]
    table.assign(subject=np.resize(["a", "b", "c"], 30)).to_csv(tmp_path / "t.csv", index=False)
    for score in ("--folds=2", "--test-size=.3"):
        assert "has the labels" in fails([*argv, score], capsys)
    table.assign(patient=np.resize(["a", "b", "c"], 30)).to_csv(tmp_path / "t.csv", index=False)
    line = fails(argv, capsys)
    assert "the patient a has two subjects" in line
    table.assign(patient=[*"a" * 29, ""]).to_csv(tmp_path / "t.csv", index=False)
    assert "has no patient" in fails(argv, capsys)


def test_jobs_are_members(folder, tmp_path, monkeypatch):
    seen = {}

    def fit(self, X, y, groups=None):
        seen.update(self.get_params())
        raise ValueError("enough")

    monkeypatch.setattr(PatientClassifier, "fit", fit)
    argv = ["train", folder / "table.csv", "-o", tmp_path / "m", "--recipe=attention"]
    assert main([*map(str, argv), "--jobs=2"]) == 2
    assert (seen["n_jobs"], seen["estimator__logmel__n_jobs"], seen["verbose"]) == (2, None, 1)
    assert seen["estimator__clf__verbose"] == 0
    main(list(map(str, argv)))
    assert (seen["n_jobs"], seen["estimator__clf__verbose"]) == (None, 1)


# ---------------------------------------------------------------------- evaluate


def test_evaluate_scores_patients(table, of_patients, tmp_path, capsys):
    """Visits are patients of their own where a column says so; intervals are by subject."""
    table["patient"] = [f"{s}-{i % 2}" for i, s in enumerate(table["subject"])]
    for columns, n_patients in ([], 15), (["patient"], 30):
        kept = ["path", "label", "subject", *columns]
        table[kept].to_csv(tmp_path / "t.csv", index=False)
        assert main(["evaluate", str(of_patients), str(tmp_path / "t.csv"), "--quiet"]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        row = out.splitlines()[1].split()
        assert (row[0], row[-2:]) == ("of_patients", ["15", str(n_patients)])
        found = skheart.load(of_patients).predict_patients(table[["path", *kept[2:]]])
        who = "patient" if columns else "subject"
        true = table.groupby(who)["label"].first()[found.patients]
        expected = balanced_accuracy_score(true, found.labels)
        assert float(row[1]) == pytest.approx(expected, abs=1e-3)
        assert out.splitlines()[3].split()[:4] == ["class", "recall", "subjects", "patients"]


def test_evaluate_takes_patients_for_subjects(table, of_patients, model, tmp_path, capsys):
    own = table.rename(columns={"subject": "patient"})
    own.to_csv(tmp_path / "t.csv", index=False)
    assert main(["evaluate", str(of_patients), str(tmp_path / "t.csv"), "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split()[-2:] == ["15", "15"]
    assert err == ""
    assert main(["evaluate", str(model), str(tmp_path / "t.csv"), "--quiet"]) == 0
    assert "has no subjects" in capsys.readouterr().err


def test_evaluate_without_a_bad_recording(table, of_patients, tmp_path, capsys):
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    table.loc[0, "path"] = str(tmp_path / "bad.wav")
    table.to_csv(tmp_path / "t.csv", index=False)
    assert main(["evaluate", str(of_patients), str(tmp_path / "t.csv"), "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split()[-2:] == ["15", "15"]
    assert "bad.wav" in err
