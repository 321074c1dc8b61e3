"""Properties of predictions: what they must not depend on."""

import functools
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import soundfile
from hypothesis import given, settings
from imblearn.pipeline import Pipeline

from skheart import AttentionCNNClassifier, LogMelTransformer
from skheart.datasets import make_heart_sounds

LOSSLESS = [
    ("wav", "PCM_16"), ("flac", "PCM_16"), ("aiff", "PCM_16"), ("w64", "PCM_16"), ("caf", "PCM_16"),
    ("wav", "PCM_24"), ("flac", "PCM_24"), ("wav", "FLOAT"), ("au", "PCM_32"), ("caf", "ALAC_16"),
]  # fmt: skip
quick = settings(max_examples=25, deadline=None, derandomize=True, database=None)


@functools.cache
def fitted():
    sounds = make_heart_sounds(6, recordings_per_subject=2, duration=2.0, random_state=0)
    integers = [np.round(x * 2**15 / 1.01).astype(np.int16) for x in sounds.data]
    clf = AttentionCNNClassifier(channels=(4, 4), max_epochs=1, random_state=0)
    pipeline = Pipeline([("logmel", LogMelTransformer(duration=2.0, n_mels=16)), ("clf", clf)])
    pipeline.fit(integers, sounds.target)
    return pipeline, integers, pipeline.predict_proba(integers)


@quick
@given(st.lists(st.sampled_from(range(12)), min_size=1, max_size=14))
def test_order_and_other_recordings_do_not_matter(rows):
    pipeline, recordings, expected = fitted()
    found = pipeline.predict_proba([recordings[row] for row in rows])
    np.testing.assert_array_equal(found, expected[rows])


@quick
@given(
    st.sampled_from([list, tuple, "object", "Series", "DataFrame", "pairs", "columns", "float"]),
    st.lists(st.sampled_from(range(12)), min_size=1, max_size=5),
)
def test_the_container_does_not_matter(kind, rows):
    pipeline, recordings, expected = fitted()
    items = [recordings[row] for row in rows]
    if kind in (list, tuple):
        X = kind(items)
    elif kind == "object":
        X = np.empty(len(items), object)
        X[:] = items
    elif kind == "Series":
        X = pd.Series(items)
    elif kind == "DataFrame":
        X = pd.DataFrame({"recording": items})
    else:
        change = {
            "pairs": lambda x: (x, 4000),
            "columns": lambda x: x[:, None],
            "float": lambda x: x / 2**15,
        }[kind]
        X = list(map(change, items))
    np.testing.assert_allclose(pipeline.predict_proba(X), expected[rows], atol=1e-6)


@quick
@given(st.lists(st.sampled_from(LOSSLESS), min_size=1, max_size=5), st.integers(0, 7))
def test_the_lossless_format_does_not_matter(formats, first):
    pipeline, recordings, expected = fitted()
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for row, (suffix, subtype) in enumerate(formats, start=first):
            paths.append(Path(folder) / f"{row}.{suffix}")
            x = recordings[row] / 2**15 if subtype == "FLOAT" else recordings[row]
            soundfile.write(paths[-1], x, 4000, subtype)
        found = pipeline.predict_proba(paths)
    np.testing.assert_allclose(found, expected[first : first + len(formats)], atol=1e-6)
