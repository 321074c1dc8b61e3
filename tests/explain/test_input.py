"""Forms of input to explain, and errors."""

import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skheart import LogMelTransformer, make_heart_pipeline
from skheart.explain import explain
from tests.helpers.small import make, small_cnn, small_rnn

SR, DURATION = 1000, 1.0
N_TIMES = int(SR * DURATION)


def log_mel(**params):
    return LogMelTransformer(sr=SR, duration=DURATION, n_mels=8, hop_length=32, **params)


def recordings(n=9, seed=0, n_times=N_TIMES):
    return np.random.default_rng(seed).normal(size=(n, n_times)).astype(np.float32)


def pipeline(clf=None, **params):
    clf = small_cnn(max_epochs=1) if clf is None else clf
    return make_pipeline(log_mel(**params), clf)


@pytest.fixture(scope="module")
def fitted():
    return pipeline().fit(recordings(), np.arange(9) % 3)


def same(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a.contribution, b.contribution)
        np.testing.assert_array_equal(a.logits, b.logits)


def test_recordings_paths_and_tables_of_paths(fitted, tmp_path):
    X = recordings(3, seed=1)
    paths = [tmp_path / f"{row}.wav" for row in range(3)]
    for path, samples in zip(paths, X, strict=True):
        soundfile.write(path, samples, SR, subtype="FLOAT")
    expected = explain(fitted, X)
    assert [e.recording for e in expected] == ["recording 0", "recording 1", "recording 2"]
    as_text = [str(path) for path in paths]
    for form in (
        paths,
        as_text,
        np.array(as_text),
        np.array(as_text)[:, None],
        pd.Series(as_text),
        pd.DataFrame({"path": as_text}),
    ):
        found = explain(fitted, form)
        same(found, expected)
        assert [e.recording for e in found] == as_text
        np.testing.assert_array_equal(found[1].signal, X[1])
    for form in (list(X), pd.Series(list(X)), X.tolist(), pd.DataFrame(X)):
        same(explain(fitted, form), expected)


def test_short_recordings_are_repeated_and_long_ones_cut(fitted):
    long = recordings(1, n_times=1700)[0]
    X = [long, long[:400], long[:1000]]
    cut, repeated, whole = explain(fitted, X)
    assert (cut.start, cut.duration, cut.sr) == (0.35, 1.7, SR)
    np.testing.assert_array_equal(cut.signal, long[350:1350])
    assert (repeated.start, repeated.duration) == (0, 0.4)
    np.testing.assert_array_equal(repeated.signal, [*long[:400], *long[:400], *long[:200]])
    assert (whole.start, whole.duration) == (0, 1.0)
    same([cut, repeated], explain(fitted, [cut.signal, repeated.signal]))

    first = pipeline(crop="start", pad="zero").fit(recordings(), np.arange(9) % 3)
    cut, filled = explain(first, X[:2])
    assert (cut.start, cut.duration) == (0, 1.7)
    np.testing.assert_array_equal(cut.signal, long[:1000])
    np.testing.assert_array_equal(filled.signal, [*long[:400], *np.zeros(600)])


def test_the_signal_is_at_the_rate_of_the_front_end(fitted, tmp_path):
    seconds = np.arange(3000) / 2000
    soundfile.write(tmp_path / "tone.wav", 0.5 * np.sin(2 * np.pi * 50 * seconds), 2000)
    explanation = explain(fitted, [tmp_path / "tone.wav"])[0]
    assert (explanation.sr, explanation.start, explanation.duration) == (SR, 0.25, 1.5)
    at = 0.25 + np.arange(N_TIMES) / SR
    np.testing.assert_allclose(explanation.signal, 0.5 * np.sin(2 * np.pi * 50 * at), atol=0.01)


def test_the_signal_is_the_input_of_the_front_end():
    halve = FunctionTransformer(lambda X: X / 2)
    X = recordings()
    model = make_pipeline(halve, log_mel(), small_cnn(max_epochs=1)).fit(X, np.arange(9) % 3)
    np.testing.assert_array_equal(explain(model, X)[3].signal, X[3] / 2)


def test_axes_are_those_of_the_front_end_and_cells_are_centred(fitted):
    explanation = explain(fitted, recordings(1))[0]
    front_end = fitted[0]
    np.testing.assert_array_equal(explanation.times, front_end.frame_times_)
    np.testing.assert_array_equal(explanation.frequencies, front_end.mel_frequencies_)
    np.testing.assert_array_equal(explanation.features, front_end.transform(recordings(1))[0])
    maps, axes = explanation.head, (explanation.times, explanation.frequencies)
    for fine, coarse in zip(axes, (maps.times, maps.frequencies), strict=True):
        np.testing.assert_allclose(coarse, fine.reshape(-1, 4).mean(axis=1))
    # Of frames of 256 samples at a hop of 32: the first is centred at 0.128 s, a cell has 4.
    np.testing.assert_allclose(explanation.head.times[:2], [0.176, 0.304])


def test_features_with_and_without_the_front_end_that_they_came_from(fitted):
    X = recordings(4)
    front_end, clf = fitted[0], fitted[-1]
    features = front_end.transform(X)
    whole = explain(fitted, X)
    alone = explain(clf, features)
    same(alone, whole)
    assert alone[0].times is alone[0].frequencies is alone[0].signal is alone[0].duration is None
    assert alone[0].head.times is alone[0].head.frequencies is None
    assert alone[2].recording == "recording 2"
    helped = explain(clf, features, front_end=front_end)
    same(helped, whole)
    np.testing.assert_array_equal(helped[0].head.times, whole[0].head.times)
    assert helped[0].signal is None
    same(explain(clf, features.tolist()), whole)
    same(explain(clf, list(features)), whole)


def test_a_memory_map_is_read_and_not_held(fitted, tmp_path):
    features = fitted[0].transform(recordings(4))
    np.save(tmp_path / "features.npy", features)
    for given in (np.load(tmp_path / "features.npy", mmap_mode="r+"), features.copy()):
        explanations = explain(fitted[-1], given)
        same(explanations, explain(fitted[-1], features))
        given[:] = 0
        assert type(explanations[0].features) is np.ndarray
        np.testing.assert_array_equal(explanations[0].features, features[0])


def test_a_flat_front_end(fitted):
    X = recordings()
    y = np.arange(9) % 3
    flat = pipeline(small_cnn(n_mels=8, max_epochs=1), flatten=True).fit(X, y)
    same(explain(flat, X), explain(fitted, X))
    tables = pipeline(small_cnn(n_mels=8, max_epochs=1), flatten=True)
    tables[0].set_output(transform="pandas")
    same(explain(tables.fit(X, y), X), explain(fitted, X))
    with pytest.warns(UserWarning, match="set n_mels to unfold rows"):
        unaware = pipeline(small_rnn(max_epochs=1), flatten=True).fit(X, y)
    with pytest.raises(ValueError, match="192 frames x 1 mel.*24 x 8.*n_mels=8"):
        explain(unaware, X)


def test_pipelines_with_samplers_and_searches():
    X, y = recordings(14), np.array(["a"] * 8 + ["b"] * 6)
    sampled = make_heart_pipeline("gru", random_state=0).set_params(
        logmel=log_mel(), clf__units=(4,), clf__max_epochs=1
    )
    sampled.fit(X, y)
    steps = [("logmel", log_mel()), ("nothing", "passthrough"), ("clf", small_rnn(max_epochs=1))]
    searched = GridSearchCV(Pipeline(steps), {"clf__units": [(3,), (4,)]}, cv=2).fit(X, y)
    features = log_mel().fit_transform(X)
    of_features = GridSearchCV(small_rnn(max_epochs=1), {"units": [(3,)]}, cv=2).fit(features, y)
    for estimator, given in ((sampled, X), (searched, X), (of_features, features)):
        explanations = explain(estimator, given)
        np.testing.assert_array_equal([e.label for e in explanations], estimator.predict(given))
        np.testing.assert_array_equal(
            [e.probabilities for e in explanations], estimator.predict_proba(given)
        )
    assert explanations[0].head.contribution.shape == (2, 24, 1)


def test_errors_name_the_fault_and_the_remedy(fitted):
    X, clf = recordings(3), fitted[-1]
    features = fitted[0].transform(X)
    narrow = log_mel().set_params(n_mels=4).fit(X)
    for estimator, given, options, message in (
        (fitted, X, {"method": "magic"}, "method='magic' must be one of attention"),
        (fitted, X, {"window": (1, 1)}, "method='attention' has no option 'window'.*no options"),
        (fitted, X, {"method": "occlusion", "n_steps": 4}, "'n_steps'. Its options: window"),
        (clf, features[:, :20], {}, "20 frames x 8.*fitted on 24 x 8"),
        (clf, features * np.nan, {}, "NaN"),
        (clf, features, {"front_end": narrow}, "24 frames x 8 mel bins, but front_end gives 24 x"),
        (fitted, [], {}, "0 sample"),
    ):
        with pytest.raises(ValueError, match=message):
            explain(estimator, given, **options)
    unrefitted = GridSearchCV(small_rnn(max_epochs=1), {}, cv=2, refit=False)
    for wrong, name in (
        (LogisticRegression().fit(X, [0, 1, 1]), "LogisticRegression"),
        (make_pipeline(log_mel(flatten=True), LogisticRegression()).fit(X, [0, 1, 1]), "Logistic"),
        ("cnn", "'cnn'"),
        (unrefitted.fit(*make(12, n_classes=2)), "GridSearchCV"),
    ):
        with pytest.raises(TypeError, match=f"estimator={name}.*Pass a fitted AttentionCNNClass"):
            explain(wrong, X)
    with pytest.raises(TypeError, match="pass \\[path\\]"):
        explain(fitted, "recording.wav")


def test_estimators_must_be_fitted(fitted):
    X = recordings(3)
    features = fitted[0].transform(X)
    for estimator in (pipeline(), small_cnn(), GridSearchCV(small_cnn(), {"lr": [0.1]})):
        with pytest.raises(NotFittedError):
            explain(estimator, features)
    with pytest.raises(NotFittedError, match="LogMelTransformer"):
        explain(fitted[-1], features, front_end=log_mel())
