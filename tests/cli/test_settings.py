"""The options --set of skheart train."""

import pytest
import torch

import skheart
from skheart.patients import PatientClassifier
from tests.helpers.command import SMALL, fails, run


@pytest.fixture
def argv(folder, tmp_path):
    return ["train", folder / "table.csv", "-o", tmp_path / "m", "--quiet"]


@pytest.fixture
def unfitted(monkeypatch):
    """Fail if a recording is decoded or a network trained."""
    for cls in (skheart.LogMelTransformer, skheart.HeartCycleTransformer, PatientClassifier):
        monkeypatch.setattr(cls, "fit", None)
    monkeypatch.setattr(skheart.AttentionCNNClassifier, "fit", None)


def test_values_of_every_kind(argv, tmp_path):
    settings = {
        "ros": "passthrough",
        "clf__optimizer__weight_decay": "1e-4",
        "clf__class_weight": "balanced",
        "clf__batch_size": "1e1",  # a whole number may be written as a float
        "logmel__duration": "1e0",
        "clf__prior_correction": "true",
    }
    options = [f"--set={name}={value}" for name, value in settings.items()]
    assert run(*argv, *SMALL, *options) == 0
    pipeline = skheart.load(tmp_path / "m")
    assert pipeline["ros"] == "passthrough"
    assert pipeline["clf"].class_weight == "balanced"
    assert pipeline["clf"].prior_correction is True
    assert pipeline["clf"].skorch_params == {"optimizer__weight_decay": 1e-4}
    assert repr(pipeline["clf"].batch_size) == "10"
    assert repr(pipeline["logmel"].duration) == "1.0"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("clf__lrr=1", "there is no parameter 'clf__lrr'. Did you mean 'clf__lr'?"),
        ("logmel__nmels=1", "Did you mean 'logmel__n_mels'?"),
        ("lr=1", "Did you mean 'clf__lr'?"),
        ("cfl__lr=1", "Did you mean 'clf__lr'?"),
        ("verbose=True", "Did you mean 'clf__verbose'?"),
        ("clf__gain=1", "there is no parameter 'clf__gain'. clf has "),
        ("zzz=1", "The steps are logmel, ros, clf."),
        ("steps=3", "The steps are logmel, ros, clf."),
        ("clf__lr", "STEP__PARAMETER=VALUE, such as clf__random_state=1. Got 'clf__lr'"),
        ("=3", "--set takes"),
        ("clf=passthrough", "of a step only parameters can be set. A sampler (ros or dropout)"),
        ("logmel=None", "of a step only parameters can be set"),
        ("ros=3", "can be left out with passthrough"),
        ("clf__cell=gru", "Use --model lstm or --model gru."),
        ("clf__units=(4,)", "there is no parameter 'clf__units'. Use --model lstm or"),
        ("clf__lr=-1", "--set clf__lr=-1: The 'lr' parameter of AttentionCNNClassifier must be"),
        ("clf__lr=[1", "--set clf__lr=[1: The 'lr' parameter"),
        ("clf__batch_size=12.5", "'batch_size' parameter"),
        ("clf__head=attn", "'head' parameter"),
        ("clf__channels=(4, 0)", "--set clf__channels=(4, 0): channels"),
        ("clf__n_mels=7", "--set clf__n_mels=7: X has 16 mel bins"),
        ("clf__optimizer__weight_dekay=1", "weight_decay"),
        ("clf__optimizer__betas=3", "--set clf__optimizer__betas=3: "),
        ("logmel__fmax=3000", "--set logmel__fmax=3000: fmax=3000 Hz is above half the rate"),
        ("logmel__hop_length=0", "hop_length"),
        ("ros__sampling_strategy=3.5", "sampling_strategy"),
    ],
)
def test_a_wrong_setting_of_the_paper(argv, tmp_path, capsys, unfitted, setting, words):
    assert words in fails([*argv, *SMALL, "--set", setting], capsys)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("recipe", "setting", "words"),
    [
        ("attention", "ros=passthrough", "there is no parameter 'ros'. The steps are logmel, clf."),
        ("attention", "cv=3", "The steps are logmel, clf."),
        ("attention", "clf__lrr=3", "Did you mean 'clf__lr'?"),
        ("attention", "clf__lr=-3", "--set clf__lr=-3: The 'lr' parameter"),
        ("attention", "clf__early_stopping=True", "--recipe attention does not know the subjects"),
        ("cycles", "cycle__quite=1", "Did you mean 'cycle__quiet'?"),
        ("cycles", "cycle__quiet=2", "'quiet' parameter of HeartCycleTransformer must be a float"),
        ("cycles", "logmel__n_mels=16", "The steps are dropout, cycle, clf."),
        ("cycles", "dropout__n_copies=0", "The 'n_copies' parameter of RecordingDropout must be"),
        ("cycles", "dropout=4", "can be left out with passthrough"),
        ("cycles", "clf__n_estimators=0", "n_estimators"),
        ("cycles", "cycle__n_cells=(1, 2)", "n_cells must be 4 ints of at least 1"),
        ("cycles", "clf__early_stopping=True", "there is no parameter 'clf__early_stopping'"),
        ("best", "clf__lr=1", "Did you mean 'net__clf__lr'?"),
        ("best", "net__clf__lrr=1", "Did you mean 'net__clf__lr'?"),
        ("best", "forest__cycel__quiet=1", "Did you mean 'forest__cycle__quiet'?"),
        ("best", "forest__quiet=1", "Did you mean 'forest__cycle__quiet'?"),
        ("best", "net__ros__x=1", "The steps are forest__dropout, forest__cycle, forest__clf, net"),
        ("best", "net=1", "there is no parameter 'net'"),
        ("best", "net__clf=1", "of a step only parameters can be set"),
        ("best", "net__clf__lr", "such as net__clf__random_state=1"),
        ("best", "forest__clf__n_estimators=0", "n_estimators"),
        ("best", "net__clf__dropout=7", "--set net__clf__dropout=7: "),
        ("best", "net__clf__early_stopping=True", "--recipe best does not know the subjects"),
        ("best", "net__clf__class_weight={'mild': 1.0}", "receive encoded labels (0, 1, ...)"),
    ],
)
def test_a_wrong_setting_of_a_recipe(argv, tmp_path, capsys, unfitted, recipe, setting, words):
    line = fails([*argv, f"--recipe={recipe}", "--set", setting], capsys)
    assert f"--set {setting}" in line or "STEP__PARAMETER" in line
    assert words in line
    assert not list(tmp_path.iterdir())


def test_options_that_do_not_go_together(argv, capsys):
    line = fails([*argv, "--recipe=attention", "--model=gru"], capsys)
    assert "--model chooses the network of --recipe paper, not of attention" in line
    line = fails([*argv, "--model=lstm", "--set=clf__channels=(4,)"], capsys)
    assert "there is no parameter 'clf__channels'. Use --model cnn" in line
    line = fails([*argv, "--model=lstm", "--set=clf__cell=gru"], capsys)
    assert "use --model lstm or --model gru instead" in line


def test_the_setting_that_is_wrong_is_named(argv, capsys, unfitted):
    """Not those that are right; all if they contradict each other."""
    settings = ["--set=clf__lr=1e-4", "--set=logmel__n_fft=512", "--set=logmel__win_length=600"]
    line = fails([*argv, *settings], capsys)
    assert line.startswith("skheart: error: --set logmel__win_length=600: win_length=600 is longer")
    line = fails([*argv, "--set=logmel__n_mels=32", "--set=clf__n_mels=16"], capsys)
    assert line.startswith("skheart: error: --set clf__n_mels=16: X has 32 mel bins")
    line = fails([*argv, "--set=clf__masked=True", "--set=clf__head=flatten"], capsys)
    assert line.startswith("skheart: error: --set clf__masked=True, --set clf__head=flatten: ")


def test_errors_of_fit_name_the_settings(argv, capsys, monkeypatch):
    setting = "clf__skorch_params={'iterator_train__num_workers': -1}"
    line = fails([*argv, *SMALL, "--set", setting], capsys)
    assert "num_workers" in line
    assert f"--set {setting}" in line

    def broken(self, X, y=None, **params):
        raise AttributeError("no such thing")

    monkeypatch.setattr(skheart.AttentionCNNClassifier, "fit", broken)
    line = fails([*argv, "--set=clf__lr=1e-4", "--set=logmel__duration=2"], capsys)
    assert line.endswith(
        "no such thing. The settings are --set clf__lr=1e-4, --set logmel__duration=2"
    )
    with pytest.raises(AttributeError):  # without settings, it is a bug
        run(*argv)


@pytest.mark.parametrize("error", [MemoryError(), torch.cuda.OutOfMemoryError("Tried")])
def test_no_memory(argv, capsys, monkeypatch, error):
    def greedy(self, X, y=None):
        raise error

    monkeypatch.setattr(skheart.LogMelTransformer, "fit_transform", greedy)
    assert "a shorter --set logmel__duration" in fails([*argv, *SMALL], capsys)
