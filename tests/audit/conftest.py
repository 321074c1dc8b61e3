"""Recordings that share nothing."""

import pytest

from skheart.datasets import make_heart_sounds


@pytest.fixture(scope="session")
def sounds():
    """Three recordings of each of 12 subjects."""
    return make_heart_sounds(
        12, recordings_per_subject=3, duration=(6.0, 9.0), weights=(1, 1, 1), random_state=3
    )
