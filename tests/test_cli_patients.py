"""The command with models that predict patients, and with those that come with the package."""

import csv
import io
import json
import re
import shutil
import socket

import numpy as np
import pandas as pd
import pytest
from command import fails
from imblearn.pipeline import Pipeline
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold

import skheart
from skheart import _settings, pretrained
from skheart._predict import in_order, predict_patients_in_chunks
from skheart._scoring import cross_validate_patients
from skheart.cli import main
from skheart.explain import explain
from skheart.patients import PatientClassifier

SETS = ["--set=clf__channels=(4, 8)", "--set=clf__max_epochs=1"]


def best(model="cnn", *, recipe="paper", random_state=None, device="auto", verbose=0):
    """A recipe of the form of the best one, and small."""
    if recipe != "best":
        return skheart.make_heart_pipeline(
            model, random_state=random_state, device=device, verbose=verbose
        )
    front_end = skheart.LogMelTransformer(duration=4, n_mels=16, pad="mask", verbose=verbose)
    clf = skheart.AttentionCNNClassifier(
        channels=(4,), masked=True, max_epochs=2, device=device, verbose=verbose
    )
    return PatientClassifier(
        Pipeline([("logmel", front_end), ("clf", clf)]),
        cv=2,
        calibrator="logistic",
        decision_weight="balanced",
        random_state=random_state,
        verbose=verbose,
    )


@pytest.fixture(autouse=True)
def small_recipe(monkeypatch):
    monkeypatch.setattr(_settings, "make_heart_pipeline", best)


@pytest.fixture(scope="module")
def of_patients(folder):
    """A model of patients that skheart train wrote."""
    path = folder / "of_patients"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_settings, "make_heart_pipeline", best)
        argv = ["train", folder / "table.csv", "-o", path, "--recipe=best", "--device=cpu", *SETS]
        assert main([*map(str, argv), "--quiet"]) == 0
    return path


@pytest.fixture
def table(folder):
    table = pd.read_csv(folder / "table.csv")
    table["path"] = [str(folder / path) for path in table["path"]]
    return table


def read_csv(text):
    return list(csv.DictReader(io.StringIO(text)))


def written(probabilities):
    return [f"{p:.6f}" for p in probabilities]


def probabilities_of(row):
    return [row[f"p_{label}"] for label in ("mild", "normal", "severe")]


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
    argv = ["train", folder / "table.csv", "-o", tmp_path / "m", "--recipe=best", *SETS]
    assert main([*map(str, argv), "--test-size=0.4", "--quiet", "--device=cpu"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.split()[:7] == ["model", "UAR", "95", "%", "interval", "subjects", "patients"]
    row = out.splitlines()[1].split()
    assert (row[0], row[-2:]) == ("best", ["6", "6"])
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
    argv = ["train", folder / "table.csv", "-o", tmp_path / "m", "--recipe=best", *SETS]
    assert main([*map(str, argv), "--folds=2", "--device=cpu"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split()[-2:] == ["15", "15"]
    assert "best: 100%" in err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--model=gru"], "--model chooses the net of --recipe paper, not of best"),
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
    base = ["train", folder / "table.csv", "-o", tmp_path / "m", "--recipe=best"]
    assert words in fails([*base, *argv], capsys)
    assert not list(tmp_path.iterdir())


def test_a_patient_of_two_labels_or_subjects_is_refused_before_training(
    table, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(PatientClassifier, "fit", None)
    argv = ["train", tmp_path / "t.csv", "-o", tmp_path / "m", "--recipe=best", "--quiet"]
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
    argv = ["train", folder / "table.csv", "-o", tmp_path / "m", "--recipe=best"]
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


# ---------------------------------------------------------------------- predict


def test_predict_puts_the_recordings_of_a_table_together(table, of_patients, tmp_path, capsys):
    """In the order of the table, whatever the order of patients; relative to its folder."""
    table = table.sample(frac=1, random_state=0)
    table.to_csv(tmp_path / "t.csv", index=False)
    assert main(["predict", str(of_patients), str(tmp_path / "t.csv")]) == 0
    out, err = capsys.readouterr()
    rows = read_csv(out)
    assert list(rows[0]) == ["path", "label", "p_mild", "p_normal", "p_severe"]
    assert [row["path"] for row in rows] == table["path"].tolist()
    assert "30/30" in err
    found = skheart.load(of_patients).predict_patients(list(table["path"]), list(table["subject"]))
    at = {patient: number for number, patient in enumerate(found.patients)}
    for row, subject in zip(rows, table["subject"], strict=True):
        assert row["label"] == found.labels[at[subject]]
        expected = found.probabilities[at[subject]]
        np.testing.assert_allclose(list(map(float, probabilities_of(row))), expected, atol=2e-6)


def test_predict_of_a_folder_takes_each_recording_by_itself(folder, of_patients, capsys):
    paths = [str(path) for path in sorted((folder / "wav").iterdir())][:3]
    assert main(["predict", str(of_patients), *paths, "--quiet"]) == 0
    rows = read_csv(capsys.readouterr().out)
    found = skheart.load(of_patients).predict_patients(paths)
    assert [row["label"] for row in rows] == found.labels.tolist()
    for row, expected in zip(rows, found.probabilities, strict=True):
        np.testing.assert_allclose(list(map(float, probabilities_of(row))), expected, atol=2e-6)


@pytest.mark.parametrize("column", ["patient", "subject"])
def test_predict_by_patient(table, of_patients, tmp_path, capsys, column):
    table = table.rename(columns={"subject": column}).sample(frac=1, random_state=0)[:-1]
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    first = table[column].iloc[0]
    bad = pd.DataFrame({"path": ["bad.wav"], "label": ["mild"], column: [first]})
    pd.concat([table, bad]).to_csv(tmp_path / "t.csv", index=False)
    argv = ["predict", str(of_patients), str(tmp_path / "t.csv"), "--by-patient", "--quiet"]
    assert main([*argv, "-o", str(tmp_path / "out.csv")]) == 1
    assert "bad.wav" in capsys.readouterr().err
    rows = read_csv((tmp_path / "out.csv").read_text())
    head = ["patient", "n_recordings", "label", "p_mild", "p_normal", "p_severe"]
    assert list(rows[0]) == head
    assert [row["patient"] for row in rows] == table[column].astype(str).unique().tolist()
    found = skheart.load(of_patients).predict_patients(list(table["path"]), list(table[column]))
    for row in rows:
        at = [str(patient) for patient in found.patients].index(row["patient"])
        assert int(row["n_recordings"]) == found.n_recordings[at]
        assert row["label"] == found.labels[at]
        probabilities = list(map(float, probabilities_of(row)))
        np.testing.assert_allclose(probabilities, found.probabilities[at], atol=2e-6)
    assert main([*argv, "-o", str(tmp_path / "out.csv")]) == 1  # replaces its own table


def test_predict_by_patient_needs_patients(folder, of_patients, model, tmp_path, capsys):
    wav = folder / "wav" / "00.wav"
    line = fails(["predict", of_patients, wav, "--by-patient"], capsys)
    assert f"nobody says whose recording {wav} is" in line
    line = fails(["predict", model, folder / "table.csv", "--by-patient"], capsys)
    assert "--by-patient needs a model that predicts patients" in line
    (tmp_path / "t.csv").write_text(f"path,patient\n{wav},a\n{wav},b\n")
    line = fails(["predict", of_patients, tmp_path / "t.csv"], capsys)
    assert "line 3" in line
    assert "is of two patients, a and b" in line
    (tmp_path / "t.csv").write_text(f"path,patient\n{wav},\n")
    line = fails(["predict", of_patients, tmp_path / "t.csv"], capsys)
    assert "line 2: the patient is empty" in line
    missing = tmp_path / "missing.wav"
    assert "missing.wav" in fails(["predict", of_patients, missing, missing], capsys)


# ---------------------------------------------------------------------- explain


def test_explain_shows_the_ensemble(folder, of_patients, tmp_path, capsys):
    wav = str(folder / "wav" / "00.wav")
    page = tmp_path / "page.html"
    assert main(["explain", str(of_patients), wav, "-o", str(page), "--quiet"]) == 0
    text = page.read_text(encoding="utf-8")
    (expected,) = explain(skheart.load(of_patients), [wav])
    found = re.findall(r'"probabilities": ?(\[[^]]*\])', text)
    np.testing.assert_allclose(json.loads(found[0]), expected.probabilities, atol=1e-5)
    line = fails(["explain", of_patients, wav, "--check", "-o", tmp_path / "other"], capsys)
    assert "--check is for one net, and the model holds 2" in line
    assert "explain_checks(model.estimators_[0], recordings)" in line
    assert not (tmp_path / "other").exists()


# ---------------------------------------------------------------------- pre-trained


@pytest.fixture
def shelf(of_patients, tmp_path_factory, monkeypatch):
    """A package that comes with one model, on a machine without a network."""
    shelf = tmp_path_factory.mktemp("shelf")
    shutil.copy(of_patients, shelf / "tiny.safetensors")
    monkeypatch.setattr(pretrained, "_folder", lambda: shelf)

    def refuse(*args, **kwargs):
        raise AssertionError("the network is asked")

    monkeypatch.setattr(socket, "socket", refuse)
    return shelf


@pytest.mark.parametrize("verb", ["predict", "evaluate"])
@pytest.mark.parametrize("place", [1, 2])
def test_a_pretrained_model_takes_the_place_of_model(
    folder, of_patients, shelf, capsys, verb, place
):
    argv = [verb, str(folder / "table.csv")]
    named = ["--pretrained=tiny"] if place == 1 else ["--pretrained", "tiny"]
    assert main([*argv[:place], *named, *argv[place:], "--quiet"]) == 0
    found = capsys.readouterr().out
    assert main([verb, str(of_patients), str(folder / "table.csv"), "--quiet"]) == 0
    expected = capsys.readouterr().out
    if verb == "evaluate":
        assert found.splitlines()[1].split()[0] == "tiny"
        found, expected = (
            text.replace("of_patients", "tiny").split() for text in (found, expected)
        )
    assert found == expected


def test_explain_with_a_pretrained_model(folder, shelf, tmp_path):
    wav = folder / "wav" / "00.wav"
    argv = ["explain", "--pretrained", "tiny", wav, "-o", tmp_path / "page.html", "--quiet"]
    assert main(list(map(str, argv))) == 0
    assert "skheart report" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_what_is_wrong_with_a_pretrained_model(folder, of_patients, shelf, capsys):
    wav = folder / "wav" / "00.wav"
    line = fails(["predict", "--pretrained", "tinny", wav], capsys)
    assert "There is no pre-trained model 'tinny'. Did you mean 'tiny'? There are: tiny." in line
    line = fails(["predict", "--pretrained", "tiny", of_patients, wav], capsys)
    assert f"{of_patients} is a model, and --pretrained tiny takes its place" in line
    line = fails(["evaluate", "--pretrained", "tiny", of_patients, folder / "table.csv"], capsys)
    assert "unrecognized arguments" in line
    assert "required: RECORDING" in fails(["predict", "--pretrained", "tiny"], capsys)
    assert "required: MODEL, RECORDING" in fails(["predict"], capsys)
    assert "expected one argument" in fails(["predict", "--pretrained"], capsys)
    line = fails(["predict", "tiny", wav], capsys)
    assert line.endswith("there is no file tiny: for the pre-trained model, --pretrained tiny")


def test_options_may_stand_between_the_arguments(folder, of_patients, shelf, tmp_path, capsys):
    wav, out = str(folder / "wav" / "00.wav"), str(tmp_path / "o.csv")
    assert main(["predict", str(of_patients), "-o", out, wav]) == 0
    assert main(["predict", "--pretrained", "tiny", "-o", out, wav]) == 0
    assert main(["predict", wav, "--pretrained", "tiny", "--quiet"]) == 0
    capsys.readouterr()
    # Behind -- it is the name of a recording.
    line = fails(["predict", "--quiet", of_patients, "--", "--pretrained"], capsys)
    assert "--pretrained" in line
    assert "required" not in line
