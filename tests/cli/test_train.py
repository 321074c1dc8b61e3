"""The verb train, in process, on small tables of generated sounds."""

import os

import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.metrics import balanced_accuracy_score

import skheart
from skheart import datasets
from skheart._utils import files as _store
from skheart.cli import main
from tests.helpers.command import SMALL, fails


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


def test_training_is_seeded(folder, model, tmp_path):
    paths = [str(path) for path in sorted((folder / "wav").iterdir())]
    expected = skheart.load(model).predict_proba(paths)
    for seed in (0, 1):
        argv = ["train", folder / "table.csv", "-o", tmp_path / "again", "--seed", seed, *SMALL]
        assert main([*map(str, argv), "--quiet"]) == 0
        same = np.array_equal(skheart.load(tmp_path / "again").predict_proba(paths), expected)
        assert same == (seed == 0)


@pytest.mark.parametrize("jobs", [[], ["--jobs=2"]])
def test_train_with_folds_scores_by_subject(folder, tmp_path, capsys, jobs):
    argv = ["train", str(folder / "table.csv"), "-o", str(tmp_path / "m"), "--folds=2", *SMALL]
    assert main([*argv, *jobs]) == 0
    out, err = capsys.readouterr()
    row = out.splitlines()[1].split()
    assert row[0] == "cnn"
    assert 0 <= float(row[1]) <= 1
    assert row[-2:] == ["15", "30"]
    assert "class" in out
    assert "cnn: 100%" in err
    assert f"wrote {tmp_path / 'm'}" in err
    assert skheart.load(tmp_path / "m")["logmel"].n_jobs is None


def test_train_with_a_hold_out_scores_people_it_has_not_heard(folder, tmp_path, capsys):
    path = tmp_path / "m"
    argv = ["train", str(folder / "table.csv"), "-o", str(path), "--test-size=0.4", *SMALL]
    assert main([*argv, "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    row = out.splitlines()[1].split()
    assert row[-2:] == ["6", "12"]
    table = pd.read_csv(folder / "table.csv")
    _, test = skheart.evaluation.hold_out_by_subject(
        table["label"], table["subject"].astype(str), test_size=0.4, random_state=0
    )
    predicted = skheart.load(path).predict([str(folder / p) for p in table["path"][test]])
    expected = balanced_accuracy_score(table["label"][test], predicted)
    assert float(row[1]) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("score", [[], ["--folds=2"], ["--test-size=0.4"]])
@pytest.mark.parametrize("balance", [[], ["--set=ros=passthrough"]])
def test_early_stopping_is_given_the_subjects(folder, tmp_path, monkeypatch, score, balance):
    seen = []
    fit = skheart.AttentionCNNClassifier.fit

    def watched(self, X, y, groups=None, **params):
        if groups is None and len(X) == 2:  # the trial of the settings
            return fit(self, X, y)
        seen.append((len(X), len(set(groups)), self.oversample))
        return fit(self, X, y, groups=groups, **params)

    monkeypatch.setattr(skheart.AttentionCNNClassifier, "fit", watched)
    stop = ["--set=clf__early_stopping=True", "--set=clf__validation_fraction=0.3"]
    argv = ["train", str(folder / "table.csv"), "-o", str(tmp_path / "m"), "--quiet", *SMALL]
    assert main([*argv, *stop, *balance, *score]) == 0
    for n_recordings, n_subjects, oversample in seen:
        assert n_recordings == 2 * n_subjects  # as they are: no sampler came before
        assert oversample == (not balance)
    assert len(seen) == (3 if score == ["--folds=2"] else 1)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_train_the_other_models(folder, tmp_path, kind):
    argv = ["train", str(folder / "table.csv"), "-o", str(tmp_path / "m"), "--model", kind]
    small = ["--set=clf__units=(4,)", "--set=clf__max_epochs=1", "--set=logmel__duration=1"]
    assert main([*argv, *small, "--quiet"]) == 0
    assert skheart.load(tmp_path / "m")["clf"].cell == kind


def test_progress_is_on_standard_error(folder, tmp_path, capsys):
    assert main(["train", str(folder / "table.csv"), "-o", str(tmp_path / "m"), *SMALL]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "train_loss" in err


def test_columns_can_be_named(folder, tmp_path):
    table = pd.read_csv(folder / "table.csv")
    table["path"] = [str(folder / path) for path in table["path"]]
    table.columns = ["file", "diagnosis", "person"]
    table.to_csv(tmp_path / "own.csv", index=False)
    argv = ["train", str(tmp_path / "own.csv"), "-o", str(tmp_path / "m"), "--quiet", *SMALL]
    assert main([*argv, "--path=file", "--label=diagnosis", "--subject=person"]) == 0


def test_no_subjects_is_a_warning(folder, tmp_path, capsys):
    argv = ["train", str(folder / "alone.csv"), "-o", str(tmp_path / "m"), "--test-size=.3", *SMALL]
    assert main(argv) == 0
    out, err = capsys.readouterr()
    (line,) = [line for line in err.splitlines() if line.startswith("skheart: warning: ")]
    assert "has no subjects: every recording counts as a person of its own" in line
    assert main([*argv, "--quiet"]) == 0
    (again,) = capsys.readouterr().err.splitlines()
    assert again == line
    assert out.splitlines()[1].split()[-2:] == ["9", "9"]


def test_a_column_like_subjects_is_one_warning(folder, model, tmp_path, capsys):
    table = pd.read_csv(folder / "table.csv").rename(columns={"subject": "patient"})
    table["path"] = [str(folder / path) for path in table["path"]]
    table.to_csv(tmp_path / "t.csv", index=False)
    assert main(["evaluate", str(model), str(tmp_path / "t.csv"), "--quiet"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert "has no subjects" in line
    assert line.endswith("If 'patient' names them, pass --subject patient.")


def test_a_recording_listed_twice_is_a_warning_in_spite_of_quiet(folder, model, tmp_path, capsys):
    table = pd.read_csv(folder / "table.csv")
    table["path"] = [str(folder / path) for path in table["path"]]
    pd.concat([table, table[:1]]).to_csv(tmp_path / "t.csv", index=False)
    assert main(["evaluate", str(model), str(tmp_path / "t.csv"), "--quiet"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("skheart: warning: ")


def test_routed_names_and_steps_can_be_set(folder, tmp_path):
    argv = ["train", str(folder / "table.csv"), "-o", str(tmp_path / "m"), "--quiet", *SMALL]
    extra = ["--set=ros=passthrough", "--set=clf__optimizer__weight_decay=1e-4"]
    assert main([*argv, *extra, "--set=clf__class_weight=balanced"]) == 0
    pipeline = skheart.load(tmp_path / "m")
    assert pipeline["ros"] == "passthrough"
    assert pipeline["clf"].class_weight == "balanced"
    assert pipeline["clf"].net_.optimizer_.param_groups[0]["weight_decay"] == 1e-4


@pytest.mark.parametrize(
    ("parameter", "words"),
    [
        ("clf__lrr=1", "no parameter 'clf__lrr'. Did you mean 'clf__lr'?"),
        ("logmel__nmels=1", "Did you mean 'logmel__n_mels'?"),
        ("zzz=1", "The steps are logmel, ros, clf."),
        ("clf__lr", "--set takes STEP__PARAMETER=VALUE, such as clf__lr=1e-4, not 'clf__lr'"),
        ("=3", "--set takes"),
        ("clf__lr=-1", "'lr' parameter of AttentionCNNClassifier must be a float"),
        ("clf__head=attn", "'head' parameter"),
        ("clf__optimizer__weight_dekay=1", "weight_decay"),
        ("logmel__fmax=3000", "fmax"),
        ("logmel__hop_length=0", "hop_length"),
        ("logmel__n_jobs=0", "logmel__n_jobs"),
        ("lr=1", "Did you mean 'clf__lr'?"),
        ("cfl__lr=1", "Did you mean 'clf__lr'?"),
        ("clf__gain=1", "no parameter 'clf__gain'. clf has ['"),
        ("clf=passthrough", "clf cannot be set, only the parameters of the steps can"),
        ("logmel=None", "logmel cannot be set"),
        ("steps=3", "steps cannot be set"),
        ("verbose=True", "verbose cannot be set"),
        ("ros=3", "ros can only be passthrough"),
        ("ros__sampling_strategy=3.5", "sampling_strategy"),
        ("clf__oversample=true", "write True"),
        ("clf__batch_size=12.5", "'batch_size' parameter"),
        ("clf__lr=[1", "'lr' parameter"),
        ("clf__n_mels=7", "n_mels"),
        ("clf__cell=gru", "--model lstm or --model gru"),
        ("clf__units=(4,)", "cnn has no units, choose --model lstm or gru"),
        ("clf__optimizer__betas=3", "; check --set clf__optimizer__betas=3"),
        ("clf__skorch_params={'iterator_train__num_workers': -1}", "num_workers"),
    ],
)
def test_a_wrong_parameter(folder, tmp_path, capsys, parameter, words):
    argv = ["train", folder / "table.csv", "-o", tmp_path / "m", *SMALL, "--quiet"]
    assert words in fails([*argv, "--set", parameter], capsys)
    assert not list(tmp_path.iterdir())


def test_parameters_are_checked_before_anything_is_read(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(datasets, "load_table", None)
    argv = ["train", folder / "table.csv", "-o", tmp_path / "m", "--quiet"]
    assert "'lr' parameter" in fails([*argv, "--set=clf__lr=-1"], capsys)
    assert "device" in fails([*argv, "--device=tpu9"], capsys)
    assert "lstm has no channels, choose --model cnn" in fails(
        [*argv, "--model=lstm", "--set=clf__channels=(4,)"], capsys
    )


def test_a_whole_number_may_be_written_as_a_float(folder, tmp_path):
    argv = ["train", folder / "table.csv", "-o", tmp_path / "m", "--quiet", *SMALL]
    sets = ["--set=clf__batch_size=1e1", "--set=logmel__duration=1e0"]
    assert main([*map(str, argv), *sets]) == 0
    pipeline = skheart.load(tmp_path / "m")
    assert repr(pipeline["clf"].batch_size) == "10"
    assert repr(pipeline["logmel"].duration) == "1.0"


def test_an_error_of_no_check_is_put_down_to_the_settings(folder, tmp_path, capsys, monkeypatch):
    def broken(self, X, y=None, **params):
        raise AttributeError("no such thing")

    argv = ["train", folder / "table.csv", "-o", tmp_path / "m", "--quiet"]
    monkeypatch.setattr(skheart.AttentionCNNClassifier, "fit", broken)
    line = fails([*argv, "--set=clf__lr=1e-4"], capsys)
    assert line.endswith("AttributeError: no such thing; check --set clf__lr=1e-4")
    with pytest.raises(AttributeError):  # nobody's settings: a bug
        main([str(word) for word in argv])


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory. Tried")])
def test_no_memory(folder, tmp_path, capsys, monkeypatch, error):
    def greedy(self, X, y=None):
        raise error

    monkeypatch.setattr(skheart.LogMelTransformer, "fit_transform", greedy)
    argv = ["train", folder / "table.csv", "-o", tmp_path / "m", "--quiet", *SMALL]
    assert "shorter --set logmel__duration" in fails(argv, capsys)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["nowhere.csv"], "nowhere.csv: there is no such table"),
        (["{folder}"], "is a folder; load_table reads a table (CSV)"),
        (["{folder}/table.csv", "--label=diagnosis"], "no column 'diagnosis'"),
        (["{folder}/table.csv", "--label=diagnosis"], "label=... (--label on the command line)"),
        (["{folder}/table.csv", "--subject=person"], "no column 'person'"),
        (["{folder}/table.csv", "--folds=9"], "has 5 subjects, fewer than 9"),
        (["{folder}/table.csv", "--folds=1"], "at least 2 folds"),
        (["{folder}/table.csv", "--test-size=2"], "above 0 and below 1"),
        (["{folder}/table.csv", "--device=tpu9"], "device"),
        (["{folder}/table.csv", "--target=murmur"], "--target is for circor"),
        (["{folder}/table.csv", "--data={folder}"], "--data goes with a dataset by name"),
        (["circor"], "--data is missing"),
        (["circor", "--data=nowhere"], "nowhere: there is no such folder"),
        (["circor", "--data=nowhere"], "`skheart fetch circor FOLDER` on the command line"),
        (["physionet2016", "--data=nowhere"], "nowhere: there is no such folder"),
        (["hss", "--data=nowhere"], "nowhere: there is no such folder"),
        (["circor", "--data={folder}", "--label=x"], "--label is for tables"),
    ],
)
def test_a_wrong_source(folder, tmp_path, capsys, argv, words):
    argv = [word.format(folder=folder) for word in argv]
    argv = ["train", *argv, "-o", tmp_path / "m", "--quiet"]
    assert words in fails([*argv, *(s for s in SMALL if argv[-4][:8] != "--device")], capsys)
    assert not list(tmp_path.iterdir())


def test_the_output_is_checked_before_anything_is_read(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(datasets, "load_table", None)
    train = ["train", folder / "table.csv", "-o"]
    assert "no folder" in fails([*train, tmp_path / "missing" / "m"], capsys)
    assert "no folder" in fails([*train, f"{tmp_path}/missing/"], capsys)
    assert "is not a file" in fails([*train, tmp_path], capsys)
    assert "is not a file" in fails([*train, f"{tmp_path}/"], capsys)
    assert "is an input" in fails([*train, folder / "table.csv"], capsys)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # as root, chmod would not do
    assert "is not writable" in fails([*train, tmp_path / "m"], capsys)


def test_a_failed_training_leaves_the_old_model(folder, model, tmp_path, capsys):
    old = tmp_path / "m"
    old.write_bytes(before := (folder / "model").read_bytes())
    argv = ["train", folder / "table.csv", "-o", old, "--quiet", *SMALL, "--set=clf__lr=-1"]
    assert "'lr'" in fails(argv, capsys)
    assert old.read_bytes() == before
    assert list(tmp_path.iterdir()) == [old]


@pytest.mark.parametrize("content", [b"RIFFnotes", b"path,label\n", b"\x80\x04imblearn.pipeline"])
def test_train_replaces_models_only(folder, tmp_path, capsys, content):
    (tmp_path / "own").write_bytes(content)
    line = fails(["train", folder / "table.csv", "-o", tmp_path / "own", *SMALL], capsys)
    assert "already exists and is not a model: give -o another name" in line
    assert (tmp_path / "own").read_bytes() == content


def test_train_replaces_a_model_and_an_empty_file(folder, model, tmp_path):
    for content in (b"", model.read_bytes()):
        (tmp_path / "m").write_bytes(content)
        argv = ["train", folder / "table.csv", "-o", tmp_path / "m", "--quiet", "--seed=9"]
        assert main([*map(str, argv), *SMALL]) == 0
        assert skheart.load(tmp_path / "m")["clf"].random_state == 9


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "m"
    path.write_text("old")

    def write_half():
        with _store.replacing(path, "w") as file:
            file.write("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_half()
    assert path.read_text() == "old"
    with _store.replacing(path, "w") as file:
        file.write("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_recording_in_the_training_is_named(folder, tmp_path, capsys):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF....")
    table = pd.read_csv(folder / "table.csv")
    table["path"] = [str(folder / path) for path in table["path"][:-1]] + [str(bad)]
    table.to_csv(tmp_path / "table.csv", index=False)
    argv = ["train", tmp_path / "table.csv", "-o", tmp_path / "m", "--quiet", *SMALL]
    capsys.readouterr()
    assert main([str(word) for word in argv]) == 2
    first, last = capsys.readouterr().err.splitlines()
    assert str(bad) in first
    assert "1 of 30 recordings cannot be read. Nothing was trained: repair them or delete" in last
    assert not (tmp_path / "m").exists()


def test_all_bad_recordings_are_told_at_once(folder, tmp_path, capsys, monkeypatch):
    table = pd.read_csv(folder / "table.csv")
    table["path"] = [str(folder / path) for path in table["path"]]
    (tmp_path / "empty.wav").touch()
    soundfile.write(tmp_path / "silent.wav", np.zeros(0), 4000)
    bad = [str(tmp_path / name) for name in ("empty.wav", "silent.wav", "missing.wav")]
    table.loc[:2, "path"] = bad
    table.to_csv(tmp_path / "few.csv", index=False)
    table.loc[:11, "path"] = [str(tmp_path / f"{i}.wav") for i in range(12)]
    table.to_csv(tmp_path / "many.csv", index=False)
    monkeypatch.setattr(skheart.LogMelTransformer, "fit_transform", None)  # nothing is decoded
    argv = ["-o", str(tmp_path / "m"), "--quiet", *SMALL]
    assert main(["train", str(tmp_path / "few.csv"), *argv]) == 2
    *errors, last = capsys.readouterr().err.splitlines()
    assert [path in line for path, line in zip(bad, errors, strict=True)] == [True] * 3
    assert "3 of 30 recordings cannot be read." in last
    assert main(["train", str(tmp_path / "many.csv"), *argv]) == 2
    *errors, last = capsys.readouterr().err.splitlines()
    assert len(errors) == 10
    assert "12 of 30 recordings cannot be read; the first 10 are above." in last
    assert not (tmp_path / "m").exists()


def test_too_few_classes_or_subjects(folder, tmp_path, capsys):
    table = pd.read_csv(folder / "table.csv")
    table["path"] = [str(folder / path) for path in table["path"]]
    table.assign(label="x").to_csv(tmp_path / "one.csv", index=False)
    argv = ["train", tmp_path / "one.csv", "-o", tmp_path / "m", "--quiet", *SMALL]
    assert "all 30 recordings are of the class 'x'" in fails(argv, capsys)
    rare = np.where(table["subject"] == table["subject"][0], "rare", "usual")
    table.assign(label=rare).to_csv(tmp_path / "rare.csv", index=False)
    argv = ["train", tmp_path / "rare.csv", "-o", tmp_path / "m", "--quiet", *SMALL]
    assert "class 'rare' has 1 subject, and --test-size" in fails([*argv, "--test-size=.3"], capsys)


def test_an_empty_cell_is_answered_in_words_of_the_command(folder, tmp_path, capsys):
    (tmp_path / "t.csv").write_text(f"path,label\n{folder}/wav/00.wav,\n")
    line = fails(["train", tmp_path / "t.csv", "-o", tmp_path / "m", *SMALL], capsys)
    assert "on the command line, `skheart predict` needs none" in line
    (tmp_path / "t.csv").write_text(f"path,label,Subject\n{folder}/wav/00.wav,a,b\n")
    line = fails(["train", tmp_path / "t.csv", "-o", tmp_path / "m", *SMALL], capsys)
    assert "--subject Subject" in line
