"""`explain_checks`: whether the explanations of a model describe what it computes."""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from .._utils.parallel import progress
from ..patients import PatientClassifier
from ._deletion import deletion_and_insertion, make_network_predictor
from ._estimators import CannotExplain, best_estimator, select_part, split_network
from ._explain import explain
from ._phases import PHASES, enrichments, mean_of_finite, p_values
from ._random_weights import randomise_weights
from ._trees import make_cycle_predictor

__all__ = ["explain_checks"]

COLUMNS = ["check", "what", "of", "value", "low", "high", "p", "recordings", "subjects"]
CHECKS = ("completeness", "randomisation", "deletion", "phases", "agreement")
CHECKS_OF_TREES = ("completeness", "deletion", "phases")
METHODS = ("integrated_gradients", "occlusion")
N_BOOTSTRAP = 1000
N_SHIFTS = 199


def explain_checks(
    estimator,
    X,
    y=None,
    segmentation=None,
    *,
    groups=None,
    label=None,
    relative=False,
    checks="all",
    front_end=None,
    compare="auto",
    random_state=None,
    verbose=0,
):
    """Check whether the explanations of a model describe what it computes.

    Parameters
    ----------
    estimator : estimator
        As for `explain`, except a `PatientClassifier`: pass its `estimators_` one by one. In a vote
        of trees and other classifiers the trees are checked, because they sum to the vote.
    X : array, list, Series or DataFrame
        As for `explain`: recordings that the model was not trained on.
    y : array of shape (n,) or None, default=None
        True labels; with them, correct and wrong predictions are also reported separately.
    segmentation : list of (DataFrame or None), or None, default=None
        Segmentation of each recording into S1, systole, S2 and diastole, as for `phase_enrichment`.
        Without it the phases are not checked.
    groups : array of shape (n,) or None, default=None
        Subject of each recording, for the confidence intervals; None treats each recording as a
        subject.
    label : object, default=None
        The class whose contributions are checked; None is the predicted class of each recording.
    relative : bool, default=False
        Subtract the mean over the classes from the contributions, see `Explanation.of_class`.
        Completeness is always that of the contributions themselves.
    checks : "all" or sequence of str, default="all"
        Any of "completeness", "randomisation", "deletion" (with insertion), "phases", "agreement";
        for trees "completeness", "deletion", "phases". For each recording, deletion takes 72
        predictions and agreement with occlusion takes one per window, so use some dozens of
        recordings for these.
    front_end : LogMelTransformer or None, default=None
        As for `explain`.
    compare : "auto" or sequence of str, default="auto"
        Methods to compare with: "integrated_gradients", "occlusion". "auto" uses both, or only
        occlusion if captum is not installed.
    random_state : int, RandomState instance or None, default=None
        Draws weights, shifts and bootstrap samples.
    verbose : int, default=0
        1 shows progress on standard error.

    Returns
    -------
    DataFrame
        One row per result: `check`, `what` (the quantity), `of` (the subset of recordings),
        `value`, `low` and `high` (95% confidence interval: percentiles of a bootstrap over
        subjects), `p` (one-sided), and the numbers of `recordings` and `subjects`. NaN where a
        result has none of these.

        - completeness: largest difference between a logit and the sum of its contributions. It
          should be below 1e-4.
        - randomisation: mean rank correlation (Spearman) of a map with that of the same network
          with random weights from the head down to the named layer, drawn from a normal
          distribution with the mean and standard deviation of the old weights; batch normalisation
          uses the statistics of these recordings (cascading randomisation, Adebayo et al. 2018). It
          should fall towards 0: a map that stays the same does not depend on what was learnt.
        - deletion, insertion: area between the curves of the probability of the class when cells
          are replaced by the training mean, or inserted into it, in the order of the map and in the
          order of the same map shifted circularly in time and frequency, which is equally smooth
          (Petsiuk et al. 2018). For trees, cells of the average cycle are replaced by their mean
          over these recordings (so a single recording gives NaN), and the probability is that of
          the trees. It should be above 0; `p` is that of Wilcoxon's signed-rank test over subjects.
        - phase enrichment: mean of `phase_enrichment` over the recordings, for all, for correct
          ("right") and wrong predictions and for each true class. 1 is chance; `p` is the fraction
          of random shifts whose mean is at least as large.
        - agreement: mean rank correlation with the other methods, on cells that fit both grids;
          with `segmentation`, also their phase enrichment. If the methods name different phases,
          the cells that decide respond to sound elsewhere in their receptive field.

    Raises
    ------
    ValueError
        If y, segmentation or groups differ from X in length, or a check or method is unknown.
    TypeError
        If the estimator cannot be checked.

    References
    ----------
    Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018. Petsiuk, Das, Saenko, "RISE:
    Randomized input sampling for explanation of black-box models", BMVC 2018.

    Examples
    --------
    >>> from skheart import make_heart_pipeline
    >>> from skheart.datasets import make_heart_sounds
    >>> from skheart.explain import explain_checks
    >>> sounds = make_heart_sounds(n_subjects=9, duration=3, random_state=0)
    >>> pipeline = make_heart_pipeline("gru", random_state=0)
    >>> pipeline = pipeline.set_params(
    ...     logmel__duration=3, clf__units=(8,), clf__max_epochs=1).fit(sounds.data, sounds.target)
    >>> table = explain_checks(
    ...     pipeline, sounds.data[:4], sounds.target[:4], compare=("occlusion",), random_state=0)
    >>> table.check.unique().tolist()
    ['completeness', 'randomisation', 'deletion', 'insertion', 'agreement']
    """
    import pandas as pd

    estimator = best_estimator(estimator)
    clf, trees = _split_checked(estimator)
    known = CHECKS if trees is None else CHECKS_OF_TREES
    everything = isinstance(checks, str) and checks == "all"
    checks = known if everything else _check_choice("checks", checks, known)
    methods = _methods(compare) if "agreement" in checks else ()
    rng = check_random_state(random_state)
    explanations = explain(estimator, X, front_end=front_end)
    n = len(explanations)
    groups = np.arange(n) if groups is None else _check_length(groups, "groups", n)
    run = _Run(
        clf,
        None if clf is None else np.stack([e.features for e in explanations]),
        partial(make_cycle_predictor, trees, X),
        explanations,
        _check_length(y, "y", n),
        _check_length(segmentation, "segmentation", n, convert=list),
        label,
        relative,
        _Statistics(groups, rng),
        rng,
    )
    steps = {
        "completeness": _completeness,
        "randomisation": _randomisation,
        "deletion": _deletion,
        "phases": _enrichment,
    }
    steps = [step for check, step in steps.items() if check in checks]
    steps += [partial(_agreement, method=method) for method in methods]
    rows = []
    with progress(len(steps), "checks", verbose) as advance:
        for step in steps:
            rows += step(run)
            advance(1)
    return pd.DataFrame(rows, columns=COLUMNS)


def _split_checked(estimator):
    """Return (classifier, None) for a network, and (None, pipeline) for trees."""
    if isinstance(estimator, PatientClassifier):
        reason = "has several members. Pass estimator.estimators_[0], or each in turn."
        raise CannotExplain("estimator", estimator, reason)
    part = select_part(estimator, None)
    if part.method == "decision_path":
        return None, part.estimator
    if part.vote is not None:
        reason = "averages probabilities, to which a network does not add. Pass the network."
        raise CannotExplain("estimator", estimator, reason)
    return split_network(estimator)[1], None


class _Run(NamedTuple):
    """The input that the checks of one call share; trees have no classifier and no features."""

    clf: object
    features: np.ndarray | None
    make_predictor_of_trees: object
    explanations: list
    y: np.ndarray | None
    segmentation: list | None
    label: object
    relative: bool
    statistics: _Statistics
    rng: np.random.RandomState

    def label_of(self, explanation):
        return explanation.label if self.label is None else self.label

    def maps(self, explanations=None):
        """Maps of the checked class; another network may predict another class."""
        return [
            other.of_class(self.label_of(own), relative=self.relative)
            for own, other in zip(self.explanations, explanations or self.explanations, strict=True)
        ]


class _Statistics:
    """Means over recordings, with bootstrap intervals over subjects."""

    def __init__(self, groups, rng):
        self.groups = np.unique(groups, return_inverse=True)[1]
        self._rng = rng

    def row(self, check, what, of, values, p=np.nan):
        """Return a row of the table: the mean of the finite values."""
        known = np.isfinite(values)
        _, subjects = np.unique(self.groups[known], return_inverse=True)
        n_subjects = int(subjects.max() + 1) if known.any() else 0
        value = low = high = np.nan
        if known.any():
            value = values[known].mean()
        if n_subjects > 1:
            sums = np.bincount(subjects, values[known])
            counts = np.bincount(subjects)
            drawn = self._rng.randint(n_subjects, size=(N_BOOTSTRAP, n_subjects))
            means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
            low, high = np.quantile(means, [0.025, 0.975])
        return (check, what, of, value, low, high, p, int(known.sum()), n_subjects)

    def mean_by_subject(self, values):
        return np.bincount(self.groups, values) / np.bincount(self.groups)


def _completeness(run):
    gaps = [
        abs(maps.sum(axis=(1, 2)) + e.base - e.logits).max()
        for e in run.explanations
        for maps in (e.contribution, e.head.contribution)
    ]
    n = len(run.explanations)
    return [("completeness", "largest gap", "all", max(gaps), *[np.nan] * 3, n, np.nan)]


def _randomisation(run):
    rows = []
    for layer, twin in randomise_weights(run.clf, run.features, run.rng):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of heads without attention; issued before
            others = run.maps(explain(twin, run.features))
        values = [_correlation(*pair) for pair in zip(run.maps(), others, strict=True)]
        what = f"from the head to {layer}"
        rows.append(run.statistics.row("randomisation", what, "all", np.array(values)))
    return rows


def _deletion(run):
    classes = [e.class_index(run.label) for e in run.explanations]
    if run.clf is not None:
        predict, shape = make_network_predictor(run.clf, run.features), run.features.shape[1:]
        cell, maps = run.explanations[0].cell, run.maps()
    elif len(run.explanations) > 1:
        predict, cell = run.make_predictor_of_trees(), (1, 1)
        shape = run.explanations[0].cycle.features.shape
        maps = [e.cycle.contribution[k] for e, k in zip(run.explanations, classes, strict=True)]
    else:  # a single recording is its own mean, so nothing would change
        what, unknown = "area gained on shifted maps", np.full(1, np.nan)
        checks = ("deletion", "insertion")
        return [run.statistics.row(check, what, "all", unknown) for check in checks]
    return deletion_and_insertion(predict, shape, maps, cell, classes, run.statistics, run.rng)


def _agreement(run, method):
    """Rank correlation with another method, and the phase enrichment of that method."""
    pairs = zip(run.explanations, explain(run.clf, run.features, method=method), strict=True)
    others = [
        replace(other, times=own.times, start=own.start, duration=own.duration)
        for own, other in pairs
    ]
    values = [
        _correlation(*_to_common_grid(own, e.cell, theirs, other.cell))
        for e, own, other, theirs in zip(
            run.explanations, run.maps(), others, run.maps(others), strict=True
        )
    ]
    rows = [run.statistics.row("agreement", method, "all", np.array(values))]
    return rows + _enrichment(run, others, f"phase enrichment, {method}")


def _to_common_grid(own, own_cell, other, other_cell):
    """Sum two maps over the coarser of their cells in each direction."""
    for axis in (0, 1):
        size, theirs = own_cell[axis], other_cell[axis]
        common = int(np.lcm(size, theirs))
        if common not in (size, theirs):  # divide both into points of the input first
            own, other = own.repeat(size, axis) / size, other.repeat(theirs, axis) / theirs
            size = theirs = 1
        own = _sum_neighbours(own, axis, common // size)
        other = _sum_neighbours(other, axis, common // theirs)
        n = min(own.shape[axis], other.shape[axis])
        own, other = own.take(range(n), axis), other.take(range(n), axis)
    return own, other


def _sum_neighbours(maps, axis, n):
    """Sum each n neighbours; a remainder at the end is dropped."""
    whole = maps.shape[axis] // n
    if whole == 0:
        return maps.sum(axis=axis, keepdims=True)
    starts = np.arange(whole) * n
    return np.add.reduceat(maps.take(range(whole * n), axis), starts, axis)


def _correlation(a, b):
    """Spearman's rank correlation of two maps; NaN where one is constant."""
    from scipy.stats import rankdata

    a, b = (rankdata(values.ravel()) for values in (a, b))
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return np.nan
    return float(np.corrcoef(a, b)[0, 1])


def _subsets(run):
    """Masks of the recordings that are reported separately, by name."""
    subsets = {"all": np.ones(len(run.explanations), bool)}
    if run.y is not None:
        labels = [e.label for e in run.explanations]
        pairs = zip(labels, run.y, strict=True)
        right = np.array([label == true or str(label) == str(true) for label, true in pairs])
        subsets |= {"right": right, "wrong": ~right}
        subsets |= {f"true {value}": run.y == value for value in np.unique(run.y)}
    return subsets


def _enrichment(run, explanations=None, check="phase enrichment"):
    """Mean enrichment of each phase, in each subset of the recordings."""
    if run.segmentation is None:
        return []
    explanations = explanations or run.explanations
    values = np.full((len(explanations), len(PHASES)), np.nan)
    null = np.full((len(explanations), N_SHIFTS, len(PHASES)), np.nan)
    for row, (e, own) in enumerate(zip(explanations, run.explanations, strict=True)):
        if (table := run.segmentation[row]) is not None:
            values[row], null[row], _ = enrichments(
                e, table, run.label_of(own), run.relative, N_SHIFTS, run.rng
            )
    rows = []
    for name, chosen in _subsets(run).items():
        p = p_values(mean_of_finite(values[chosen]), mean_of_finite(null[chosen]))
        for number, phase in enumerate(PHASES):
            of_phase = np.where(chosen, values[:, number], np.nan)
            rows.append(run.statistics.row(check, phase, name, of_phase, p[number]))
    return rows


def _methods(compare):
    if not isinstance(compare, str) or compare != "auto":
        return _check_choice("compare", compare, METHODS)
    if importlib.util.find_spec("captum") is None:
        warnings.warn(
            "captum is not installed, so agreement with integrated gradients is not checked. "
            'Install it: pip install "skheart[explain]".',
            UserWarning,
            stacklevel=3,
        )
        return ("occlusion",)
    return METHODS


def _check_choice(name, value, known):
    chosen = (value,) if isinstance(value, str) else tuple(value)
    if unknown := [one for one in chosen if one not in known]:
        raise ValueError(f"{name}={unknown[0]!r} must be some of {', '.join(known)}.")
    return chosen


def _check_length(values, name, n, convert=np.asarray):
    if values is None:
        return None
    values = convert(values)
    if len(values) != n:
        raise ValueError(
            f"X has {n} recordings but {name} has {len(values)} entries. Pass one per recording."
        )
    return values
