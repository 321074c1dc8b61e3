"""Small nets and spectrograms for the tests of the classifiers."""

import numpy as np

from skheart import AttentionCNNClassifier, AttentionRNNClassifier

N_FRAMES, N_MELS = 24, 8


def make(n=48, n_classes=3, seed=0, shift=1.5):
    """Spectrograms in which class k has the mel bins from 2 k on raised."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    X = rng.normal(size=(n, N_FRAMES, N_MELS)).astype(np.float32)
    for code in range(n_classes):
        X[y == code, :, 2 * code : 2 * code + 2] += shift
    return X, y


def numpy_state():
    return np.random.get_state()[1].copy()  # noqa: NPY002  # the global one is what is watched


def small_cnn(**params):
    defaults = {"channels": (4, 8), "kernel_size": 3, "lr": 0.01, "max_epochs": 4}
    return AttentionCNNClassifier(**{**defaults, "random_state": 0, **params})


def small_rnn(**params):
    defaults = {"units": (8,), "lr": 0.02, "max_epochs": 4}
    return AttentionRNNClassifier(**{**defaults, "random_state": 0, **params})


SMALL = [small_cnn, small_rnn, lambda **p: small_rnn(cell="gru", **p)]
