"""The recipes: the paper's, and those for patients."""

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
    """Make a pipeline from recordings to labels: the paper's, or one of those for patients.

    Parameters
    ----------
    model : {"cnn", "lstm", "gru"}, default="cnn"
        The net of the paper's recipe. The others have "cnn" alone.
    recipe : {"paper", "attention", "cycles", "best"}, default="paper"
        "paper": log-mel features, random upsampling, attention net, for recordings. "best": what
        was best for murmurs in CirCor: a forest on average heart cycles and attention nets, for
        patients. "cycles": the forest alone, in a fraction of the time. "attention": an ensemble of
        the nets. `explain` shows the decisions of all. See the notes.
    random_state : int, RandomState instance or None, default=None
        For the upsampling and the net.
    device : str, default="auto"
        Where the nets run: "auto", "cpu" or "cuda". Forests run on the CPU.
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
        ``pipeline.set_params(clf__lr=1e-4, logmel__n_mels=32, ros="passthrough")``. With
        ``recipe="attention"`` a `PatientClassifier` around a pipeline of "logmel" and "clf"
        (``set_params(estimator__clf__max_epochs=10)``), with ``recipe="cycles"`` around one of
        "dropout" (`RecordingDropout`), "cycle" (`HeartCycleTransformer`) and "clf"
        (`sklearn.ensemble.ExtraTreesClassifier`), and with ``recipe="best"`` around a
        `sklearn.ensemble.VotingClassifier` of both, "forest" and "net"
        (``set_params(estimator__net__clf__max_epochs=10)``).

    Raises
    ------
    ValueError
        If the model or the recipe is unknown, or they do not go together.

    Notes
    -----
    The upsampling passes the features on by index, so that they are held once. A step of your own
    after it gets an object that `numpy.asarray` turns into an array; ``ros__copy=True`` gives it an
    array.

    To give `groups` or `sample_weight` to the classifier, set ``ros="passthrough"`` and
    ``clf__oversample=True``, which balances the training part inside the classifier: a sampler
    changes the number of rows, and rows no longer match their groups.

    The recipes for patients join the recordings of a patient, so that a murmur heard at one site is
    learnt as such.

    "cycles" finds S1, systole, S2 and diastole of every beat with the segmenter that comes with the
    package, averages the log-mel spectrogram of all beats of a patient, and lets 400 extremely
    randomised trees decide by that, and by contrasts of its parts. They also learn from each
    patient without one or the other recording, since of others there may be fewer. The segmenter
    has seen the phases (not the labels) of all recordings of CirCor's public part that were at
    hand: for scores on those, train another on the training subjects, and set
    ``estimator__cycle__segmenter`` (of "best" ``estimator__forest__cycle__segmenter``). The label
    is the best for UAR.

    "best" does that with two forests of 200 trees, and beside each trains one net of "attention" on
    all patients. The net hears what is lost in an average, and counts for 0.3 of the probability.
    Nets see the classes balanced and forests as they are, so that the mean is between the two. In
    the vote classes are numbers, from 0 in the order of the labels: a ``class_weight`` names those.

    "attention" trains compact attention CNNs on crops of 15 s made of four pieces, from as many
    recordings. Frames are half as long as the paper's (32 ms, 16 ms apart) with half as many mel
    bins. Frequency masks, gain, tilt and mixup vary what is heard; classes are balanced in the
    training part; AdamW, one cycle. Eight nets are averaged, each fitted without an eighth of the
    subjects. A logistic regression calibrates the probabilities of patients, by what each net
    predicts for those that it was not fitted on; the label is then the best for UAR. A class of
    fewer than eight subjects needs fewer nets: ``set_params(cv=3)``.

    Recordings are given with `groups`, or in a DataFrame (see `PatientClassifier`).

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
        raise ValueError(
            f'model chooses the net of recipe="paper", and recipe={recipe!r} has none to choose. '
            f"Got model={model!r}: leave it out."
        )
    if recipe == "best":
        best = _best(device, verbose, memory)
        return _for_patients(best, random_state, verbose, n_estimators=2)
    if recipe == "cycles":
        return _for_patients(_forest(400, verbose, memory), random_state, verbose)
    if recipe == "attention":
        net, folds = _net(device, verbose, memory), {"cv": 8, "calibrator": "logistic"}
        return _for_patients(net, random_state, verbose, **folds)
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


def _for_patients(estimator, random_state, verbose, **params):
    """A classifier of patients whose recordings are joined; its label is the best for UAR."""
    return PatientClassifier(
        estimator,
        join=True,
        decision_weight="balanced",
        random_state=random_state,
        verbose=verbose,
        **params,
    )


def _forest(n_trees, verbose, memory):
    """Trees on the average heart cycle."""
    steps = [
        ("dropout", RecordingDropout(copy=False)),
        ("cycle", HeartCycleTransformer(contrasts=True, verbose=verbose)),
        ("clf", ExtraTreesClassifier(n_estimators=n_trees, max_features=0.2)),
    ]
    return Pipeline(steps, memory=memory)


def _net(device, verbose, memory):
    """A compact attention net for patients."""
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
    """Trees and a net, each of which hears what the other does not."""
    members = [("forest", _forest(200, verbose, memory)), ("net", _net(device, verbose, memory))]
    return VotingClassifier(members, voting="soft", weights=[0.7, 0.3])
