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
    assert "AttentionCNNClassifier: 100%" in err
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
    assert out.splitlines()[1].split()[-2:] == ["9", "9"]


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
    ],
)
def test_a_wrong_parameter(folder, tmp_path, capsys, parameter, words):
    argv = ["train", folder / "table.csv", "-o", tmp_path / "m", *SMALL, "--quiet"]
    assert words in fails([*argv, "--set", parameter], capsys)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["nowhere.csv"], "nowhere.csv: there is no such table"),
        (["{folder}"], "is a folder; load_table reads a table"),
        (["{folder}/table.csv", "--label=diagnosis"], "no column 'diagnosis'"),
        (["{folder}/table.csv", "--subject=person"], "no column 'person'"),
        (["{folder}/table.csv", "--folds=9"], "has 5 subjects, fewer than 9"),
        (["{folder}/table.csv", "--folds=1"], "at least 2 folds"),
        (["{folder}/table.csv", "--test-size=2"], "above 0 and below 1"),
        (["{folder}/table.csv", "--device=tpu9"], "device"),
        (["{folder}/table.csv", "--target=murmur"], "--target is for circor"),
        (["{folder}/table.csv", "--data={folder}"], "--data goes with a dataset by name"),
        (["circor"], "--data is missing"),
        (["circor", "--data=nowhere"], "nowhere: there is no such folder"),
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
    assert "is not a file" in fails([*train, tmp_path], capsys)
    assert "is what is read" in fails([*train, folder / "table.csv"], capsys)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # as root, chmod would not do
    assert "may not be written" in fails([*train, tmp_path / "m"], capsys)


def test_a_failed_training_leaves_the_old_model(folder, tmp_path, capsys):
    old = tmp_path / "m"
    old.write_bytes(b"old")
    argv = ["train", folder / "table.csv", "-o", old, "--quiet", *SMALL, "--set=clf__lr=-1"]
    fails(argv, capsys)
    assert old.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [old]


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
    assert str(bad) in fails(argv, capsys)
    assert not (tmp_path / "m").exists()


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
        (DummyClassifier(), "holds a DummyClassifier, not a fitted classifier"),
        (StandardScaler(), "holds a StandardScaler, not a fitted classifier"),
        ({"a": 1}, "holds a dict, not a fitted classifier"),
    ],
)
def test_a_wrong_model(folder, tmp_path, capsys, verb, content, words):
    path = tmp_path / "m"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        joblib.dump(content, path)
    assert words in fails([verb, path, folder / "table.csv"], capsys)


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
    assert "AttentionRNNClassifier: 100%" in err
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
    assert "demo" in fails(["demo", "-o", tmp_path / "demo"], capsys)


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
