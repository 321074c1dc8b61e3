"""`explain`: the explanations of recordings or patients, by networks or trees."""

from __future__ import annotations

from dataclasses import replace

from ..patients import PatientClassifier
from . import _saliency
from ._ensembles import add_votes, average_members
from ._estimators import METHODS, best_estimator, check_explainable, split_network
from ._networks import explain_network, warn_of_missing_maps
from ._patients import apply_decision, extract_recordings, join_by_patient
from ._trees import explain_trees

__all__ = ["explain"]


def explain(estimator, X, *, method=None, front_end=None, by_patient=False, groups=None, **options):
    """Explain the predictions for recordings.

    Parameters
    ----------
    estimator : estimator
        A fitted `AttentionCNNClassifier` or `AttentionRNNClassifier`, a pipeline that ends in one,
        a pipeline that ends in a `HeartCycleTransformer` followed by a scikit-learn forest or tree,
        a soft `VotingClassifier` of such pipelines, a `PatientClassifier` of any of these, or a
        search over any of these (its best estimator is explained).
    X : array, list, Series or DataFrame
        Input of `estimator.predict`: recordings or paths for a pipeline with a `LogMelTransformer`,
        log-mel spectrograms for a classifier.
    method : {"attention", "integrated_gradients", "occlusion", "decision_path"}, default=None
        None is "decision_path" for trees and "attention" for networks. In a vote, the member of
        largest weight that supports the method is explained. "attention": the contributions C * F*
        of the attention head, at the cost of a prediction. For other heads, the terms of the linear
        layer; a warning lists the missing maps. "integrated_gradients" (Sundararajan et al. 2017;
        needs the extra "explain"): gradients integrated from a baseline, the training mean, to the
        recording. "occlusion" (Zeiler & Fergus 2014): the drop of a logit if a window is replaced
        by the training mean. "decision_path" (Palczewska et al. 2014): the change of the class
        proportions at each split on the decision path, averaged over the trees.
    front_end : LogMelTransformer or None, default=None
        The fitted front end that computed X, for times and frequencies. Only used if `estimator`
        does not contain it.
    by_patient : bool, default=False
        Join the recordings of each patient and explain them together, as
        ``PatientClassifier(join=True)`` predicts them.
    groups : array-like of shape (n_recordings,) or None, default=None
        With `by_patient`, the patient of each recording, if X does not contain it.
    **options : dict
        For "integrated_gradients" `n_steps` (32), the number of integration steps. For "occlusion"
        `window`, its size as (frames, mel bins); default 8 frames and a quarter of the bins.

    Returns
    -------
    list of Explanation
        One for each recording; with `by_patient` one for each patient, sorted.

    Raises
    ------
    ValueError
        If the method or an option is unknown, X is no valid input of the estimator, or a
        `PatientClassifier` cuts recordings into windows or has members with different grids.
    TypeError
        If the method cannot explain the estimator, or `by_patient` is True and the estimator does
        not join recordings.

    Notes
    -----
    With a hop of 0.032 s, a cell of the default CNN is 0.512 s long, about half a heart beat; with
    ``pool_size="fine"`` it is 0.064 s, with the RNNs one frame. An RNN does not separate
    frequencies: its contributions are divided evenly among the mel bins. The contribution of a cell
    to a logit is exact, but does not tell which sound caused it: the receptive field is larger than
    the cell, and a cell of an RNN depends on everything before it. How much this matters differs
    between models (README, "Explanations"); `explain_checks` measures it for yours.

    A `PatientClassifier` without `by_patient` is explained for each recording, by the mean of the
    maps and of the logits of its `estimators_` (so a contribution is not the product of the mean
    maps). Trees are combined by the mean of log-probabilities; the difference from the mean
    probability is the term "members". The label is the prediction for a patient with only that
    recording; calibration and decision weights affect nothing else.

    For trees on average heart cycles, contributions sum to probabilities. The contribution of a
    cell of the cycle (`Explanation.cycle`) is distributed over the frames that it averages, by
    their weight in the mean. That of a contrast between two parts of the cycle is divided between
    them in proportion to their difference from the quiet diastole, and evenly among their cells.
    What belongs to no cell is in `base`; `Explanation.terms` lists it, including the other members
    of a vote, so that everything sums to the probability of the vote. The sums are exact, but how
    correlated features share a contribution depends on the trees.

    Recordings are explained as the model receives them, cut or padded to one length. With
    ``masked=True`` they are not padded, and each explanation is as long as its recording.

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
        raise ValueError("groups requires by_patient=True. Pass both, or neither.")
    estimator = best_estimator(estimator)
    parts = check_explainable(estimator, method)
    method = parts[0].method
    _check_options(method, options)
    if method == "attention":
        warn_of_missing_maps(split_network(parts[0].estimator)[1])
    if by_patient:
        X, patients = join_by_patient(estimator, X, groups)
    elif isinstance(estimator, PatientClassifier):
        X = extract_recordings(X)
    explanations = average_members([_explain_part(part, X, front_end, options) for part in parts])
    if by_patient:
        pairs = zip(explanations, patients, strict=True)
        explanations = [replace(explanation, **changes) for explanation, changes in pairs]
    return apply_decision(explanations, estimator)


def _check_options(method, options):
    known = _saliency.OPTIONS.get(method, ())
    if unknown := sorted(options.keys() - set(known)):
        raise ValueError(
            f"method={method!r} has no option {unknown[0]!r}. "
            + (f"Its options: {', '.join(known)}." if known else "It has no options.")
        )


def _explain_part(part, X, front_end, options):
    if part.method == "decision_path":
        explanations = explain_trees(part.estimator, X)
    else:
        explanations = explain_network(part.estimator, X, part.method, front_end, options)
    return add_votes(explanations, part, X)
