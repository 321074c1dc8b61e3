"""What must be set before numpy, torch and matplotlib are imported, and shared fixtures."""

import os
import signal

import pytest

# The tests fit many tiny nets: threads that wait for each other cost more than they give.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

# Started in the background by a shell, Python ignores Ctrl-C, and so would all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Thirty recordings of 15 subjects, as WAV at two rates, with a table."""
    import pandas as pd
    import soundfile

    from skheart import datasets

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


@pytest.fixture(scope="session")
def model(folder):
    """A model that skheart train wrote."""
    from skheart.cli import main
    from tests.helpers.command import SMALL

    path = folder / "model"
    assert main(["train", str(folder / "table.csv"), "-o", str(path), "--quiet", *SMALL]) == 0
    return path


@pytest.fixture(scope="session")
def of_patients(folder):
    """A model of patients that skheart train wrote."""
    from skheart.cli import _settings, main
    from tests.helpers.command import SMALL_NETS, small_recipes

    path = folder / "of_patients"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_settings, "make_heart_pipeline", small_recipes)
        argv = [
            "train",
            str(folder / "table.csv"),
            "-o",
            str(path),
            "--recipe=attention",
            "--quiet",
        ]
        assert main([*argv, "--quiet", "--device=cpu", *SMALL_NETS]) == 0
    return path


@pytest.fixture
def table(folder):
    """The table of `folder`, with absolute paths."""
    import pandas as pd

    table = pd.read_csv(folder / "table.csv")
    table["path"] = [str(folder / path) for path in table["path"]]
    return table


@pytest.fixture(scope="session")
def model_file(tmp_path_factory):
    """A file of a small pipeline, with all that the format has."""
    import skheart
    from skheart.augmentation import Augmentation
    from skheart.datasets import make_heart_sounds

    sounds = make_heart_sounds(12, duration=2, random_state=0)
    pipeline = skheart.make_heart_pipeline(random_state=0, device="cpu").set_params(
        logmel__duration=2,
        logmel__n_mels=8,
        clf__channels=(4, 8),
        clf__max_epochs=1,
        clf__class_weight={"normal": 1.0, "mild": 2, "severe": 3},
        clf__augment=Augmentation(gain=0.1),
        clf__optimizer__weight_decay=1e-4,
    )
    path = tmp_path_factory.mktemp("model_file") / "m"
    skheart.save(pipeline.fit(sounds.data, sounds.target), path)
    return path


@pytest.fixture
def forge(model_file, tmp_path):
    """Change the document of the good file, sign it, and load it."""

    import skheart
    from tests.helpers import model_files

    def load(change):
        document, header, data = model_files.read(model_file)
        data = bytearray(data)
        model_files.write(tmp_path / "m", change(document, header, data) or document, header, data)
        return skheart.load(tmp_path / "m")

    return load


@pytest.fixture(scope="module")
def chromium():
    from tests.helpers.browser import started

    chromium = started()
    yield chromium
    chromium.quit()


@pytest.fixture
def page(chromium, tmp_path):
    """An empty page; whatever is opened on it must log no error."""
    from tests.helpers.browser import Page

    yield Page(chromium, tmp_path)
    errors = chromium.get_log("browser")
    chromium.get("about:blank")
    assert errors == []


@pytest.fixture(scope="session")
def segmented():
    """Generated sounds, and a segmenter that finds their phases well."""
    from tests.helpers.phases import fitted_segmenter

    return fitted_segmenter(n_subjects=12, width=16, max_epochs=40, batch_size=4, crop=2.0, lr=6e-3)


@pytest.fixture(scope="session")
def cycle(segmented):
    """The average heart cycle by that segmenter."""
    from sklearn.frozen import FrozenEstimator

    from skheart.segmentation import HeartCycleTransformer

    return HeartCycleTransformer(FrozenEstimator(segmented[1])).fit(segmented[0].data)


@pytest.fixture(scope="session")
def forest(segmented, cycle):
    """Trees on that cycle."""
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.pipeline import make_pipeline

    trees = ExtraTreesClassifier(20, max_features=0.4, random_state=0)
    return make_pipeline(cycle, trees).fit(segmented[0].data, segmented[0].target)


@pytest.fixture(scope="session")
def vote(segmented, forest):
    """Such trees and a small net."""
    from sklearn.base import clone
    from sklearn.ensemble import VotingClassifier
    from sklearn.pipeline import make_pipeline

    from skheart import AttentionCNNClassifier, LogMelTransformer

    net = make_pipeline(
        LogMelTransformer(duration=2, n_mels=16),
        AttentionCNNClassifier(channels=(4, 8), max_epochs=1, random_state=0, device="cpu"),
    )
    parts = [("forest", clone(forest)), ("net", net)]
    model = VotingClassifier(parts, voting="soft", weights=[3, 1])
    return model.fit(segmented[0].data, segmented[0].target)
