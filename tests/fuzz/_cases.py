"""The kinds of cases. A case returns what happened in a few words, or raises AssertionError.

A case is a function of a random generator and an empty folder. It leaves its input there, so that
the runner can keep it if the case fails.
"""

import copy
import csv
import functools
import io
import json
import warnings

import numpy as np
import soundfile

import skheart
from skheart._utils.files import open_atomic
from skheart.audio import RecordingWarning, read_recording
from skheart.datasets import load_table
from tests.helpers import model_files

FORMATS = [
    ("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "PCM_24"), ("WAV", "MS_ADPCM"), ("WAV", "GSM610"),
    ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"),
    ("AIFF", "PCM_16"), ("AU", "PCM_16"), ("CAF", "PCM_16"), ("W64", "PCM_16"), ("NIST", "PCM_16"),
]  # fmt: skip
# Formats whose header says how long the recording is, so that a lost part must be noticed.
DECLARED = {"WAV", "FLAC", "AIFF", "AU", "CAF", "W64", "NIST"}
N_SAMPLES = 6000
REFUSED = (ValueError, OSError)


@functools.cache
def whole_file(format, subtype, n_channels):
    rng = np.random.default_rng(0)
    sound = 0.3 * np.sin(np.arange(N_SAMPLES) / 7)[:, None] + 0.05 * rng.normal(size=(N_SAMPLES, 1))
    stream = io.BytesIO()
    soundfile.write(stream, np.repeat(sound, n_channels, axis=1), 8000, subtype, format=format)
    return stream.getvalue()


def mutated(data, rng):
    """Change bytes; return them and how."""
    data, at = bytearray(data), int(rng.integers(len(data)))
    how = rng.choice(["cut", "flip", "zeros", "header", "repeat", "none"])
    if how == "cut":
        del data[at:]
    elif how == "flip":
        for place in rng.integers(len(data), size=rng.integers(1, 8)):
            data[place] ^= 1 << rng.integers(8)
    elif how == "zeros":
        data[at : at + 400] = bytes(len(data[at : at + 400]))
    elif how == "header":
        for place in rng.integers(min(64, len(data)), size=rng.integers(1, 4)):
            data[place] = rng.choice([0, 1, 127, 128, 255])
    elif how == "repeat":
        data[at:at] = data[at // 2 : at]
    return bytes(data), str(how)


class _Stream(soundfile.SoundFile):
    def seekable(self):
        return False  # soundfile seeks after each read, which some formats refuse


def decoded(path):
    """What libsndfile makes of a file, (n, n_channels) float32; None if it refuses it."""
    try:
        with _Stream(path) as file:
            parts = [file.read(4096, dtype="float32", always_2d=True)]
            while len(parts[-1]) == 4096:
                parts.append(file.read(4096, dtype="float32", always_2d=True))
            return np.concatenate(parts)
    except (soundfile.SoundFileError, TypeError):
        return None


def sound_file(rng, folder):
    """A damaged file is refused by name, or read as libsndfile reads it."""
    format, subtype = FORMATS[rng.integers(len(FORMATS))]
    n_channels = 1 if subtype == "GSM610" else int(rng.integers(1, 3))
    data, how = mutated(whole_file(format, subtype, n_channels), rng)
    path = folder / f"case.{format.lower()}"
    path.write_bytes(data)
    oracle = decoded(path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            samples, rate = read_recording(path)
        except REFUSED as error:
            assert str(path) in str(error), f"the file is not named: {error}"
            assert how != "none", f"a whole file is refused: {error}"
            return f"{how}: refused"
    assert all(issubclass(warning.category, RecordingWarning) for warning in caught)
    assert 100 <= rate <= 768_000
    assert np.isfinite(samples).all()
    if how == "none":
        assert not caught, f"a whole file is warned about: {caught[0].message}"
    if how == "cut" and format in DECLARED and len(samples) < N_SAMPLES - 320:
        assert caught, f"{N_SAMPLES - len(samples)} lost samples are not noticed"
    if oracle is not None and len(oracle) == len(samples):
        near = np.abs(oracle - samples[:, None]).min(axis=1).max()
        mean = np.abs(oracle.mean(axis=1) - samples).max()
        assert min(near, mean) < 1e-4, "other samples than libsndfile's"
    else:
        assert caught, "other samples than libsndfile's, without a warning"
    return f"{how}: read with a warning" if caught else f"{how}: read"


def array(rng, folder):
    """An array gives finite features, or is refused by its row."""
    dtype = rng.choice(["i1", "u1", "i2", "i4", "i8", "f2", "f4", "f8", "c16", "?", "O", "U3"])
    shape = [(800,), (1, 800), (800, 1), (2, 800), (0,), (), (3,)][rng.integers(7)]
    values = rng.normal(size=shape) * 10.0 ** rng.integers(-8, 9)
    if rng.random() < 0.3 and values.size:
        values = np.where(rng.random(shape) < 0.01, rng.choice([np.nan, np.inf, 1e300]), values)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        recording = values.astype(dtype)
        np.save(folder / "case.npy", recording, allow_pickle=True)
        if rng.random() < 0.3:
            recording = (recording, int(rng.choice([-1, 0, 1, 2000, 8000, 44100])))
        front_end = skheart.LogMelTransformer(duration=0.2, n_mels=8, standardize=False)
        try:
            features = front_end.fit_transform([recording])
        except (ValueError, TypeError, OSError) as error:  # an array of strings holds paths
            text = str(error)
            assert "row 0" in text or "recording" in text.lower() or dtype in ("U3", "c16"), (
                f"no recording named: {text}"
            )
            return "refused"
    assert features.shape == (1, len(front_end.frame_times_), 8)
    assert np.isfinite(features).all()
    return "features"


CELLS = [
    "a.wav",
    "b.wav",
    "",
    "NA",
    "normal",
    "1",
    "-1",
    "nan",
    "x,y",
    '"',
    "é",
    "=1+1",
    "../c.wav",
]


def table(rng, folder):
    """A table has the cells that the csv module reads, or is refused by name."""
    rows = [["path", "label", "subject"]]
    usual = ["normal", "murmur", "1", "x,y", "é"]
    cells = usual if rng.random() < 0.6 else CELLS
    rows += [[f"{k}.wav", *rng.choice(cells, 2)] for k in range(rng.integers(1, 6))]
    if rng.random() < 0.2:
        rows[-1] = list(rng.choice(CELLS, rng.integers(0, 5)))
    stream = io.StringIO()
    csv.writer(stream).writerows(rows)
    encoding = rng.choice(["utf-8", "utf-8-sig", "latin-1", "utf-16"], p=[0.5, 0.3, 0.1, 0.1])
    data, how = stream.getvalue().encode(encoding), "written"
    if rng.random() < 0.3:
        data, how = mutated(data, rng)
    path = folder / "case.csv"
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = load_table(path, missing="keep")
        except REFUSED as error:
            assert "case.csv" in str(error), f"the table is not named: {error}"
            return "refused"
    if how == "written":
        expected = [row for row in rows[1:] if any(cell.strip() for cell in row)]
        assert list(map(str, found.target)) == [row[1].strip() for row in expected]
        assert list(found.groups) == [row[2].strip() for row in expected]
    return "read"


@functools.cache
def small_model():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 24, 8)).astype(np.float32), np.arange(12) % 2
    clf = skheart.AttentionCNNClassifier(channels=(4,), max_epochs=1, random_state=0).fit(X, y)
    return clf, X, clf.predict_proba(X)


JUNK = [None, True, -1, 2.5, "", "os.system", [], {}, {"tuple": []}, 10**18, {"dict": [[0, 1]] * 3},
        {"array": {"tensor": "x", "order": "C"}}]  # fmt: skip


def model_file(rng, folder):
    """A damaged model file is refused by ValueError; one with a changed value is a model or not."""
    clf, X, expected = small_model()
    path = folder / "case.safetensors"
    skheart.save(clf, path)
    if rng.random() < 0.5:
        data, how = mutated(path.read_bytes(), rng)
        changed = data != path.read_bytes()
        path.write_bytes(data)
    else:
        document, header, data = model_files.read(path)
        document, how, changed = copy.deepcopy(document), "value", False
        spot, key = document, "model"
        while isinstance(spot[key], (dict, list)) and spot[key] and rng.random() < 0.9:
            spot = spot[key]
            keys = list(spot) if isinstance(spot, dict) else range(len(spot))
            key = keys[rng.integers(len(keys))]
        spot[key] = copy.deepcopy(JUNK[rng.integers(len(JUNK))])
        model_files.write(path, json.loads(json.dumps(document)), header, data)
    try:
        loaded = skheart.load(path)
    except ValueError as error:
        assert "case.safetensors" in str(error), f"the file is not named: {error}"
        return f"{how}: refused"
    assert not changed, "a damaged file is loaded"
    if how != "value":
        assert (loaded.predict_proba(X) == expected).all()
    return f"{how}: loaded"


class Stop(Exception):
    """An interruption."""


def interruption(rng, folder):
    """A file that is being replaced is the old or the new one, and nothing is left beside it."""
    path = folder / "case.txt"
    path.write_text("old")
    parts = ["new"] * int(rng.integers(1, 5))
    stop = int(rng.integers(len(parts) * 2))
    try:
        with open_atomic(path, "w") as file:
            for number, part in enumerate(parts):
                file.write(part)
                if number == stop:
                    raise Stop
    except Stop:
        assert path.read_text() == "old"
        outcome = "old file"
    else:
        assert path.read_text() == "".join(parts)
        outcome = "new file"
    assert [other.name for other in folder.iterdir()] == ["case.txt"]
    return outcome


# Kinds, with the share of cases of each.
KINDS = {sound_file: 0.6, array: 0.15, table: 0.15, model_file: 0.08, interruption: 0.02}
