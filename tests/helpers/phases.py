"""A segmenter for tests: small, on generated sounds."""

from skheart.datasets import make_heart_sounds
from skheart.segmentation import HeartPhaseSegmenter


def fitted_segmenter(n_subjects=6, **params):
    """Generated sounds, and a segmenter that was fitted to them."""
    sounds = make_heart_sounds(n_subjects=n_subjects, duration=4, random_state=0)
    segmenter = HeartPhaseSegmenter(**{"width": 8, "max_epochs": 4, "random_state": 0} | params)
    return sounds, segmenter.fit(sounds.data, sounds.segmentation)
