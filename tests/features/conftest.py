"""Recordings for the tests of the features."""

import numpy as np
import pytest
import soundfile


@pytest.fixture
def recordings():
    """Five recordings of 0.4 to 0.75 s at 4 kHz."""
    rng = np.random.default_rng(0)
    return [0.1 * rng.normal(size=size) for size in (1500, 2000, 2600, 2000, 3000)]


@pytest.fixture
def paths(tmp_path, recordings):
    """Files of twenty recordings."""
    paths = [tmp_path / f"{k:02}.wav" for k in range(20)]
    for k, path in enumerate(paths):
        soundfile.write(path, recordings[k % 5], 4000, subtype="FLOAT")
    return paths
