"""Train, score, predict and explain patients, also with pretrained models."""

import json
import re
import shutil
import socket

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

import skheart
from skheart import pretrained
from skheart.audio import quality
from skheart.cli import _settings
from skheart.explain import explain
from skheart.patients import PatientClassifier
from tests.helpers.command import (
    SMALL_NETS,
    fails,
    probabilities_of,
    read_csv,
    run,
    small_recipes,
)


@pytest.fixture(autouse=True)
def small_recipe(monkeypatch):
    monkeypatch.setattr(_settings, "make_heart_pipeline", small_recipes)


@pytest.fixture
def train(folder, tmp_path):
    """Words of a command that trains a small model of patients."""
    words = ["train", folder / "table.csv", "-o", tmp_path / "m", "--recipe=attention"]
    return [*words, "--device=cpu", *SMALL_NETS]


def assert_rows_are(rows, model, paths, patients):
    """Check the rows of recordings against what the model predicts of their patients."""
    found = skheart.load(model).predict_patients(paths, patients)
    at = {patient: number for number, patient in enumerate(found.patients)}
    numbers = [at[patient] for patient in patients]
    assert [row["label"] for row in rows] == found.labels[numbers].tolist()
    probabilities = list(map(probabilities_of, rows))
    np.testing.assert_allclose(probabilities, found.probabilities[numbers], atol=2e-6)


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


def test_train_scores_patients_it_has_not_heard(table, train, tmp_path, capsys):
    assert run(*train, "--test-size=0.4", "--quiet") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[0].split()[-2:] == ["subjects", "patients"]
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


def test_train_cross_validates_patients(train, capsys):
    assert run(*train, "--folds=2") == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split()[-2:] == ["15", "15"]
    assert "attention: 100%" in err


def test_patients_are_checked_before_training(table, train, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(PatientClassifier, "fit", None)
    path = train[1] = tmp_path / "t.csv"
    train = [*train, "--quiet"]
    table.assign(subject=np.resize(["a", "b", "c"], 30)).to_csv(path, index=False)
    for score in ("--folds=2", "--test-size=.3"):
        assert "patient a has the labels" in fails([*train, score], capsys)
    table.assign(patient=np.resize(["a", "b", "c"], 30)).to_csv(path, index=False)
    assert "patient a has the subjects" in fails(train, capsys)
    table.assign(patient=[*"a" * 29, ""]).to_csv(path, index=False)
    assert "line 31: the patient (column 'patient') is empty, as in 1" in fails(train, capsys)


def test_jobs_are_members(train, monkeypatch):
    seen = {}

    def fit(self, X, y, groups=None):
        seen.update(self.get_params())
        raise ValueError("enough")

    monkeypatch.setattr(PatientClassifier, "fit", fit)
    assert run(*train, "--jobs=2") == 2
    assert (seen["n_jobs"], seen["estimator__logmel__n_jobs"], seen["verbose"]) == (2, None, 1)
    assert seen["estimator__clf__verbose"] == 0
    run(*train)
    assert (seen["n_jobs"], seen["estimator__clf__verbose"]) == (None, 1)


# ---------------------------------------------------------------------- evaluate


def test_evaluate_scores_patients(table, of_patients, tmp_path, capsys):
    """Visits are patients of their own where a column says so; intervals are by subject."""
    table["patient"] = [f"{s}-{i % 2}" for i, s in enumerate(table["subject"])]
    for columns, n_patients in ([], 15), (["patient"], 30):
        kept = ["path", "label", "subject", *columns]
        table[kept].to_csv(tmp_path / "t.csv", index=False)
        assert run("evaluate", of_patients, tmp_path / "t.csv", "--quiet") == 0
        out, err = capsys.readouterr()
        assert err == ""
        row = out.splitlines()[1].split()
        assert (row[0], row[-2:]) == ("of_patients", ["15", str(n_patients)])
        found = skheart.load(of_patients).predict_patients(table[["path", *kept[2:]]])
        true = table.groupby(kept[-1])["label"].first()[found.patients]
        expected = balanced_accuracy_score(true, found.labels)
        assert float(row[1]) == pytest.approx(expected, abs=1e-3)
        assert out.splitlines()[3].split()[:4] == ["class", "recall", "subjects", "patients"]


def test_evaluate_takes_patients_for_subjects(table, of_patients, model, tmp_path, capsys):
    """And leaves out a bad recording."""
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    table.loc[0, "path"] = "bad.wav"
    table.rename(columns={"subject": "patient"}).to_csv(tmp_path / "t.csv", index=False)
    assert run("evaluate", of_patients, tmp_path / "t.csv", "--quiet") == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split()[-2:] == ["15", "15"]
    (line,) = err.splitlines()
    assert "bad.wav" in line
    run("evaluate", model, tmp_path / "t.csv", "--quiet")
    assert "has no subjects" in capsys.readouterr().err


# ---------------------------------------------------------------------- predict


def test_predict_puts_the_recordings_of_a_table_together(table, of_patients, tmp_path, capsys):
    """In the order of the table, whatever the order of patients."""
    table = table.sample(frac=1, random_state=0)
    table.to_csv(tmp_path / "t.csv", index=False)
    assert run("predict", of_patients, tmp_path / "t.csv") == 0
    out, err = capsys.readouterr()
    rows = read_csv(out)
    assert [row["path"] for row in rows] == table["path"].tolist()
    assert "30/30" in err
    assert_rows_are(rows, of_patients, list(table["path"]), list(table["subject"]))


def test_recordings_of_unknown_patients_are_patients(wav, of_patients, capsys):
    assert run("predict", of_patients, *wav[:3]) == 0
    out, err = capsys.readouterr()
    assert "3 recordings count as a patient each" in err
    assert_rows_are(read_csv(out), of_patients, wav[:3], [0, 1, 2])


@pytest.mark.parametrize("pattern", ["([0-9])[0-9]", "[0-9]"])
def test_file_names_tell_the_patient(folder, wav, of_patients, tmp_path, capsys, pattern):
    """Unless a table does."""
    (tmp_path / "t.csv").write_text(f"path,patient\n{wav[3]},of the table\n")
    argv = ["predict", of_patients, folder / "wav", tmp_path / "t.csv", "--by-patient"]
    assert run(*argv, "--patient-pattern", pattern) == 0
    out, err = capsys.readouterr()
    assert "count as a patient each" not in err
    rows = read_csv(out)
    assert [row["patient"] for row in rows] == ["0", "of the table", "1", "2"]
    patients = ["of the table" if n == 3 else str(n // 10) for n in range(30)]
    row_of = {row["patient"]: row for row in rows}
    assert_rows_are([row_of[patient] for patient in patients], of_patients, wav, patients)


@pytest.mark.parametrize("column", ["patient", "subject"])
def test_predict_by_patient(table, of_patients, tmp_path, capsys, column):
    table = table.rename(columns={"subject": column}).sample(frac=1, random_state=0)[:-1]
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    bad = {"path": ["bad.wav"], "label": ["mild"], column: [table[column].iloc[0]]}
    pd.concat([table, pd.DataFrame(bad)]).to_csv(tmp_path / "t.csv", index=False)
    argv = ["predict", of_patients, tmp_path / "t.csv", "--by-patient", "--quiet"]
    for _ in range(2):  # it replaces its own table
        assert run(*argv, "-o", tmp_path / "out.csv") == 1
    assert "bad.wav" in capsys.readouterr().err
    rows = read_csv((tmp_path / "out.csv").read_text())
    assert list(rows[0])[:3] == ["patient", "n_recordings", "label"]
    counts = table[column].astype(str).value_counts(sort=False)
    assert [row["patient"] for row in rows] == counts.index.tolist()
    assert [int(row["n_recordings"]) for row in rows] == counts.tolist()
    heartbeat = quality(list(table["path"]))["heartbeat"].to_numpy()
    with_heartbeat = table[heartbeat][column].astype(str).value_counts()
    found = {row["patient"]: int(row["quality_n_heartbeat"]) for row in rows}
    assert found == {patient: with_heartbeat.get(patient, 0) for patient in counts.index}
    row_of = {row["patient"]: row for row in rows}
    patients = table[column].astype(str).tolist()
    expected = [row_of[patient] for patient in patients]
    assert_rows_are(expected, of_patients, list(table["path"]), patients)


def test_invalid_patients_are_named(folder, wav, of_patients, model, tmp_path, capsys):
    argv = ["predict", of_patients, folder / "wav", "--patient-pattern"]
    line = fails([*argv, "([a-z]+)_"], capsys)
    assert "'([a-z]+)_' finds no patient at the beginning of 00.wav" in line
    assert "finds no patient" in fails([*argv, "([a-z]?)0"], capsys)  # an empty one
    line = fails(["predict", model, *wav, "--patient-pattern", "."], capsys)
    assert "--patient-pattern needs a model that predicts patients" in line
    line = fails(["predict", model, folder / "table.csv", "--by-patient"], capsys)
    assert "--by-patient needs a model that predicts patients" in line
    line = fails(["predict", of_patients, wav[0], "--by-patient"], capsys)
    assert f"the patient of {wav[0]} is unknown" in line
    for cells, words in (
        (f"{wav[0]},a\n{wav[0]},b\n", "line 3: {} has two patients, a and b"),
        (f"{wav[0]},NA\n", "line 2: the patient (column 'patient') is 'NA', which stands for a"),
        (f"{wav[0]},\n", "line 2: the patient (column 'patient') is empty"),
    ):
        (tmp_path / "t.csv").write_text(f"path,patient\n{cells}")
        line = fails(["predict", of_patients, tmp_path / "t.csv"], capsys)
        assert words.format(wav[0]) in line


# ---------------------------------------------------------------------- explain


def test_explain_shows_the_ensemble(wav, of_patients, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert run("explain", of_patients, wav[0], "-o", page, "--quiet") == 0
    (expected,) = explain(skheart.load(of_patients), wav[:1])
    found = re.findall(r'"probabilities": ?(\[[^]]*\])', page.read_text(encoding="utf-8"))
    np.testing.assert_allclose(json.loads(found[0]), expected.probabilities, atol=1e-5)
    line = fails(["explain", of_patients, wav[0], "--check", "-o", tmp_path / "other"], capsys)
    assert "--check is for one classifier, and this model averages 2" in line
    assert "explain_checks(model.estimators_[0], recordings)" in line
    assert not (tmp_path / "other").exists()


# ---------------------------------------------------------------------- pretrained


@pytest.fixture
def shelf(of_patients, tmp_path_factory, monkeypatch):
    """A package with one pretrained model, on a machine without a network."""
    shelf = tmp_path_factory.mktemp("shelf")
    shutil.copy(of_patients, shelf / "tiny.safetensors")
    monkeypatch.setattr(pretrained, "_folder", lambda: shelf)

    def refuse(*args, **kwargs):
        raise AssertionError("the network is asked")

    monkeypatch.setattr(socket, "socket", refuse)
    return shelf


@pytest.mark.parametrize("verb", ["predict", "evaluate"])
def test_a_pretrained_model_replaces_model(folder, of_patients, shelf, capsys, verb):
    table = folder / "table.csv"
    outputs = []
    for words in (
        [of_patients, table],
        ["--pretrained=tiny", table],
        [table, "--pretrained", "tiny"],
    ):
        assert run(verb, *words, "--quiet") == 0
        outputs.append(capsys.readouterr().out)
    if verb == "evaluate":
        assert outputs[1].splitlines()[1].split()[0] == "tiny"
        outputs = [output.replace("of_patients", "tiny").split() for output in outputs]
    assert outputs[0] == outputs[1] == outputs[2]


def test_invalid_uses_of_pretrained_models_are_named(folder, wav, of_patients, shelf, capsys):
    line = fails(["predict", "--pretrained", "tinny", wav[0]], capsys)
    assert "There is no pre-trained model 'tinny'. Did you mean 'tiny'? There are: tiny." in line
    line = fails(["predict", "--pretrained", "tiny", of_patients, wav[0]], capsys)
    assert f"{of_patients} is a model, and --pretrained tiny replaces it" in line
    line = fails(["predict", "tiny", wav[0]], capsys)
    assert "there is no model tiny" in line
    assert line.endswith("or --pretrained tiny for the pretrained model")


def test_options_may_stand_between_the_arguments(wav, of_patients, shelf, tmp_path, capsys):
    out, page = tmp_path / "o.csv", tmp_path / "page.html"
    assert run("predict", of_patients, "-o", out, wav[0]) == 0
    assert run("predict", "--pretrained", "tiny", "-o", out, wav[0]) == 0
    assert run("explain", "--pretrained", "tiny", wav[0], "-o", page, "--quiet") == 0
    assert "skheart report" in page.read_text(encoding="utf-8")
    # After --, it is the name of a recording.
    line = fails(["predict", "--quiet", of_patients, "--", "--pretrained"], capsys)
    assert "there is no recording, folder or list --pretrained" in line
