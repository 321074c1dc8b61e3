"""The one call: explanations of recordings, or of patients, by nets or by trees."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..audio import cut_or_fill, list_recordings, load_samples
from ..classifiers import AttentionClassifier, steps_and_classifier, transformed
from ..patients import PatientClassifier
from . import _saliency
from ._explanation import Explanation, Maps, recording_name
from ._members import averaged
from ._patients import as_patients, decided, joined_patients, recordings_alone
from ._trees import explained_by_trees
from ._votes import METHODS, found, in_vote, part_of

__all__ = ["explain", "members_of", "parts_of"]


def explain(estimator, X, *, method=None, front_end=None, by_patient=False, groups=None, **options):
    """Explain the predictions for recordings.

    Parameters
    ----------
    estimator : estimator
        A fitted `AttentionCNNClassifier` or `AttentionRNNClassifier`, a pipeline that ends in one,
        a pipeline of a `HeartCycleTransformer` and a forest or tree of scikit-learn, a soft
        `VotingClassifier` of such pipelines, a `PatientClassifier` of any, or a search over any
        (its best estimator is explained).
    X : array, list, Series or DataFrame
        What `estimator.predict` takes: recordings or paths for a pipeline with a
        `LogMelTransformer`, log-mel spectrograms for a classifier.
    method : {"attention", "integrated_gradients", "occlusion", "decision_path"}, default=None
        None is "decision_path" for trees and "attention" for nets. Of a vote, the part of the
        greatest weight that the method is for is explained. "attention": what the head itself
        computes, C * F*, at the cost of a prediction. Of heads without attention, the terms of
        their linear layer; a warning says what is missing.
        "integrated_gradients" (Sundararajan et al. 2017; needs the extra "explain"): gradients on
        the way from a recording that is the training mean everywhere. "occlusion" (Zeiler & Fergus
        2014): by how much a logit falls when a window is replaced by the training mean.
        "decision_path" (Palczewska et al. 2014): what each question on the way through a tree
        changes of the shares of the classes, the mean over the trees.
    front_end : LogMelTransformer or None, default=None
        The fitted front end that X came from, for the times and frequencies. Only where `estimator`
        does not hold it.
    by_patient : bool, default=False
        Whether the recordings of a patient are joined to one and explained together, as a
        ``PatientClassifier(join=True)`` predicts them.
    groups : array-like of shape (n_recordings,) or None, default=None
        With `by_patient`, the patient of each recording, where X does not say it.
    **options : dict
        For "integrated_gradients" `n_steps` (32), the points on the way; for "occlusion" `window`,
        its size as (frames, mel bins), by default 8 frames and a quarter of the bins.

    Returns
    -------
    list of Explanation
        One for each recording; with `by_patient` for each patient, sorted.

    Raises
    ------
    ValueError
        If the method or an option is unknown, X is not what the estimator takes, or a
        `PatientClassifier` cuts recordings into windows or has members of several grids.
    TypeError
        If the estimator is none of the above, or `by_patient` is asked of one that does not join.

    Notes
    -----
    With 0.032 s from frame to frame, a cell of the default CNN is 0.512 s long, about half a heart
    beat; with ``pool_size="fine"`` it is 0.064 s, with the RNNs one frame. An RNN has no
    frequencies of its own: its contributions are shared out evenly among the mel bins. What a cell
    adds to a logit is exact; by which sound it does so is another matter, since a cell sees more
    than it covers, and a cell of an RNN all that came before. It differs from model to model
    (README, "Explanations"); `explain_checks` measures it for yours.

    Of a `PatientClassifier` each recording is explained by itself (unless `by_patient` is True), as
    the mean over `estimators_`: its maps are the means of their maps, and the contributions sum to
    the mean of their logits (where there are several, a contribution is not C * F* of the means).
    The probabilities are those of the mean logits. Those of trees are predicted by the mean of
    their logarithms, too, and what that differs from their mean by is the term "members". The label
    is the one that would be predicted of a patient with that recording alone, by its calibrator
    and decision weights, which are no part of the explanation otherwise.

    Trees on average heart cycles add up probabilities. What a cell of the cycle adds is shared out
    among the frames whose mean it is, as that mean weighs them; `Explanation.cycle` has it before.
    What a contrast of two parts of the cycle adds goes to both, as far as each is from the quiet
    diastole, and evenly among the cells of a part.
    What has no place in the sound is in `base`, and `Explanation.terms` says what it is: of a vote
    also what the other parts say, so that all adds up to the probability of the vote. Paths give
    exact sums; which of two columns that say the same gets a share is up to the trees.

    Recordings are explained as the model sees them, cut or filled to one length. With
    ``masked=True`` they are not filled, and each explanation is as long as its recording.

    References
    ----------
    Ren et al., Machine Learning with Applications 9 (2022) 100322. Sundararajan, Taly, Yan,
    "Axiomatic attribution for deep networks", ICML 2017. Zeiler, Fergus, "Visualizing and
    understanding convolutional networks", ECCV 2014. Palczewska, Palczewski, Marchese Robinson,
    Neagu, "Interpreting random forest classification models using a feature contribution method",
    in: Integration of Reusable Systems, Springer 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from skheart import AttentionRNNClassifier
    >>> from skheart.explain import explain
    >>> X = np.random.default_rng(0).normal(size=(12, 32, 16)).astype("float32")
    >>> clf = AttentionRNNClassifier(units=(8,), max_epochs=1, random_state=0)
    >>> clf = clf.fit(X, np.arange(12) % 3)
    >>> explanation = explain(clf, X[:2])[0]
    >>> explanation.attention.shape
    (3, 32, 16)
    """
    if method is not None and method not in METHODS:
        raise ValueError(f"method={method!r} must be one of {', '.join(METHODS)}.")
    if groups is not None and not by_patient:
        raise ValueError(
            "groups says whose the recordings are, which only by_patient=True asks for: give both, "
            "or neither."
        )
    estimator = found(estimator)
    parts = [part_of(member, method) for member in members_of(estimator)]
    method = parts[0].method
    known = _saliency.OPTIONS.get(method, ())
    if unknown := sorted(options.keys() - set(known)):
        raise ValueError(
            f"method={method!r} has no option {unknown[0]!r}; "
            + (f"it has {', '.join(known)}." if known else "it has none.")
        )
    if method == "attention":
        _warn_of_missing(parts_of(parts[0].estimator)[1])
    if by_patient:
        X, *told = joined_patients(estimator, X, groups)
    elif isinstance(estimator, PatientClassifier):
        X = recordings_alone(X)
    explanations = averaged([_of_part(part, X, front_end, options) for part in parts])
    if by_patient:
        explanations = as_patients(explanations, *told)
    return decided(explanations, estimator)


def _of_part(part, X, front_end, options):
    """Explanations by one net, or by the trees of one pipeline."""
    if part.method == "decision_path":
        explanations = explained_by_trees(part.estimator, X)
    else:
        explanations = _explained(part.estimator, X, part.method, front_end, options)
    return in_vote(explanations, part, X)


def _explained(estimator, X, method, front_end, options):
    """Explanations by one net."""
    steps, clf, own = parts_of(estimator)
    front_end = front_end if own is None else own
    features = clf._check_X(transformed(steps, X), reset=False)
    if method == "attention":
        logits, base, heads, cells = _attention(clf, features)
    elif clf.masked:
        logits, base, heads, cells = _each_alone(getattr(_saliency, method), clf, features, options)
    else:
        logits, base, heads, cell = getattr(_saliency, method)(clf, features, **options)
        cells = [cell] * len(features)
    axes = _axes(front_end, features.shape[1:])
    probabilities = softmax(logits, axis=1)
    names = [recording_name(None, row) for row in range(len(features))]
    sounds = [{}] * len(features)
    if own is not None:
        heard = transformed(steps[: steps.index(own)], X)
        names, sounds = _names(X, len(features)), list(_sounds(own, heard))
    if clf.masked:
        features = [_there(row) for row in features]
    return [
        Explanation(
            method=method,
            recording=names[row],
            classes=clf.classes_,
            label=clf.classes_[logits[row].argmax()],
            logits=logits[row],
            probabilities=probabilities[row],
            base=base[row],
            head=Maps(*heads[row], *_pooled(_of_length(axes, features[row]), cells[row])),
            features=np.array(features[row], np.float32),
            cell=cells[row],
            times=_of_length(axes, features[row])[0],
            frequencies=axes[1],
            **sounds[row],
        )
        for row in range(len(features))
    ]


def members_of(estimator):
    """The estimators whose mean is explained."""
    if not isinstance(estimator, PatientClassifier):
        return [estimator]
    check_is_fitted(estimator, "estimators_")
    if estimator.window is not None:
        raise ValueError(
            f"The PatientClassifier cuts recordings into windows of window={estimator.window} s, "
            "and an explanation is of one: cut them, and pass estimator.estimators_[0]."
        )
    return estimator.estimators_


def parts_of(estimator):
    """The steps before the classifier, the classifier, and the fitted front end or None."""
    estimator = found(estimator)
    if isinstance(estimator, PatientClassifier):
        raise TypeError(
            "The checks are of one net, and a PatientClassifier holds several: pass "
            "estimator.estimators_[0], or each in turn."
        )
    if isinstance(estimator, Pipeline):
        check_is_fitted(estimator)
    steps, clf = steps_and_classifier(estimator)
    if not isinstance(clf, AttentionClassifier):
        kind = type(clf).__name__ if isinstance(clf, BaseEstimator) else repr(clf)
        raise TypeError(
            "The checks take a fitted AttentionCNNClassifier or AttentionRNNClassifier, a pipeline "
            "that ends in one, or one that ends in a HeartCycleTransformer and, right after it, a "
            f"forest or tree of scikit-learn. Got {kind}."
        )
    check_is_fitted(clf, "net_")
    ends = [step for step in steps if hasattr(step, "mel_frequencies_")]
    return steps, clf, ends[0] if ends else None


def _attention(clf, features):
    """Logits, base, (attention, class_map, contribution) and the cell's size of each recording."""
    logits = np.empty((len(features), len(clf.classes_)))
    heads = [None] * len(features)

    def collect(start, output):
        for offset in range(min(len(output.logits), len(features) - start)):
            logits[start + offset] = output.logits[offset].float().cpu()
            heads[start + offset] = [
                None if maps is None else maps[offset].float().cpu().numpy().copy()
                for maps in (output.attention, output.class_map, output.contribution)
            ]

    clf._infer(features, collect, return_maps=True)
    clf._check_logits(logits)
    heads = [[_with_frequencies(maps) for maps in head] for head in heads]
    n_frames, n_mels = features.shape[1:]
    cells = [clf.net_.module_.cell_size(n_frames, n_mels)] * len(features)
    if clf.masked:  # a pool is cut to a recording that is shorter than it
        cells = [clf.net_.module_.cell_size(len(_there(row)), n_mels) for row in features]
    return logits, np.zeros_like(logits), heads, cells


def _each_alone(method, clf, features, options):
    """The same by another method, each recording without what is past its end."""
    parts = [method(clf, _there(row)[None], **options) for row in features]
    logits, base, heads, cells = zip(*parts, strict=True)
    return np.concatenate(logits), np.concatenate(base), [head for (head,) in heads], cells


def _there(recording):
    """The frames of a recording without those of NaN at its end."""
    return recording[: np.count_nonzero(~np.isnan(recording[:, 0]))]


def _of_length(axes, recording):
    """Times and frequencies of a recording that may be shorter than the others."""
    return (None if axes[0] is None else axes[0][: len(recording)]), axes[1]


def _with_frequencies(maps):
    """Maps of a sequence get an axis of one frequency."""
    return maps[..., None] if maps is not None and maps.ndim == 2 else maps


def _warn_of_missing(clf):
    if clf.head != "attention":
        given = "contribution, the exact terms of its linear layer"
        also = " and class_map" if clf.head == "mean" else ""
        warnings.warn(
            f"head={clf.head!r} has no attention, so that attention is None"
            f"{'' if also else ', and it pools before it classifies, so that class_map is None'}; "
            f"there is {given}{also}. head='attention' gives all three.",
            UserWarning,
            stacklevel=3,
        )


def _axes(front_end, shape):
    """Times and frequencies of the input, or None."""
    if front_end is None:
        return None, None
    check_is_fitted(front_end, "mel_frequencies_")
    axes = front_end.frame_times_, front_end.mel_frequencies_
    given = tuple(map(len, axes))
    if given != tuple(shape):
        raise ValueError(
            f"X has recordings of {shape[0]} frames x {shape[1]} mel bins, but front_end gives "
            f"{given[0]} x {given[1]}. Give the LogMelTransformer that X came from; where its "
            f"output is flat, fit the classifier with n_mels={given[1]}."
        )
    return axes


def _pooled(axes, cell):
    """Centres of the cells of the model's grid."""
    pooled = []
    for axis, size in zip(axes, cell, strict=True):
        whole = None if axis is None else axis[: len(axis) // size * size]
        pooled.append(None if axis is None else whole.reshape(-1, size).mean(axis=1))
    return pooled


def _names(X, n):
    """The path of each recording, or the name of its row."""
    recordings = list_recordings(X)
    recordings = [None] * n if recordings is None else recordings
    return [recording_name(recording, row) for row, recording in enumerate(recordings)]


def _sounds(front_end, X):
    """Signal, rate, start and duration of each recording, as the front end reads it."""
    plan, recordings = front_end._plan, list_recordings(X)
    recordings = np.asarray(X) if recordings is None else recordings
    for row, recording in enumerate(recordings):
        samples = load_samples(recording, row, plan.sr)
        cut = max(0, samples.size - plan.n_times) // 2 if plan.crop == "center" else 0
        yield {
            "signal": np.array(cut_or_fill(samples, plan), np.float32),
            "sr": plan.sr,
            "start": cut / plan.sr,
            "duration": samples.size / plan.sr,
        }
