"""The command on folders: one subfolder for each label, and files that are left out."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import skheart
from tests.helpers.command import SMALL, fails, read_csv, run


@pytest.fixture
def labelled(folder, table, tmp_path):
    """The recordings of `folder` in one subfolder for each label, named after their subjects."""
    root = tmp_path / "labelled"
    for path, label, subject in zip(table["path"], table["label"], table["subject"], strict=True):
        target = root / label / f"{subject}_{Path(path).name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / path, target)
    return root


@pytest.fixture
def phones(wav, tmp_path):
    """A folder with a.wav, and the heads of two recordings of phones."""
    root = tmp_path / "phones"
    root.mkdir()
    shutil.copy(wav[0], root / "a.wav")
    (root / "b.m4a").write_bytes(b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42isom\0\0\0\0" + bytes(2000))
    (root / "c.3gp").write_bytes(b"\0\0\0\x1cftyp3gp4\0\0\2\0isom3gp4mp41" + bytes(2000))
    return root


def test_train_and_evaluate_take_a_folder_of_labels(labelled, table, tmp_path, capsys):
    words = [labelled, "--subject-pattern=([^_]+)_", "--quiet"]
    assert run("train", *words, "-o", tmp_path / "m", "--test-size=0.4", *SMALL) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[1].split()[-2:] == ["6", "12"]  # subjects and recordings, of 15 and 30
    assert skheart.load(tmp_path / "m").classes_.tolist() == ["mild", "normal", "severe"]
    assert run("evaluate", tmp_path / "m", *words) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[-2:] == ["15", "30"]


def test_a_folder_without_subjects_gives_one_warning(labelled, model, capsys):
    assert run("evaluate", model, labelled, "--quiet") == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert "has no subjects, so each recording counts as a subject" in line
    assert line.endswith("If their names begin with the subject, pass --subject-pattern.")


def test_a_wrong_folder_of_labels(labelled, model, tmp_path, capsys):
    words = ["evaluate", model, labelled]
    assert "--label applies to tables" in fails([*words, "--label=x"], capsys)
    assert "finds no subject at the beginning" in fails([*words, "--subject-pattern=!"], capsys)
    shutil.copy(next(labelled.rglob("*.wav")), labelled / "stray.wav")
    assert "stray.wav. Expected a folder with one subfolder" in fails(words, capsys)
    (labelled / "stray.wav").unlink()
    (labelled / "mild" / "s_bad.wav").write_bytes(b"no sound")
    assert run("train", labelled, "-o", tmp_path / "m", "--quiet", *SMALL) == 2
    err = capsys.readouterr().err.splitlines()
    assert "s_bad.wav' cannot be read" in err[-2]
    assert (
        f"1 of 31 recordings cannot be read. Nothing was trained: repair them in {labelled}"
        in (err[-1])
    )


def test_a_class_called_none_can_be_trained(table, write, tmp_path, capsys):
    path = write(label=table["label"].replace("normal", "None"))
    argv = ["train", path, "-o", tmp_path / "m", "--quiet", *SMALL]
    assert "is 'None', which stands for a missing value" in fails(argv, capsys)
    assert run(*argv, "--na-values") == 0
    assert "None" in skheart.load(tmp_path / "m").classes_


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_no_recording_of_a_folder_is_lost(phones, model, capsys, quiet):
    """Each is a row or is named with its reason; companions are counted."""
    for name in ("notes.txt", "a.hea", "a.tsv"):
        (phones / name).write_text("")
    (phones / "old").write_bytes((phones / "a.wav").read_bytes())
    (phones / "._a.wav").write_bytes(b"fork")
    assert run("predict", model, phones, *quiet) == 1
    out, err = capsys.readouterr()
    assert [row["path"] for row in read_csv(out)] == [str(phones / "a.wav")]
    lines = [line for line in err.splitlines() if line.startswith("skheart:")]
    for name in ("b.m4a", "c.3gp", "old"):
        (line,) = [line for line in lines if str(phones / name) in line]
        assert line.startswith("skheart: error: ")
        assert "is left out" in line
    assert sum("3 other file(s) are not sound" in line for line in lines) == (not quiet)
    assert sum("1 hidden file(s)" in line for line in lines) == (not quiet)


def test_a_good_folder_has_status_0(folder, model, wav, capsys):
    assert run("predict", model, folder / "wav", "--quiet") == 0
    out, err = capsys.readouterr()
    assert [row["path"] for row in read_csv(out)] == wav
    assert err == ""


def test_a_model_that_skips_hides_nothing_from_the_command(of_patients, wav, tmp_path, capsys):
    model = skheart.load(of_patients).set_params(on_error="skip")
    skheart.save(model, tmp_path / "m")
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound")
    (tmp_path / "t.csv").write_text(f"path,patient\n{wav[0]},a\n{bad},a\n")
    assert run("predict", tmp_path / "m", tmp_path / "t.csv", "--quiet") == 1
    out, err = capsys.readouterr()
    assert [row["path"] for row in read_csv(out)] == [wav[0]]
    assert f"[{bad} is left out]" in err
    expected = model.predict_patients([wav[0]]).probabilities[0]
    (row,) = read_csv(out)
    np.testing.assert_allclose([float(row[f"p_{c}"]) for c in model.classes_], expected, atol=2e-6)
