"""Whether explanations are true of the model: a table of checks."""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from sklearn.ensemble import VotingClassifier
from sklearn.utils import check_random_state

from ._curves import deletion_and_insertion, keeping_by_net
from ._explain import explain, parts_of
from ._phases import PHASES, chance, enrichments, mean_of_known
from ._random_weights import with_new_weights
from ._trees import by_trees, keeping_by_trees
from ._votes import found, part_of

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
    """Check whether the explanations of a model are true of it.

    Parameters
    ----------
    estimator : estimator
        What `explain` takes, except a `PatientClassifier`: pass its `estimators_` one by one. Of a
        vote of trees and others the trees are checked, as they add up to the vote.
    X : array, list, Series or DataFrame
        What `explain` takes: recordings that the model was not trained on.
    y : array of shape (n,) or None, default=None
        True labels; with them, right and wrong predictions are looked at apart.
    segmentation : list of (DataFrame or None), or None, default=None
        Times of S1, systole, S2 and diastole of each recording, as `phase_enrichment` takes them.
        Without it the phases are left out.
    groups : array of shape (n,) or None, default=None
        Subject of each recording, for the intervals; None takes each for a subject of its own.
    label : object, default=None
        Whose contributions; None is the predicted class of each recording.
    relative : bool, default=False
        Use the contributions less their mean over the classes, see `Explanation.of_class`.
        Completeness is that of the contributions themselves.
    checks : "all" or sequence of str, default="all"
        Which to make: "completeness", "randomisation", "deletion" (with insertion), "phases",
        "agreement"; of trees the first, the third and the fourth. For a recording of n cells,
        deletion takes 72 predictions and agreement with occlusion one for each window, so that some
        dozens of recordings are enough for them.
    front_end : LogMelTransformer or None, default=None
        As for `explain`.
    compare : "auto" or sequence of str, default="auto"
        Methods to compare with: "integrated_gradients", "occlusion". "auto" takes both, or
        occlusion alone where captum is not installed.
    random_state : int, RandomState instance or None, default=None
        Draws weights, shifts and resamples.
    verbose : int, default=0
        1 shows progress on standard error.

    Returns
    -------
    DataFrame
        One row for each figure: `check`, `what` (is measured), `of` (which recordings), `value`,
        `low` and `high` (95 % percentile interval, subjects drawn with replacement), `p`
        (one-sided), and the numbers of `recordings` and `subjects` behind it. NaN where a figure
        has none of these.

        - completeness: the largest gap between a logit and the sum of its contributions. It should
          be below 1e-4.
        - randomisation: mean rank correlation (Spearman) of a map with that of the same net whose
          weights were drawn anew, from the head down to the layer named, each from a normal
          distribution of the old weights' mean and deviation, with the moments of these recordings
          in the batch normalisation (Adebayo et al. 2018, cascading). It should fall towards 0: a
          map that stays does not come from what was learnt.
        - deletion, insertion: area between the curves of the class's probability when
          cells are replaced by the training mean (of trees, cells of the average cycle by their
          mean over these recordings, so that one alone gives NaN, and the probability is that of
          the trees), or put into it, in the order of the map, and in
          the order of maps of the same smoothness: the map itself, shifted circularly in time and
          frequency (Petsiuk et al. 2018). It should be above 0; `p` is Wilcoxon's signed-rank test
          over subjects.
        - phase enrichment: mean over the recordings of `phase_enrichment`, of all, of right and
          wrong predictions and of each true class. 1 is chance; `p` is the share of random shifts
          with a mean as large.
        - agreement: mean rank correlation with the other methods, on cells that fit both; with
          `segmentation`, the phase enrichment of the other methods too. Where attention and they
          name different phases, the model looks at one place and decides at another: a cell of the
          map sees more of the sound than it covers.

    Raises
    ------
    ValueError
        If y, segmentation or groups have another length than X, or a check or method is unknown.
    TypeError
        If the estimator is none that can be checked.

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
    from tqdm import tqdm

    everything = isinstance(checks, str) and checks == "all"
    estimator = found(estimator)
    trees = _trees_of(estimator)
    known = CHECKS if trees is None else CHECKS_OF_TREES
    checks = known if everything else _chosen("checks", checks, known)
    methods = _methods(compare) if "agreement" in checks else ()
    rng = check_random_state(random_state)
    clf = parts_of(estimator)[1] if trees is None else None
    explanations = explain(estimator, X, front_end=front_end)
    n = len(explanations)
    groups = np.arange(n) if groups is None else _as_long(groups, "groups", n)
    run = _Run(
        clf,
        None if clf is None else np.stack([e.features for e in explanations]),
        partial(keeping_by_trees, trees, X),
        explanations,
        _as_long(y, "y", n),
        _as_long(segmentation, "segmentation", n, convert=list),
        label,
        relative,
        _Shares(groups, rng),
        rng,
    )
    steps = {
        "completeness": _completeness,
        "randomisation": _randomisation,
        "deletion": _deletion,
        "phases": _enrichment,
    }
    steps = {check: step for check, step in steps.items() if check in checks}
    steps |= dict.fromkeys(methods, _agreement)
    rows = []
    for name, step in tqdm(steps.items(), desc="checks", disable=not verbose):
        rows += step(run, name) if step is _agreement else step(run)
    return pd.DataFrame(rows, columns=COLUMNS)


def _trees_of(estimator):
    """The pipeline of trees that is explained, by itself or in a vote, or None."""
    if isinstance(estimator, VotingClassifier):
        part = part_of(estimator, None)
        return part.estimator if part.method == "decision_path" else None
    return estimator if by_trees(estimator) else None


class _Run(NamedTuple):
    """What the checks of one call share; of trees there is no net, but cells of a cycle."""

    clf: object
    features: np.ndarray | None
    make_keeping: object
    explanations: list
    y: np.ndarray | None
    segmentation: list | None
    label: object
    relative: bool
    share: _Shares
    rng: np.random.RandomState

    def maps(self, explanations=None):
        """The maps that are looked at; other nets may predict another class."""
        return [
            other.of_class(own.label if self.label is None else self.label, relative=self.relative)
            for own, other in zip(self.explanations, explanations or self.explanations, strict=True)
        ]


class _Shares:
    """Intervals of means over recordings, subjects drawn with replacement."""

    def __init__(self, groups, rng):
        self.groups = np.unique(groups, return_inverse=True)[1]
        self._rng = rng

    def row(self, check, what, of, values, p=np.nan):
        """A row of the table: the mean of what is known, NaN left out."""
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

    def by_subject(self, values):
        """Mean of each subject."""
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
    """Rank correlation of each map with that of nets whose weights are drawn anew, head first."""
    rows = []
    for layer, twin in with_new_weights(run.clf, run.features, run.rng):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of heads without attention, said once already
            others = run.maps(explain(twin, run.features))
        values = [_correlation(*pair) for pair in zip(run.maps(), others, strict=True)]
        what = f"from the head to {layer}"
        rows.append(run.share.row("randomisation", what, "all", np.array(values)))
    return rows


def _deletion(run):
    numbers = [e.class_index(run.label) for e in run.explanations]
    if run.clf is None and len(run.explanations) < 2:  # it is the mean that would replace it
        what = "area gained on shifted maps"
        return [
            run.share.row(name, what, "all", np.full(1, np.nan))
            for name in ("deletion", "insertion")
        ]
    if run.clf is None:
        keeping, shape, cell = run.make_keeping(), run.explanations[0].cycle.features.shape, (1, 1)
        maps = [e.cycle.contribution[k] for e, k in zip(run.explanations, numbers, strict=True)]
    else:
        keeping, shape = keeping_by_net(run.clf, run.features), run.features.shape[1:]
        cell, maps = run.explanations[0].cell, run.maps()
    return deletion_and_insertion(keeping, shape, maps, cell, numbers, run.share, run.rng)


def _agreement(run, method):
    """Rank correlation with another method, and where in the heart cycle that one lies."""
    others = [
        replace(other, times=own.times, start=own.start, duration=own.duration)
        for own, other in zip(
            run.explanations, explain(run.clf, run.features, method=method), strict=True
        )
    ]
    values = [
        _correlation(*_on_one_grid(own, e.cell, theirs, other.cell))
        for e, own, other, theirs in zip(
            run.explanations, run.maps(), others, run.maps(others), strict=True
        )
    ]
    rows = [run.share.row("agreement", method, "all", np.array(values))]
    return rows + _enrichment(run, others, f"phase enrichment, {method}")


def _on_one_grid(own, own_cell, other, other_cell):
    """Two maps as sums over the coarser of their cells in each direction."""
    for axis in (0, 1):
        size, theirs = own_cell[axis], other_cell[axis]
        if size % theirs and theirs % size:
            own, other, size, theirs = _resampled(own, other, axis, size, theirs)
        if theirs < size:
            other = _pooled(other, axis, size // theirs)
        else:
            own = _pooled(own, axis, theirs // size)
        n = min(own.shape[axis], other.shape[axis])
        own, other = own.take(range(n), axis), other.take(range(n), axis)
    return own, other


def _resampled(own, other, axis, size, theirs):
    """Both maps cell by cell of the input, then summed over cells that hold whole ones of both."""
    both = int(np.lcm(size, theirs))
    fine = own.repeat(size, axis) / size, other.repeat(theirs, axis) / theirs
    return *(_pooled(part, axis, both) for part in fine), both, both


def _pooled(maps, axis, n):
    """Sums of n neighbours; what is left over at the end is dropped."""
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


def _parts(run):
    """Which recordings to look at, by name."""
    chosen = {"all": np.ones(len(run.explanations), bool)}
    if run.y is not None:
        labels = [e.label for e in run.explanations]
        pairs = zip(labels, run.y, strict=True)
        right = np.array([label == true or str(label) == str(true) for label, true in pairs])
        chosen |= {"right": right, "wrong": ~right}
        chosen |= {f"true {value}": run.y == value for value in np.unique(run.y)}
    return chosen


def _enrichment(run, explanations=None, check="phase enrichment"):
    """Mean enrichment of each phase, for each part of the recordings."""
    if run.segmentation is None:
        return []
    explanations = explanations or run.explanations
    values = np.full((len(explanations), len(PHASES)), np.nan)
    null = np.full((len(explanations), N_SHIFTS, len(PHASES)), np.nan)
    for row, (e, own) in enumerate(zip(explanations, run.explanations, strict=True)):
        label = own.label if run.label is None else run.label
        if (table := run.segmentation[row]) is not None:
            values[row], null[row], _ = enrichments(
                e, table, label, run.relative, N_SHIFTS, run.rng
            )
    rows = []
    for name, kept in _parts(run).items():
        p = chance(mean_of_known(values[kept]), mean_of_known(null[kept]))
        for number, phase in enumerate(PHASES):
            of_phase = np.where(kept, values[:, number], np.nan)
            rows.append(run.share.row(check, phase, name, of_phase, p[number]))
    return rows


def _methods(compare):
    if not isinstance(compare, str) or compare != "auto":
        return _chosen("compare", compare, METHODS)
    if importlib.util.find_spec("captum") is None:
        warnings.warn(
            "captum is not installed: agreement with integrated gradients is left out. pip install "
            '"skheart[explain]" brings it.',
            UserWarning,
            stacklevel=3,
        )
        return ("occlusion",)
    return METHODS


def _chosen(name, value, known):
    chosen = (value,) if isinstance(value, str) else tuple(value)
    if unknown := [one for one in chosen if one not in known]:
        raise ValueError(f"{name}={unknown[0]!r} must be some of {', '.join(known)}.")
    return chosen


def _as_long(values, name, n, convert=np.asarray):
    if values is None:
        return None
    values = convert(values)
    if len(values) != n:
        raise ValueError(
            f"X has {n} recordings and {name} {len(values)} entries: give one for each."
        )
    return values
