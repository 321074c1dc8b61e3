"""Mel filters and windows, compared with librosa and SciPy to the last bit."""

import librosa
import numpy as np
import pytest
import scipy.signal

from skheart.features._mel import mel_filters
from skheart.features._settings import COSINE_WINDOWS, make_plan


@pytest.mark.parametrize("htk", [False, True])
@pytest.mark.parametrize(("fmin", "fmax"), [(0.0, None), (20.0, 900.0), (1100.0, None)])
@pytest.mark.parametrize(
    ("sr", "n_fft", "n_mels"), [(4000, 256, 32), (4000, 1000, 64), (22050, 1024, 40)]
)
def test_filters_are_those_of_librosa(sr, n_fft, n_mels, fmin, fmax, htk):
    settings = {"fmin": fmin, "fmax": sr / 2 if fmax is None else fmax, "htk": htk}
    filters, frequencies = mel_filters(sr, n_fft, n_mels // 2, **settings)
    expected = librosa.filters.mel(
        sr=sr, n_fft=n_fft, n_mels=n_mels // 2, norm="slaney", dtype=np.float64, **settings
    )
    np.testing.assert_array_equal(filters.toarray(), expected)
    edges = librosa.mel_frequencies(n_mels // 2 + 2, **settings)
    np.testing.assert_array_equal(frequencies, edges[1:-1])


@pytest.mark.parametrize("window", [*COSINE_WINDOWS, "blackman", ("kaiser", 8.0)])
def test_windows_are_those_of_scipy(window):
    from skheart import LogMelTransformer

    plan = make_plan(LogMelTransformer(window=window).get_params())
    np.testing.assert_array_equal(plan.window, scipy.signal.get_window(window, 256))
