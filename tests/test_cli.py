"""The command line, verb by verb, in process, on small tables of generated sounds."""

import csv
import io
import os
import re
import runpy
import signal
import subprocess
import sys
import time
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.dummy import DummyClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.preprocessing import StandardScaler

import skheart
from skheart import _store, cli, datasets
from skheart.cli import main

SMALL = [
    "--set=clf__channels=(4, 8)",
    "--set=clf__max_epochs=2",
    "--set=logmel__duration=2",
    "--set=logmel__n_mels=16",
    "--device=cpu",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Thirty recordings of 15 subjects, as WAV at two rates, with a table."""
    folder = tmp_path_factory.mktemp("sounds")
    sounds = datasets.make_heart_sounds(
        15, recordings_per_subject=2, duration=2.0, weights=(1, 1, 1), random_state=0
    )
    (folder / "wav").mkdir()
    paths = [f"wav/{i:02}.wav" for i in range(len(sounds.data))]
    for i, (path, recording) in enumerate(zip(paths, sounds.data, strict=True)):
        step = 1 + i % 2  # every other one at 2 kHz
        soundfile.write(folder / path, recording[::step], 4000 // step)
    table = pd.DataFrame({"path": paths, "label": sounds.target, "subject": sounds.groups})
    table.to_csv(folder / "table.csv", index=False)
    table.drop(columns="subject").to_csv(folder / "alone.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def model(folder):
    """A model that skheart train wrote."""
    path = folder / "model"
    assert main(["train", str(folder / "table.csv"), "-o", str(path), "--quiet", *SMALL]) == 0
    return path


def fails(argv, capsys):
    """Run a command that must fail: status 2 and one line on standard error, which is returned."""
    capsys.readouterr()
    assert main([str(word) for word in argv]) == 2
    _, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert line.startswith("skheart: error: ")
    return line


# ---------------------------------------------------------------------- the frame


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"skheart {skheart.__version__}\n"


@pytest.mark.parametrize("verb", [[], ["demo"], ["train"], ["evaluate"], ["predict"], ["fetch"]])
def test_help(verb, capsys):
    assert main([*verb, "--help"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"usage: skheart {' '.join(verb)}")
    assert err == ""


@pytest.mark.parametrize("verb", ["evaluate", "predict"])
def test_help_warns_of_untrusted_models(verb, capsys):
    main([verb, "--help"])
    assert "only load models that you trust" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "required: VERB"),
        (["tran"], "invalid choice: 'tran'"),
        (["train"], "required: SOURCE, -o/--output"),
        (["train", "a.csv", "-o", "m", "--model", "rnn"], "invalid choice: 'rnn'"),
        (["train", "a.csv", "-o", "m", "--seed", "x"], "invalid int value: 'x'"),
        (["train", "a.csv", "-o", "m", "--seed=-1"], "--seed: must be a number from 0"),
        (["train", "a.csv", "-o", "m", "--jobs=0"], "--jobs: must be a number of jobs"),
        (["train", "a.csv", "-o", "m", "--folds=1"], "--folds: must be at least 2 folds, not 1"),
        (["train", "a.csv", "-o", "m", "--test-size=2"], "--test-size: must be a number above 0"),
        (["train", "a.csv", "-o", "m", "--test-size=nan"], "--test-size: must be a number above"),
        (["train", "a.csv", "-o", ""], "-o/--output: is empty"),
        (["demo", "-o", ""], "-o/--output: is empty"),
        (["predict", "m", "a.wav", ""], "RECORDING: is empty"),
        (["train", "a.csv", "-o", "m", "--fol", "3"], "unrecognized arguments: --fol"),
        (["train", "a.csv", "-o", "m", "--folds=3", "--test-size=.2"], "not allowed with"),
        (["fetch", "hss", "here"], "invalid choice: 'hss'"),
    ],
)
def test_a_wrong_argument(argv, words, capsys):
    line = fails(argv, capsys)
    assert words in line
    assert re.search(r"See skheart( \w+)? --help\.$", line)


def test_the_package_runs_as_a_module(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["skheart", "--version"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("skheart", run_name="__main__")
    assert end.value.code == 0
    assert capsys.readouterr().out == f"skheart {skheart.__version__}\n"


def test_the_installed_command_is_this_one():
    config = (skheart.__path__[0] + "/../setup.cfg", "skheart = skheart.cli:main")
    with open(config[0], encoding="utf-8") as file:
        assert config[1] in file.read()


def test_an_interrupt(monkeypatch, capsys):
    def interrupt(args):
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.VERBS, "fetch", interrupt)
    assert main(["fetch", "circor", "x"]) == 130
    assert capsys.readouterr().err == "skheart: error: interrupted\n"


def test_a_closed_pipe(monkeypatch, capsys):
    def closed(args):
        raise BrokenPipeError

    monkeypatch.setitem(cli.VERBS, "fetch", closed)
    assert main(["fetch", "circor", "x"]) == 1
    assert capsys.readouterr() == ("", "")


def test_a_bug_is_not_hidden(monkeypatch):
    def broken(args):
        raise AssertionError("a bug")

    monkeypatch.setitem(cli.VERBS, "fetch", broken)
    with pytest.raises(AssertionError):
        main(["fetch", "circor", "x"])


def test_warnings_are_one_line_or_none(monkeypatch, capsys):
    def warn(args):
        warnings.warn("several\n  lines", stacklevel=1)

    monkeypatch.setitem(cli.VERBS, "fetch", warn)
    assert main(["fetch", "circor", "x"]) == 0
    assert capsys.readouterr().err == "skheart: warning: several lines\n"
    assert main(["fetch", "circor", "x", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_a_reader_who_has_seen_enough(folder, model):
    """`skheart predict ... | head -n 0`: no traceback, whatever was still to come."""
    code = "import sys; from skheart.cli import main; sys.exit(main(sys.argv[1:]))"
    argv = [sys.executable, "-c", code, "predict", "--quiet", str(model), str(folder / "wav")]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 1
    process.stderr.close()


# ---------------------------------------------------------------------- train


def test_train_writes_a_pipeline_with_the_parameters(folder, model):
    pipeline = joblib.load(model)
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
    expected = joblib.load(model).predict_proba(paths)
    for seed in (0, 1):
        argv = ["train", folder / "table.csv", "-o", tmp_path / "again", "--seed", seed, *SMALL]
        assert main([*map(str, argv), "--quiet"]) == 0
        same = np.array_equal(joblib.load(tmp_path / "again").predict_proba(paths), expected)
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
    assert joblib.load(tmp_path / "m")["logmel"].n_jobs is None


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
    predicted = joblib.load(path).predict([str(folder / p) for p in table["path"][test]])
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
    assert joblib.load(tmp_path / "m")["clf"].cell == kind


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
    pipeline = joblib.load(tmp_path / "m")
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
    pipeline = joblib.load(tmp_path / "m")
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
    assert "is what is read" in fails([*train, folder / "table.csv"], capsys)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # as root, chmod would not do
    assert "may not be written" in fails([*train, tmp_path / "m"], capsys)


def test_a_failed_training_leaves_the_old_model(folder, model, tmp_path, capsys):
    old = tmp_path / "m"
    old.write_bytes(before := (folder / "model").read_bytes())
    argv = ["train", folder / "table.csv", "-o", old, "--quiet", *SMALL, "--set=clf__lr=-1"]
    assert "'lr'" in fails(argv, capsys)
    assert old.read_bytes() == before
    assert list(tmp_path.iterdir()) == [old]


@pytest.mark.parametrize("content", [b"RIFFnotes", b"path,label\n", b"\x80\x04a pickle"])
def test_train_replaces_models_only(folder, tmp_path, capsys, content):
    (tmp_path / "own").write_bytes(content)
    line = fails(["train", folder / "table.csv", "-o", tmp_path / "own", *SMALL], capsys)
    assert "is there already and is no model: give -o another name" in line
    assert (tmp_path / "own").read_bytes() == content


def test_train_replaces_a_model_and_an_empty_file(folder, model, tmp_path):
    for content in (b"", model.read_bytes()):
        (tmp_path / "m").write_bytes(content)
        argv = ["train", folder / "table.csv", "-o", tmp_path / "m", "--quiet", "--seed=9"]
        assert main([*map(str, argv), *SMALL]) == 0
        assert joblib.load(tmp_path / "m")["clf"].random_state == 9


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


# ---------------------------------------------------------------------- evaluate


def test_evaluate_equals_scikit_learn(folder, model, capsys):
    assert main(["evaluate", str(model), str(folder / "table.csv")]) == 0
    out, err = capsys.readouterr()
    table = pd.read_csv(folder / "table.csv")
    predicted = joblib.load(model).predict([str(folder / path) for path in table["path"]])
    row = out.splitlines()[1].split()
    assert row[0] == "model"
    expected = balanced_accuracy_score(table["label"], predicted)
    assert float(row[1]) == pytest.approx(expected, abs=1e-3)
    assert row[-2:] == ["15", "30"]
    counts = pd.crosstab(table["label"], predicted)
    for line in out.splitlines()[4:]:
        words = line.split()
        assert [int(n) for n in words[4:]] == [
            counts.get(c, {}).get(words[0], 0) for c in ("mild", "normal", "severe")
        ]
    assert "30/30" in err


def test_evaluate_leaves_out_what_it_cannot_read(folder, model, tmp_path, capsys):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound")
    table = pd.read_csv(folder / "table.csv")
    table["path"] = [str(bad)] + [str(folder / path) for path in table["path"][1:]]
    table.to_csv(tmp_path / "t.csv", index=False)
    assert main(["evaluate", str(model), str(tmp_path / "t.csv"), "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split()[-1] == "29"
    (line,) = err.splitlines()
    assert str(bad) in line
    table.loc[1, "path"] = missing = str(tmp_path / "missing.wav")
    table.to_csv(tmp_path / "t.csv", index=False)
    assert main(["evaluate", str(model), str(tmp_path / "t.csv"), "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split()[-1] == "28"
    assert missing in err.splitlines()[1]
    worse = tmp_path / "worse.wav"
    worse.write_bytes(b"")
    table = pd.DataFrame({"path": [bad, worse], "label": "mild", "subject": ["a", "b"]})
    table.to_csv(tmp_path / "t.csv", index=False)
    assert main(["evaluate", str(model), str(tmp_path / "t.csv"), "--quiet"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "no recording could be read" in err.splitlines()[-1]


def test_evaluate_with_labels_as_numbers(folder, tmp_path, capsys):
    """A table holds 0, 1, 2 as integers, whatever the model was trained on."""
    table = pd.read_csv(folder / "table.csv")
    table["path"] = [str(folder / path) for path in table["path"]]
    table["label"] = table["label"].map({"normal": 0, "mild": 1, "severe": 2})
    table.to_csv(tmp_path / "t.csv", index=False)
    argv = ["train", str(tmp_path / "t.csv"), "-o", str(tmp_path / "m"), "--quiet", *SMALL]
    assert main(argv) == 0
    assert main(["evaluate", str(tmp_path / "m"), str(tmp_path / "t.csv"), "--quiet"]) == 0
    assert "as 2" in capsys.readouterr().out


def test_a_label_that_the_model_does_not_know(folder, model, tmp_path, capsys):
    table = pd.read_csv(folder / "table.csv")
    table["path"] = [str(folder / path) for path in table["path"]]
    table["label"] = table["label"].replace("severe", "grave")
    table.to_csv(tmp_path / "t.csv", index=False)
    line = fails(["evaluate", model, tmp_path / "t.csv"], capsys)
    assert "no class 'grave'; it predicts mild, normal, severe" in line


@pytest.mark.parametrize("verb", ["evaluate", "predict"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no model"),
        (b"", "is not a model of skheart train"),
        (b"text\n", "is not a model of skheart train"),
        (
            DummyClassifier(),
            "holds a DummyClassifier, not a pipeline with the steps logmel and clf",
        ),
        (StandardScaler(), "holds a StandardScaler, not a pipeline with the steps logmel and clf"),
        ({"a": 1}, "holds a dict, not a pipeline with the steps logmel and clf"),
    ],
)
def test_a_wrong_model(folder, tmp_path, capsys, verb, content, words):
    path = tmp_path / "m"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        joblib.dump(content, path)
    assert words in fails([verb, path, folder / "table.csv"], capsys)


def test_a_pipeline_that_is_not_fitted(folder, tmp_path, capsys):
    joblib.dump(skheart.make_heart_pipeline(), tmp_path / "m")
    line = fails(["predict", tmp_path / "m", folder / "table.csv"], capsys)
    assert "holds a pipeline that is not fitted" in line


def test_half_a_model(folder, model, tmp_path, capsys):
    half = tmp_path / "half"
    half.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
    assert "damaged" in fails(["predict", half, folder / "table.csv"], capsys)


# ---------------------------------------------------------------------- predict


def read_csv(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("form", ["folder", "files", "table", "list"])
def test_predict_takes_files_folders_and_lists(folder, model, tmp_path, capsys, form):
    paths = [str(path) for path in sorted((folder / "wav").iterdir())]
    listed = tmp_path / "list.txt"
    listed.write_text("\n".join(paths))
    arguments = {
        "folder": [str(folder / "wav")],
        "files": paths,
        "table": [str(folder / "table.csv")],
        "list": [str(listed)],
    }
    assert main(["predict", str(model), *arguments[form]]) == 0
    out, err = capsys.readouterr()
    rows = read_csv(out)
    assert list(rows[0]) == ["path", "label", "p_mild", "p_normal", "p_severe"]
    assert [row["path"] for row in rows] == paths
    pipeline = joblib.load(model)
    assert [row["label"] for row in rows] == pipeline.predict(paths).tolist()
    probabilities = [[float(row[f"p_{c}"]) for c in pipeline.classes_] for row in rows]
    np.testing.assert_allclose(probabilities, pipeline.predict_proba(paths), atol=2e-6)
    assert "30/30" in err


def test_predict_into_a_file(folder, model, tmp_path, capsys):
    path = tmp_path / "out.csv"
    wav = str(folder / "wav")
    assert main(["predict", str(model), wav, "-o", str(path), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(["predict", str(model), wav, "--quiet"]) == 0
    assert capsys.readouterr().out == path.read_text()
    assert list(tmp_path.iterdir()) == [path]


def test_one_unreadable_recording_does_not_lose_the_others(folder, model, tmp_path, capsys):
    good = [str(path) for path in sorted((folder / "wav").iterdir())[:3]]
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound at all")
    missing = str(tmp_path / "missing.wav")
    assert main(["predict", str(model), good[0], str(bad), good[1], missing, good[2]]) == 1
    out, err = capsys.readouterr()
    assert [row["path"] for row in read_csv(out)] == good
    errors = [line for line in err.splitlines() if "skheart: error:" in line]
    assert len(errors) == 2
    assert str(bad) in errors[0]
    assert missing in errors[1]
    assert all(line.startswith("skheart: error: ") for line in errors)


def test_predict_without_anything_to_read(folder, model, tmp_path, capsys):
    assert "nowhere.wav" in fails(["predict", model, "nowhere.wav"], capsys)
    assert "no recording in this folder" in fails(["predict", model, tmp_path], capsys)
    assert main(["predict", str(model), "a.wav", "b.wav", "-o", str(tmp_path / "out.csv")]) == 2
    err = capsys.readouterr().err.splitlines()
    assert "no recording could be read" in err[-1]
    assert not list(tmp_path.iterdir())


def test_predict_does_not_overwrite_the_model(folder, model, capsys):
    before = model.read_bytes()
    assert "is what is read" in fails(["predict", model, folder / "wav", "-o", model], capsys)
    assert model.read_bytes() == before


def test_predict_overwrites_nothing_that_it_reads(folder, model, tmp_path, capsys):
    wav = sorted((folder / "wav").iterdir())
    own = tmp_path / "own"
    own.mkdir()
    (own / "a.wav").write_bytes(wav[0].read_bytes())
    (own / "list.txt").write_text("a.wav\n")
    (own / "table.csv").write_text("path,label,p_x\na.wav,b,c\n")
    (own / "notes.md").write_text("notes")
    os.symlink(own / "a.wav", own / "link.flac")
    before = {path: path.read_bytes() for path in own.iterdir()}
    for inputs, output in [
        ([own], "a.wav"),
        ([own / "a.wav"], "link.flac"),
        ([own / "list.txt"], "a.wav"),
        ([own / "list.txt"], "list.txt"),
        ([own / "table.csv"], "table.csv"),
    ]:
        line = fails(["predict", model, *inputs, "-o", own / output, "--quiet"], capsys)
        assert f"{own / output} is what is read" in line
    line = fails(["predict", model, wav[0], "-o", own / "notes.md"], capsys)
    assert "is there already and is no table of skheart predict" in line
    assert {path: path.read_bytes() for path in own.iterdir()} == before


def test_predict_replaces_its_own_table(folder, model, tmp_path):
    wav, path = sorted((folder / "wav").iterdir()), tmp_path / "out.csv"
    for n in (1, 2):
        assert main(["predict", str(model), *map(str, wav[:n]), "-o", str(path), "--quiet"]) == 0
        assert len(pd.read_csv(path)) == n


def test_a_command_that_fails_writes_nothing(model, tmp_path, capsys):
    for inputs in (["a.wav"], ["a.wav", "b.wav"]):
        assert main(["predict", str(model), *inputs]) == 2
        assert capsys.readouterr().out == ""


def test_predict_advises_what_it_can_do(folder, model, tmp_path, capsys):
    (tmp_path / "t.csv").write_text("file\na.wav\n")
    line = fails(["predict", model, tmp_path / "t.csv"], capsys)
    assert line.endswith("Rename the column of the paths to 'path'.")


def test_a_path_that_cannot_be_encoded(folder, model, tmp_path):
    """A terminal in ASCII: the path is escaped, and nothing is lost."""
    path = tmp_path / "é.wav"
    path.write_bytes(next((folder / "wav").iterdir()).read_bytes())
    code = "import sys; from skheart.cli import main; sys.exit(main(sys.argv[1:]))"
    argv = [sys.executable, "-c", code, "predict", "--quiet", str(model), str(path)]
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(argv, capture_output=True, env=env, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    (row,) = read_csv(done.stdout.decode("ascii"))
    assert row["path"] == f"{tmp_path}/\\xe9.wav"


def test_the_streams_are_left_as_they_were(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setitem(cli.VERBS, "fetch", lambda args: print("é"))
    assert main(["fetch", "circor", "x"]) == 0
    assert stream.errors == "strict"
    assert stream.buffer.getvalue() == b"\\xe9\n"


def test_a_name_that_is_not_in_unicode_is_written_as_it_is(tmp_path):
    with _store.replacing(tmp_path / "o", "w") as file:
        file.write(os.fsdecode(b"\xff.wav"))
    assert (tmp_path / "o").read_bytes() == b"\xff.wav"


def test_a_recording_too_long_for_the_memory(folder, model, capsys, monkeypatch):
    wav = sorted((folder / "wav").iterdir())[:2]
    transform = skheart.LogMelTransformer.transform

    def greedy(self, X):
        if str(wav[0]) in X:
            raise MemoryError
        return transform(self, X)

    monkeypatch.setattr(skheart.LogMelTransformer, "transform", greedy)
    assert main(["predict", str(model), *map(str, wav), "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert [row["path"] for row in read_csv(out)] == [str(wav[1])]
    assert f"'{wav[0]}' is too long for the memory" in err


def test_a_prediction_does_not_depend_on_what_else_is_asked(folder, model, capsys):
    """Nor on the chunk in which a recording comes, 30 being more than one chunk."""
    wav = sorted((folder / "wav").iterdir())
    main(["predict", str(model), str(folder / "wav"), "--quiet"])
    together = read_csv(capsys.readouterr().out)
    main(["predict", str(model), str(wav[20]), "--quiet"])
    (alone,) = read_csv(capsys.readouterr().out)
    assert alone["label"] == together[20]["label"]
    assert float(alone["p_mild"]) == pytest.approx(float(together[20]["p_mild"]), abs=2e-6)


# ---------------------------------------------------------------------- fetch and demo


def test_fetch_calls_the_fetcher(monkeypatch, capsys):
    calls = []
    for name in ("circor", "physionet2016"):
        monkeypatch.setattr(
            datasets, f"fetch_{name}", lambda *a, name=name, **k: calls.append((name, a, k))
        )
    assert main(["fetch", "circor", "here"]) == 0
    assert "circor is in here" in capsys.readouterr().err
    assert main(["fetch", "physionet2016", "there", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert calls == [
        ("circor", ("here",), {"verbose": 1}),
        ("physionet2016", ("there",), {"verbose": 0}),
    ]


def test_demo_writes_tables_and_pictures(tmp_path, monkeypatch, capsys):
    from skheart import demo

    tiny = {"clf__max_epochs": 1, "logmel__n_mels": 16}
    small = {
        "cnn": {"clf__channels": (4,), **tiny},
        "lstm": {"clf__units": (4,), **tiny},
        "gru": {"clf__units": (4,), **tiny},
    }
    assert demo.SMALL_MODELS.keys() == small.keys()
    monkeypatch.setattr(demo, "SMALL_MODELS", small)
    make = datasets.make_heart_sounds
    monkeypatch.setattr(
        demo, "make_heart_sounds", lambda n, **k: make(24, **{**k, "duration": 2.0})
    )
    folder = tmp_path / "new" / "demo"
    assert main(["demo", "-o", str(folder), "--seed", "3"]) == 0
    out, err = capsys.readouterr()
    assert all(f"{name}: 100%" in err for name in small)
    results = pd.read_csv(folder / "results.csv").set_index("model")
    predictions = pd.read_csv(folder / "predictions.csv")
    for name, own in predictions.groupby("model"):
        expected = balanced_accuracy_score(own["label"], own["predicted"])
        assert results.loc[name, "uar"] == pytest.approx(expected)
        assert results.loc[name, "low"] <= expected <= results.loc[name, "high"]
        assert (results.loc[name, ["n_subjects", "n_recordings"]] == [24, 48]).all()
        assert own.groupby("subject")["fold"].nunique().max() == 1
        assert re.search(rf"^{name} +{expected:.3f} ", out, flags=re.MULTILINE)
    for name in ("confusion.png", "roc.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_the_pictures_show_the_numbers():
    from skheart.demo import draw_confusion, draw_roc
    from skheart.evaluation import evaluate_predictions

    y_true = np.repeat(["a", "b", "c"], 10)
    y_proba = np.tile(np.eye(3)[[0, 1, 2, 0, 1]], (6, 1)) * 0.8 + 0.1
    y_pred = np.array(["a", "b", "c"])[y_proba.argmax(axis=1)]
    result = evaluate_predictions(y_true, y_pred, y_proba, random_state=0)
    figure = draw_confusion({"cnn": result, "gru": result}, labels=["c", "a", "b"])
    ax = figure.axes[0]
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["20%\n(2)", "40%\n(4)", "40%\n(4)"] * 3
    assert [label.get_text() for label in ax.get_xticklabels()] == ["c", "a", "b"]
    assert ax.get_title().startswith("CNN: UAR 0.33 [")
    figure = draw_roc({"cnn": result, "gru": result}, labels=["c", "a", "b"])
    assert [ax.get_title()[0] for ax in figure.axes] == ["c", "a", "b"]
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["chance, AUC 0.50", "CNN, AUC 0.50", "GRU, AUC 0.50"]


def test_demo_without_matplotlib_names_the_extra(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    line = fails(["demo", "-o", tmp_path / "demo"], capsys)
    assert "python -m pip install 'skheart[plot]'" in line
    assert not list(tmp_path.iterdir())


def test_demo_into_a_file(tmp_path, capsys):
    (tmp_path / "demo").write_text("")
    line = fails(["demo", "-o", tmp_path / "demo"], capsys)
    assert line.endswith("demo is a file: give -o the name of a folder")


# ---------------------------------------------------------------------- from outside


def test_interrupted_training_leaves_no_file(folder, tmp_path):
    """Ctrl-C in the middle of the training: one line, 130, and no model."""
    code = "import sys; from skheart.cli import main; sys.exit(main(sys.argv[1:]))"
    argv = [
        "train",
        folder / "table.csv",
        "-o",
        tmp_path / "m",
        *SMALL,
        "--set=clf__max_epochs=9999",
    ]
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", code, *map(str, argv)], stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        if "train_loss" in line:
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 130
    assert rest.splitlines()[-1] == "skheart: error: interrupted"
    assert "Traceback" not in rest
    assert not list(tmp_path.iterdir())
