"""The recipe of the paper, written once."""

from __future__ import annotations

from imblearn.pipeline import Pipeline

from .classifiers import AttentionCNNClassifier, AttentionRNNClassifier
from .features import LogMelTransformer
from .sampling import RandomOverSampler

__all__ = ["MODELS", "make_heart_pipeline"]

MODELS = ("cnn", "lstm", "gru")


def make_heart_pipeline(model="cnn", *, random_state=None, device="auto", verbose=0, memory=None):
    """Make the paper's recipe: log-mel features, random upsampling, attention net.

    Parameters
    ----------
    model : {"cnn", "lstm", "gru"}, default="cnn"
        The net.
    random_state : int, RandomState instance or None, default=None
        For the upsampling and the net.
    device : str, default="auto"
        Where the net runs: "auto", "cpu" or "cuda".
    verbose : int, default=0
        1 shows the progress of the features and of the training on standard error.
    memory : str, joblib.Memory or None, default=None
        Where the fitted features are cached, see `sklearn.pipeline.Pipeline`: a search fits the
        features once per fold and setting of "logmel", however many classifiers it tries on them.
        The recordings of a test fold are computed for each score; that takes a third of a
        millisecond each, less than finding them in a cache.

    Returns
    -------
    pipeline : imblearn.pipeline.Pipeline
        With the steps "logmel" (`LogMelTransformer`), "ros" (`RandomOverSampler`) and "clf"
        (`AttentionCNNClassifier` or `AttentionRNNClassifier`). Any parameter can be set as
        ``pipeline.set_params(clf__lr=1e-4, logmel__n_mels=32, ros="passthrough")``.

    Raises
    ------
    ValueError
        If the model is unknown.

    Notes
    -----
    The upsampling passes the features on by index, so that they are held once. A step of your own
    after it gets an object that `numpy.asarray` turns into an array; ``ros__copy=True`` gives it an
    array.

    To give `groups` or `sample_weight` to the classifier, set ``ros="passthrough"`` and
    ``clf__oversample=True``, which balances the training part inside the classifier: a sampler
    changes the number of rows, and rows no longer match their groups.

    References
    ----------
    Ren et al., "Deep attention-based neural networks for explainable heart sound
    classification", Machine Learning with Applications 9 (2022) 100322.

    Examples
    --------
    >>> from skheart import make_heart_pipeline
    >>> from skheart.datasets import make_heart_sounds
    >>> sounds = make_heart_sounds(n_subjects=12, duration=3, random_state=0)
    >>> pipeline = make_heart_pipeline("gru", random_state=0)
    >>> pipeline = pipeline.set_params(logmel__duration=3, clf__units=(8,), clf__max_epochs=1)
    >>> pipeline.fit(sounds.data, sounds.target).predict(sounds.data).shape == sounds.target.shape
    True
    """
    if model not in MODELS:
        raise ValueError(f"model must be one of {MODELS}. Got {model!r} instead.")
    common = {"random_state": random_state, "device": device, "verbose": verbose}
    if model == "cnn":
        clf = AttentionCNNClassifier(**common)
    else:
        clf = AttentionRNNClassifier(cell=model, **common)
    steps = [
        ("logmel", LogMelTransformer(verbose=verbose)),
        ("ros", RandomOverSampler(random_state=random_state, copy=False)),
        ("clf", clf),
    ]
    return Pipeline(steps, memory=memory)
