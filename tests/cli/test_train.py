"""The verb train, in process, on small tables of generated sounds."""

import os
import signal

import joblib
import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.metrics import balanced_accuracy_score

import skheart
from skheart._utils import files
from skheart.classifiers import HeartSoundNet
from tests.helpers.command import SMALL, fails, run


@pytest.fixture
def out(tmp_path):
    return tmp_path / "m"


@pytest.fixture
def untrained(monkeypatch):
    """Fail if a recording is decoded."""
    monkeypatch.setattr(skheart.LogMelTransformer, "fit_transform", None)


def test_train_writes_a_pipeline_with_the_parameters(folder, model):
    pipeline = skheart.load(model)
    assert pipeline["clf"].channels == (4, 8)
    assert pipeline["clf"].n_iter_ == 2
    assert pipeline["logmel"].duration == 2
    assert pipeline["ros"].random_state == 0
    assert pipeline["clf"].verbose == pipeline["logmel"].verbose == 0
    assert set(pipeline.classes_) == {"mild", "normal", "severe"}
    assert not list(folder.glob("*.part"))
    assert not list(folder.glob(".*"))


def test_training_is_seeded(folder, wav, model, out):
    expected = skheart.load(model).predict_proba(wav)
    for seed in (0, 1):
        assert run("train", folder / "table.csv", "-o", out, f"--seed={seed}", *SMALL) == 0
        same = np.array_equal(skheart.load(out).predict_proba(wav), expected)
        assert same == (seed == 0)


@pytest.mark.parametrize("jobs", [1, 2])
def test_train_with_folds_scores_by_subject(folder, out, capsys, jobs):
    argv = ["train", folder / "table.csv", "-o", out, "--folds=2", f"--jobs={jobs}", *SMALL]
    with joblib.parallel_config("threading"):  # processes would first import torch
        assert run(*argv) == 0
    text, err = capsys.readouterr()
    row = text.splitlines()[1].split()
    assert row[0] == "cnn"
    assert 0 <= float(row[1]) <= 1
    assert row[-2:] == ["15", "30"]
    assert "class" in text
    assert "cnn: 100%" in err
    assert "train_loss" in err
    assert f"wrote {out}" in err
    assert skheart.load(out)["logmel"].n_jobs is None


def test_train_with_a_hold_out_scores_subjects_it_has_not_heard(table, folder, out, capsys):
    argv = ["train", folder / "table.csv", "-o", out, "--test-size=0.4", "--quiet", *SMALL]
    assert run(*argv) == 0
    text, err = capsys.readouterr()
    assert err == ""
    row = text.splitlines()[1].split()
    assert row[-2:] == ["6", "12"]
    _, test = skheart.evaluation.hold_out_by_subject(
        table["label"], table["subject"].astype(str), test_size=0.4, random_state=0
    )
    predicted = skheart.load(out).predict(list(table["path"][test]))
    expected = balanced_accuracy_score(table["label"][test], predicted)
    assert float(row[1]) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("score", [[], ["--folds=2"], ["--test-size=0.4"]])
@pytest.mark.parametrize("balance", [[], ["--set=ros=passthrough"]])
def test_early_stopping_is_given_the_subjects(folder, out, monkeypatch, score, balance):
    seen = []
    fit = skheart.AttentionCNNClassifier.fit

    def watched(self, X, y, groups=None, **params):
        seen.append((len(X), len(set(groups)), self.oversample))
        return fit(self, X, y, groups=groups, **params)

    monkeypatch.setattr(skheart.AttentionCNNClassifier, "fit", watched)
    stop = ["--set=clf__early_stopping=True", "--set=clf__validation_fraction=0.3"]
    argv = ["train", folder / "table.csv", "-o", out, "--quiet", *SMALL]
    assert run(*argv, *stop, *balance, *score) == 0
    for n_recordings, n_subjects, oversample in seen:
        assert n_recordings == 2 * n_subjects  # no sampler came before
        assert oversample == (not balance)
    assert len(seen) == (3 if score == ["--folds=2"] else 1)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_train_the_other_models(folder, out, kind):
    small = ["--set=clf__units=(4,)", "--set=clf__max_epochs=1", "--set=logmel__duration=1"]
    assert run("train", folder / "table.csv", "-o", out, "--quiet", "--model", kind, *small) == 0
    assert skheart.load(out)["clf"].cell == kind


def test_interrupted_training_leaves_no_file(folder, out, capsys, monkeypatch):
    """Ctrl-C in the middle of training."""
    steps, step = [], HeartSoundNet.train_step

    def interrupted(self, *args, **kwargs):
        steps.append(1)
        if len(steps) == 5:
            signal.raise_signal(signal.SIGINT)
        return step(self, *args, **kwargs)

    monkeypatch.setattr(HeartSoundNet, "train_step", interrupted)
    argv = ["train", folder / "table.csv", "-o", out, *SMALL, "--set=clf__max_epochs=9999"]
    assert run(*argv) == 130
    message = f"skheart: error: interrupted. {out} was not written"
    assert capsys.readouterr().err.splitlines()[-1] == message
    assert not list(out.parent.iterdir())


# ---------------------------------------------------------------------- tables


def test_columns_can_be_named(table, out, tmp_path):
    table.columns = ["file", "diagnosis", "person"]
    table.to_csv(tmp_path / "own.csv", index=False)
    names = ["--path=file", "--label=diagnosis", "--subject=person"]
    assert run("train", tmp_path / "own.csv", "-o", out, "--quiet", *SMALL, *names) == 0


def test_no_subjects_is_a_warning(folder, out, capsys):
    argv = ["train", folder / "alone.csv", "-o", out, "--test-size=.3", "--quiet", *SMALL]
    assert run(*argv) == 0
    text, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert "has no subjects, so each recording counts as a subject" in line
    assert text.splitlines()[1].split()[-2:] == ["9", "9"]


def test_columns_that_may_leak_are_one_warning(table, model, tmp_path, capsys):
    path = tmp_path / "t.csv"
    table.rename(columns={"subject": "patient"}).to_csv(path, index=False)
    assert run("evaluate", model, path, "--quiet") == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert "has no subjects" in line
    assert line.endswith("If 'patient' has them, pass --subject patient.")
    pd.concat([table, table[:1]]).to_csv(path, index=False)
    assert run("evaluate", model, path, "--quiet") == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("skheart: warning: ")
    assert "list a recording again" in line


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nowhere.csv", "nowhere.csv: there is no such table"),
        ("{folder}/wav", "30 recording(s) are in no subfolder, so they have no label"),
        ("{folder}/table.csv --subject-pattern=x", "--subject-pattern applies to a folder"),
        ("{folder}/table.csv --label=diagnosis", "no column 'diagnosis'"),
        ("{folder}/table.csv --label=diagnosis", "label=... (--label on the command line)"),
        ("{folder}/table.csv --subject=person", "no column 'person'"),
        ("{folder}/table.csv --folds=9", "has 5 subjects, fewer than 9"),
        ("{folder}/table.csv --target=murmur", "--target applies to circor"),
        ("{folder}/table.csv --data={folder}", "--data applies to circor, hss, physionet2016"),
        ("circor", "--data is missing: give the folder of circor"),
        ("circor --data=nowhere", "nowhere: there is no such folder"),
        ("circor --data=nowhere", "`skheart fetch circor FOLDER` on the command line"),
        ("physionet2016 --data=nowhere", "nowhere: there is no such folder"),
        ("hss --data=nowhere", "nowhere: there is no such folder"),
        ("circor --data={folder} --label=x", "--label applies to tables"),
    ],
)
def test_a_wrong_source(folder, out, capsys, line, words):
    argv = line.format(folder=folder).split()
    assert words in fails(["train", *argv, "-o", out, "--quiet", *SMALL], capsys)
    assert not list(out.parent.iterdir())


def test_an_empty_cell_or_another_spelling(folder, out, tmp_path, capsys):
    (tmp_path / "t.csv").write_text(f"path,label\n{folder}/wav/00.wav,\n")
    argv = ["train", tmp_path / "t.csv", "-o", out]
    assert "on the command line, `skheart predict` needs none" in fails(argv, capsys)
    (tmp_path / "t.csv").write_text(f"path,label,Subject\n{folder}/wav/00.wav,a,b\n")
    assert "--subject Subject" in fails(argv, capsys)


def test_too_few_classes_or_subjects(table, write, out, capsys):
    argv = ["train", write(label="x"), "-o", out, "--quiet", *SMALL]
    assert "all 30 recordings have the label 'x'" in fails(argv, capsys)
    write(label=np.where(table["subject"] == table["subject"][0], "rare", "usual"))
    line = fails([*argv, "--test-size=.3"], capsys)
    assert "Class rare has 1 subject, fewer than 2: a hold-out needs one on each side" in line


def test_unreadable_recordings_are_reported_before_training(
    table, write, out, tmp_path, capsys, untrained
):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "bad.wav").write_bytes(b"RIFF....")
    soundfile.write(tmp_path / "silent.wav", np.zeros(0), 4000)
    names = ("empty.wav", "bad.wav", "silent.wav", "missing.wav")
    bad = [str(tmp_path / name) for name in names]
    argv = ["train", write(path=[*bad, *table["path"][4:]]), "-o", out, "--quiet", *SMALL]
    assert run(*argv) == 2
    *errors, last = capsys.readouterr().err.splitlines()
    assert [path in line for path, line in zip(bad, errors, strict=True)] == [True] * 4
    assert "4 of 30 recordings cannot be read. Nothing was trained: repair them or delete" in last
    write(path=[str(tmp_path / f"{i}.wav") if i < 12 else p for i, p in table["path"].items()])
    assert run(*argv) == 2
    *errors, last = capsys.readouterr().err.splitlines()
    assert len(errors) == 10
    assert "12 of 30 recordings cannot be read; the first 10 are above." in last
    assert not out.exists()


# ---------------------------------------------------------------------- files


def test_the_output_is_checked_before_anything_is_read(
    folder, tmp_path, capsys, monkeypatch, untrained
):
    table = folder / "table.csv"
    for output, words in (
        (tmp_path / "missing" / "m", "no folder"),
        (f"{tmp_path}/missing/", "is a folder"),
        (tmp_path, "is not a file"),
        (f"{tmp_path}/", "is not a file"),
        (table, "is an input"),
    ):
        assert words in fails(["train", table, "-o", output], capsys)

    def refuse(descriptor):  # as root, chmod would not do
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "fsync", refuse)
    message = fails(["train", table, "-o", tmp_path / "m"], capsys)
    assert f"cannot be written to the folder {tmp_path}: Permission denied" in message


@pytest.mark.parametrize("content", [b"RIFFnotes", b"path,label\n", b"\x80\x04imblearn.pipeline"])
def test_train_replaces_models_only(folder, out, capsys, content):
    out.write_bytes(content)
    line = fails(["train", folder / "table.csv", "-o", out, *SMALL], capsys)
    assert "already exists and is not a model: give -o another name" in line
    assert out.read_bytes() == content


def test_train_replaces_a_model_once_the_new_one_is_complete(folder, model, out, capsys):
    out.write_bytes(before := model.read_bytes())
    argv = ["train", folder / "table.csv", "-o", out, "--quiet", "--seed=9", *SMALL]
    assert "'lr'" in fails([*argv, "--set=clf__lr=-1"], capsys)
    assert out.read_bytes() == before
    for content in (b"", before):
        out.write_bytes(content)
        assert run(*argv) == 0
        assert skheart.load(out)["clf"].random_state == 9
    assert list(out.parent.iterdir()) == [out]


def test_a_failed_write_leaves_the_old_file(out):
    out.write_text("old")

    def write_half():
        with files.open_atomic(out, "w") as file:
            file.write("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_half()
    assert out.read_text() == "old"
    with files.open_atomic(out, "w") as file:
        file.write("new")
        assert out.read_text() == "old"
    assert out.read_text() == "new"
    assert list(out.parent.iterdir()) == [out]
