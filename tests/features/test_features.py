"""LogMelTransformer: fitted attributes, forms of input, errors."""

from __future__ import annotations

import copy
import pickle
import tracemalloc
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

from skheart import LogMelTransformer

SHORT = {"duration": 0.5, "standardize": False}


def test_defaults_are_the_features_of_the_paper(recordings):
    transformer = LogMelTransformer()
    result = transformer.fit_transform(recordings[:2])
    assert 1 + (120000 - 256) // 128 == 936
    assert result.shape == (2, 936, 64)
    assert result.dtype == np.float32
    assert transformer.frame_times_.shape == (936,)
    np.testing.assert_allclose(transformer.frame_times_[[0, 1, -1]], [0.032, 0.064, 29.952])
    assert transformer.mel_frequencies_.shape == (64,)
    assert 20 < transformer.mel_frequencies_[0] < transformer.mel_frequencies_[-1] < 2000


def test_frames_and_bins_are_where_the_attributes_say():
    """A click and a tone are found at their time and frequency."""
    transformer = LogMelTransformer(duration=2.0, standardize=False, n_mels=40)
    click = np.zeros(8000)
    click[5000] = 1
    tone = np.sin(2 * np.pi * 700 * np.arange(8000) / 4000)
    clicked, toned = transformer.fit_transform([click, tone])
    assert abs(transformer.frame_times_[clicked.sum(axis=1).argmax()] - 1.25) <= 0.016
    spacing = np.diff(transformer.mel_frequencies_).max()
    assert abs(transformer.mel_frequencies_[toned.mean(axis=0).argmax()] - 700) <= spacing / 2


def test_standardisation_is_learnt_in_fit(recordings):
    transformer = LogMelTransformer(duration=0.5)
    plain = LogMelTransformer(**SHORT).fit_transform(recordings)
    result = transformer.fit_transform(recordings)
    frames = plain.reshape(-1, 64).astype(np.float64)
    np.testing.assert_allclose(transformer.mean_, frames.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(transformer.scale_, frames.std(axis=0), rtol=1e-12)
    assert transformer.mean_.dtype == transformer.scale_.dtype == np.float64
    expected = (plain - transformer.mean_) / transformer.scale_
    np.testing.assert_allclose(result, expected, atol=1e-6)
    mean = transformer.mean_.copy()
    np.testing.assert_array_equal(transformer.transform(recordings[::-1]), result[::-1])
    transformer.transform([7 * r for r in recordings])
    np.testing.assert_array_equal(transformer.mean_, mean)
    np.testing.assert_array_equal(
        LogMelTransformer(duration=0.5).fit(recordings).transform(recordings), result
    )


def test_without_standardisation_nothing_is_learnt(recordings):
    transformer = LogMelTransformer(**SHORT)
    with pytest.raises(NotFittedError):
        transformer.transform(recordings)
    transformer.fit(recordings[:1])
    assert transformer.mean_ is None
    assert transformer.scale_ is None
    np.testing.assert_array_equal(
        transformer.transform(recordings), clone(transformer).fit_transform(recordings)
    )


@pytest.mark.parametrize("value", [0.0, 0.25, -1.0])
@pytest.mark.parametrize("pad", ["repeat", "zero"])
def test_constant_and_silent_recordings_are_finite(value, pad, recordings):
    still = [np.full(1000, value), np.full(3000, value)]
    alone = LogMelTransformer(duration=0.5).set_params(pad="repeat").fit(still)
    np.testing.assert_array_equal(alone.scale_, 1.0)
    np.testing.assert_allclose(alone.transform(still), 0.0, atol=1e-5)
    mixed = LogMelTransformer(duration=0.5, pad=pad).fit_transform(still + recordings)
    assert np.isfinite(mixed).all()
    if value == 0:
        silent = LogMelTransformer(**SHORT).fit_transform(still)
        np.testing.assert_allclose(silent, np.log(1e-8), rtol=1e-6)


def test_integers_and_floats_of_the_same_sound_agree(recordings, tmp_path):
    integers = [np.round(r * 32768).astype(np.int16) for r in recordings]
    forms = {
        "int16": integers,
        "int16, big-endian": [i.astype(">i2") for i in integers],
        "int32": [i.astype(np.int32) << 16 for i in integers],
        "int64": [i.astype(np.int64) << 48 for i in integers],
        "uint16": [(i.astype(np.int32) + 32768).astype(np.uint16) for i in integers],
        "float32": [(i / 32768).astype(np.float32) for i in integers],
    }
    for subtype in ("PCM_16", "PCM_24", "FLOAT"):
        forms[subtype] = [tmp_path / f"{subtype}{k}.wav" for k in range(5)]
        for path, samples in zip(forms[subtype], integers, strict=True):
            soundfile.write(path, samples / 32768, 4000, subtype=subtype)
    expected = LogMelTransformer(duration=0.5).fit_transform([i / 32768 for i in integers])
    for name, form in forms.items():
        result = LogMelTransformer(duration=0.5).fit_transform(form)
        np.testing.assert_array_equal(result, expected, err_msg=name)


def test_integers_in_too_wide_a_type_give_a_warning(recordings):
    wide = [np.round(r * 32768).astype(np.int64) for r in recordings]
    with pytest.warns(UserWarning, match=r"of 64 bits that stay within 1/65536.*X\.astype"):
        LogMelTransformer(duration=0.5).fit(wide)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LogMelTransformer(duration=0.5).fit([np.zeros(2000, dtype=np.int64)])
        LogMelTransformer(duration=0.5).fit([(r * 2**23).astype(np.int32) for r in recordings])


def test_arrays_and_paths_agree(paths, recordings):
    """All forms of input are tested in tests/audio."""
    samples = [r.astype(np.float32) for r in recordings]
    expected = LogMelTransformer(duration=0.5).fit_transform(samples)
    paths = paths[:5]
    for form in (pd.Series(samples), paths, pd.DataFrame({"path": list(map(str, paths))})):
        transformer = LogMelTransformer(duration=0.5)
        np.testing.assert_array_equal(transformer.fit_transform(form), expected)
        assert not hasattr(transformer, "n_features_in_")


def test_two_dimensional_input():
    X = np.random.default_rng(0).normal(size=(4, 2000))
    transformer = LogMelTransformer(duration=0.5)
    expected = transformer.fit_transform(list(X))
    frame = pd.DataFrame(X, columns=[f"t{k}" for k in range(2000)])
    for form in (X, np.asfortranarray(X), X.tolist(), X.astype(object), frame):
        np.testing.assert_array_equal(transformer.fit_transform(form), expected)
        assert transformer.n_features_in_ == 2000
    assert list(transformer.feature_names_in_[:2]) == ["t0", "t1"]
    with pytest.raises(ValueError, match="X has 1999 features, but LogMelTransformer is expecting"):
        transformer.transform(X[:, 1:])
    transformer.fit(list(X))
    assert not hasattr(transformer, "n_features_in_")
    assert not hasattr(transformer, "feature_names_in_")
    assert transformer.transform(X[:, 1:]).shape == (4, 14, 64)


def test_files_of_other_rates_are_resampled(tmp_path):
    paths = []
    for rate in (2000, 4000, 44100):
        paths.append(tmp_path / f"{rate}.wav")
        tone = 0.5 * np.sin(2 * np.pi * 200 * np.arange(4 * rate) / rate)
        soundfile.write(paths[-1], np.column_stack([tone, tone]), rate, subtype="FLOAT")
    low, same, high = LogMelTransformer(duration=2.0, standardize=False).fit_transform(paths)
    loud = same > same.max() - np.log(100)
    assert 0.02 < loud.mean() < 0.5
    np.testing.assert_allclose(low[loud], same[loud], atol=1e-2)
    np.testing.assert_allclose(high[loud], same[loud], atol=1e-2)


def test_flatten_names_and_containers(recordings):
    transformer = LogMelTransformer(duration=0.5, flatten=True)
    flat = transformer.fit_transform(recordings)
    assert flat.shape == (5, 14 * 64)
    names = transformer.get_feature_names_out()
    assert names.shape == (14 * 64,)
    cube = LogMelTransformer(duration=0.5).fit_transform(recordings)
    assert names[3 * 64 + 5] == "frame3_mel5"
    np.testing.assert_array_equal(flat[:, 3 * 64 + 5], cube[:, 3, 5])
    table = transformer.set_output(transform="pandas").transform(pd.Series(recordings))
    assert isinstance(table, pd.DataFrame)
    np.testing.assert_array_equal(table["frame3_mel5"], cube[:, 3, 5])


@pytest.mark.parametrize("name", ["set_output", "get_feature_names_out"])
def test_names_need_flat_output(name):
    transformer = LogMelTransformer()
    assert not hasattr(transformer, name)
    with pytest.raises(AttributeError) as caught:
        getattr(transformer, name)
    assert "Set flatten=True" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_get_feature_names_out_error,
        estimator_checks.check_transformer_get_feature_names_out,
        estimator_checks.check_transformer_get_feature_names_out_pandas,
        estimator_checks.check_set_output_transform,
        estimator_checks.check_set_output_transform_pandas,
        estimator_checks.check_global_output_transform_pandas,
        estimator_checks.check_dataframe_column_names_consistency,
        estimator_checks.check_n_features_in_after_fitting,
    ],
)
def test_scikit_learns_checks_of_names_and_containers(check):
    """Checks that check_estimator does not run."""
    check("LogMelTransformer", LogMelTransformer(flatten=True, duration=0.1, n_mels=16))


class Counted:
    """A recording that counts how often it is read."""

    def __init__(self, samples):
        self.samples, self.reads = samples, 0

    def __array__(self, dtype=None, copy=None):
        self.reads += 1
        return self.samples


def test_fit_transform_reads_each_recording_once(recordings):
    counted = [Counted(samples) for samples in recordings * 5]
    LogMelTransformer(duration=0.5, n_jobs=2).fit_transform(counted)
    assert [recording.reads for recording in counted] == [1] * 25


@pytest.mark.parametrize(
    ("params", "places"),
    [
        ({"hop_length": 130}, [0, 1000, 1999]),
        ({"hop_length": 400}, [0, 255, 300, 1999]),
        ({"n_fft": 255}, [0, 1999]),
        ({"crop": "start"}, [0, 1999, 2000, 2999]),
        ({"crop": "center"}, [0, 499, 500, 2499, 2500, 2999]),
        ({"pad": "zero", "duration": 2.0}, [0, 2999]),
    ],
)
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_nan_and_infinity_are_found_everywhere(params, places, value):
    params = {"duration": 0.5, **params}
    good = np.random.default_rng(0).normal(size=2000 if max(places) < 2000 else 3000)
    what = "NaN" if np.isnan(value) else "infinity"
    transformer = LogMelTransformer(**params).fit([good])
    for place in places:
        bad = good.copy()
        bad[place] = value
        for method in (transformer.transform, LogMelTransformer(**params).fit):
            with pytest.raises(ValueError, match=f"row 1 contains {what}, first at sample {place}"):
                method([good, bad])


def test_memory_above_the_output_does_not_grow():
    X = np.zeros((200, 8000), dtype=np.int16)
    X[:, ::50] = 20000
    transformer = LogMelTransformer(duration=10.0, n_fft=512)
    transformer.fit(X[:2])
    for method in (transformer.fit_transform, transformer.transform, transformer.fit):
        tracemalloc.start()
        result = method(X)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        output = getattr(result, "nbytes", 0)
        assert output in (0, 200 * 309 * 64 * 4)
        assert peak - output < 5 * 2**20


def test_progress_goes_to_standard_error(recordings, capsys):
    LogMelTransformer(duration=0.5, verbose=1).fit_transform(recordings)
    out, err = capsys.readouterr()
    assert out == ""
    assert "log-mel" in err
    assert "5/5" in err
    LogMelTransformer(duration=0.5, n_jobs=2).fit_transform(recordings)
    assert capsys.readouterr() == ("", "")


def test_copies_and_pickles(recordings, tmp_path):
    transformer = LogMelTransformer(duration=0.5, window=("kaiser", 8.0))
    assert copy.deepcopy(transformer).get_params() == transformer.get_params()
    expected = transformer.fit_transform(recordings)
    joblib.dump(transformer, tmp_path / "model.joblib")
    for twin in (
        pickle.loads(pickle.dumps(transformer)),
        copy.deepcopy(transformer),
        joblib.load(tmp_path / "model.joblib"),
    ):
        np.testing.assert_array_equal(twin.transform(recordings), expected)
    assert len(pickle.dumps(transformer)) < 100_000
    with pytest.raises(NotFittedError):
        clone(transformer).transform(recordings)


def test_search_and_memory_in_a_pipeline(tmp_path):
    rng = np.random.default_rng(0)
    paths, y = [], []
    for k in range(16):
        murmur = k % 2 * 0.3 * np.sin(2 * np.pi * 300 * np.arange(2000) / 4000)
        paths.append(str(tmp_path / f"{k}.wav"))
        soundfile.write(paths[-1], murmur + 0.1 * rng.normal(size=2000), 4000)
        y.append("murmur" if k % 2 else "normal")
    pipeline = make_pipeline(
        LogMelTransformer(duration=0.5, flatten=True),
        LogisticRegression(),
        memory=str(tmp_path / "cache"),
    )
    grid = {"logmeltransformer__n_mels": [8, 32]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(paths, y)
    assert search.best_score_ > 0.9
    assert search.predict([Path(path) for path in paths]).tolist() == y


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_invalid_recordings_are_named_and_change_nothing(n_jobs, recordings, tmp_path):
    soundfile.write(tmp_path / "good.wav", recordings[0], 4000)
    good, absent = tmp_path / "good.wav", tmp_path / "absent.wav"
    bad = np.stack([recordings[1], recordings[1]])
    bad[1, 5] = np.nan
    cases = [
        ([good, absent], FileNotFoundError, r"absent\.wav' does not exist"),
        ([good, recordings[0]], TypeError, "row 1 is of type ndarray"),
        ([*recordings, np.ones(0)], ValueError, "row 5 is empty"),
        ([*recordings, np.ones(9) + 1j], ValueError, "Complex data not supported.*row 5"),
        (np.array([[1, 2], [3, 4j]]), ValueError, "Complex data not supported"),
        (pd.DataFrame(np.ones((2, 9)) * 1j), ValueError, "Complex data not supported"),
        ([*recordings, 1e200 * recordings[0]], ValueError, "row 5 has samples so large"),
        (bad, ValueError, "row 1 contains NaN, first at sample 5"),
        (np.zeros((2, 3, 4)), ValueError, "dim 3"),
        (recordings[0], ValueError, "Expected 2D array, got 1D array"),
        (str(good), TypeError, r"pass \[path\]"),
    ]
    for X, kind, message in cases:
        transformer = LogMelTransformer(duration=0.5, n_jobs=n_jobs)
        for method in (transformer.fit, transformer.fit_transform):
            with pytest.raises(kind, match=message):
                method(X)
            with pytest.raises(NotFittedError):
                transformer.transform(recordings)
        transformer.fit(recordings)
        with pytest.raises(kind, match=message):
            transformer.transform(X)
        assert np.isfinite(transformer.transform(recordings)).all()


def test_fit_without_standardisation_checks_arrays(recordings):
    with pytest.raises(ValueError, match="row 1 contains NaN"):
        LogMelTransformer(**SHORT).fit([recordings[0], np.array([0, np.nan])])
    LogMelTransformer(**SHORT).fit(["not-opened.wav"])
