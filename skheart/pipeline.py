"""Recipes: the paper's pipeline for recordings, and models of patients."""

from __future__ import annotations

import torch
from imblearn.pipeline import Pipeline
from sklearn.ensemble import ExtraTreesClassifier, VotingClassifier

from .augmentation import Augmentation
from .classifiers import AttentionCNNClassifier, AttentionRNNClassifier
from .features import LogMelTransformer
from .patients import PatientClassifier
from .sampling import RandomOverSampler, RecordingDropout
from .segmentation import HeartCycleTransformer

__all__ = ["MODELS", "make_heart_pipeline"]

MODELS = ("cnn", "lstm", "gru")
RECIPES = ("paper", "attention", "cycles", "best")


def make_heart_pipeline(
    model="cnn", *, recipe="paper", random_state=None, device="auto", verbose=0, memory=None
):
    """Make a pipeline from recordings to labels.

    Parameters
    ----------
    model : {"cnn", "lstm", "gru"}, default="cnn"
        The network of ``recipe="paper"``. The other recipes only take "cnn".
    recipe : {"paper", "attention", "cycles", "best"}, default="paper"
        "paper" classifies recordings: log-mel features, random oversampling, attention network.
        The others classify patients. "cycles" is a forest on average heart cycles, "attention" an
        ensemble of attention networks, and "best" both, which was best for murmurs in CirCor.
        "cycles" takes a fraction of the training time. See the notes.
    random_state : int, RandomState instance or None, default=None
        Seed of the oversampling and of the models.
    device : str, default="auto"
        Device of the networks: "auto", "cpu" or "cuda". Forests run on the CPU.
    verbose : int, default=0
        1 shows the progress of feature extraction and training on standard error.
    memory : str, joblib.Memory or None, default=None
        Cache of the fitted transformers, see `sklearn.pipeline.Pipeline`. A grid search then
        computes the features of a training fold once per setting of "logmel".

    Returns
    -------
    pipeline : imblearn.pipeline.Pipeline or PatientClassifier
        "paper": a pipeline of "logmel" (`LogMelTransformer`), "ros" (`RandomOverSampler`) and "clf"
        (`AttentionCNNClassifier` or `AttentionRNNClassifier`). Set parameters by
        ``pipeline.set_params(clf__lr=1e-4, logmel__n_mels=32, ros="passthrough")``.
        The other recipes: a `PatientClassifier`. Its `estimator` is for "attention" a pipeline of
        "logmel" and "clf"; for "cycles" a pipeline of "dropout" (`RecordingDropout`), "cycle"
        (`HeartCycleTransformer`) and "clf" (`sklearn.ensemble.ExtraTreesClassifier`); for "best" a
        `sklearn.ensemble.VotingClassifier` of these two, "net" and "forest"
        (``set_params(estimator__net__clf__max_epochs=10)``).

    Raises
    ------
    ValueError
        If the model or the recipe is unknown, or the recipe does not take the model.

    Notes
    -----
    Oversampling returns rows by index, without a copy. If a step of your own follows that needs an
    array, set ``ros__copy=True``. A sampler changes the number of rows: to pass `groups` or
    `sample_weight` to the classifier, set ``ros="passthrough"`` and ``clf__oversample=True``.

    The recipes for patients join the recordings of a patient, so that a murmur heard at one site
    gives no wrong labels to the others. Pass the patients as `groups` or in a DataFrame, see
    `PatientClassifier`. Classes are weighted in the decision for the best UAR.

    "cycles" fits 400 extremely randomised trees to average heart cycles with contrasts. Copies of
    each patient without some of the recordings are added to the training set. The pretrained
    segmenter has seen the phases (not the labels) of all available recordings of CirCor: for scores
    on these, set ``estimator__cycle__segmenter`` to one trained on the training subjects (in "best"
    ``estimator__forest__cycle__segmenter``).

    "attention" trains compact CNNs on 15 s crops of four pieces, with frames of 32 ms (half the
    paper's), 32 mel bins, frequency masks, gain, tilt, mixup, balanced classes, AdamW and a
    one-cycle schedule. Eight networks, each trained without an eighth of the subjects, are
    averaged, and a logistic regression calibrates their probabilities on the subjects left out. If
    a class has fewer than eight subjects, reduce the folds: ``set_params(cv=3)``.

    "best" averages a forest of 200 trees (weight 0.7) and one network of "attention" (weight 0.3),
    both fitted on all patients, over two seeds. Only the network sees balanced classes. In the
    vote, classes are encoded as 0, 1, ...; a ``class_weight`` must use these numbers.

    References
    ----------
    Ren et al., "Deep attention-based neural networks for explainable heart sound
    classification", Machine Learning with Applications 9 (2022) 100322. The forest: Geurts, Ernst,
    Wehenkel, "Extremely randomized trees", Machine Learning 63 (2006) 3-42.

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
    for name, value, known in (("model", model, MODELS), ("recipe", recipe, RECIPES)):
        if value not in known:
            raise ValueError(f"{name} must be one of {known}. Got {value!r} instead.")
    if recipe != "paper" and model != "cnn":
        raise ValueError(f"model must be 'cnn' with recipe={recipe!r}. Got {model!r} instead.")
    if recipe == "best":
        return _for_patients(_best(device, verbose, memory), random_state, verbose, n_estimators=2)
    if recipe == "cycles":
        return _for_patients(_forest(400, verbose, memory), random_state, verbose)
    if recipe == "attention":
        net, folds = _net(device, verbose, memory), {"cv": 8, "calibrator": "logistic"}
        return _for_patients(net, random_state, verbose, **folds)
    common = {"random_state": random_state, "device": device, "verbose": verbose}
    cnn = AttentionCNNClassifier(**common)
    steps = [
        ("logmel", LogMelTransformer(verbose=verbose)),
        ("ros", RandomOverSampler(random_state=random_state, copy=False)),
        ("clf", cnn if model == "cnn" else AttentionRNNClassifier(cell=model, **common)),
    ]
    return Pipeline(steps, memory=memory)


def _for_patients(estimator, random_state, verbose, **params):
    """Make a classifier of patients whose recordings are joined, with the best label for UAR."""
    return PatientClassifier(
        estimator,
        join=True,
        decision_weight="balanced",
        random_state=random_state,
        verbose=verbose,
        **params,
    )


def _forest(n_trees, verbose, memory):
    """Make a forest on average heart cycles."""
    steps = [
        ("dropout", RecordingDropout(copy=False)),
        ("cycle", HeartCycleTransformer(contrasts=True, verbose=verbose)),
        ("clf", ExtraTreesClassifier(n_estimators=n_trees, max_features=0.2)),
    ]
    return Pipeline(steps, memory=memory)


def _net(device, verbose, memory):
    """Make a compact attention network for long recordings."""
    logmel = LogMelTransformer(
        duration=150.0, pad="mask", win_length=128, hop_length=64, n_mels=32, verbose=verbose
    )
    augment = Augmentation(crop=936, pieces=4, frequency_masks=2, gain=0.3, tilt=0.3, mixup=0.3)
    clf = AttentionCNNClassifier(
        channels=(16, 32, 64, 128),
        masked=True,
        augment=augment,
        oversample=True,
        lr=4e-3,
        lr_schedule="one_cycle",
        max_epochs=48,
        device=device,
        verbose=verbose,
        skorch_params={"optimizer": torch.optim.AdamW, "optimizer__weight_decay": 0.02},
    )
    return Pipeline([("logmel", logmel), ("clf", clf)], memory=memory)


def _best(device, verbose, memory):
    """Make a vote of a forest and a network."""
    members = [("forest", _forest(200, verbose, memory)), ("net", _net(device, verbose, memory))]
    return VotingClassifier(members, voting="soft", weights=[0.7, 0.3])
