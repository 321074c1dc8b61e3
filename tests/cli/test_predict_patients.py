"""The command predicts and explains patients, also with models that come with the package."""

import json
import re
import shutil
import socket

import numpy as np
import pandas as pd
import pytest

import skheart
from skheart import pretrained
from skheart.cli import main
from skheart.explain import explain
from tests.helpers.command import fails, probabilities_of, read_csv

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


@pytest.mark.parametrize("pattern", ["([0-9])[0-9]", "[0-9]"])
def test_names_of_files_tell_the_patient(folder, of_patients, tmp_path, capsys, pattern):
    """What a table says goes first; without either, it is said that each counts for itself."""
    wav = folder / "wav"
    (tmp_path / "t.csv").write_text(f"path,patient\n{wav / '03.wav'},of the table\n")
    argv = ["predict", of_patients, wav, tmp_path / "t.csv", "-o", tmp_path / "out.csv"]
    argv = [*map(str, argv), "--by-patient", "--patient-pattern", pattern]
    assert main(argv) == 0
    assert "count as a patient each" not in capsys.readouterr().err
    rows = read_csv((tmp_path / "out.csv").read_text())
    paths = [str(path) for path in sorted(wav.iterdir())]
    patients = ["of the table" if n == 3 else str(n // 10) for n in range(30)]
    assert [row["patient"] for row in rows] == ["0", "of the table", "1", "2"]
    found = skheart.load(of_patients).predict_patients(paths, patients)
    for row in rows:
        expected = found.probabilities[found.patients.tolist().index(row["patient"])]
        np.testing.assert_allclose(list(map(float, probabilities_of(row))), expected, atol=2e-6)
    assert main(["predict", str(of_patients), *paths[:2]]) == 0
    assert "2 recordings count as a patient each" in capsys.readouterr().err


def test_patterns_that_do_not_fit(folder, of_patients, model, capsys):
    argv = ["predict", of_patients, folder / "wav", "--patient-pattern"]
    assert "'([a-z]+)_' finds no patient at the beginning of 00.wav" in fails(
        [*argv, "([a-z]+)_"], capsys
    )
    assert "finds no patient" in fails([*argv, "([a-z]?)0"], capsys)  # an empty one
    assert "is no regular expression: missing )" in fails([*argv, "(0"], capsys)
    argv[1] = model
    assert "--patient-pattern needs a model that predicts patients" in fails([*argv, "."], capsys)


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
    assert "--check is for one classifier, and the model averages 2" in line
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
