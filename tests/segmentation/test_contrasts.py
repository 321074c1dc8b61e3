"""Contrasts of the average cycle: against plain loops, and in explanations and files."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from skheart.explain import explain
from skheart.explain._trees import make_cycle_predictor
from skheart.segmentation import PHASES
from skheart.segmentation._contrasts import make_contrasts


@pytest.fixture(scope="module")
def contrasting(cycle, segmented):
    return clone(cycle).set_params(contrasts=True).fit(segmented[0].data)


@pytest.fixture(scope="module")
def contrasting_forest(contrasting, segmented):
    trees = ExtraTreesClassifier(10, max_features=0.2, random_state=0)
    return make_pipeline(contrasting, trees).fit(segmented[0].data, segmented[0].target)


# Cells of the default cycle, by hand: 2 of S1, 6 of the systole, 2 of S2, 8 of the diastole.
PLACES = {
    "S1": [0, 1],
    "systole": [2, 3, 4, 5, 6, 7],
    "early_systole": [2, 3],
    "middle_systole": [4, 5],
    "late_systole": [6, 7],
    "S2": [8, 9],
    "diastole": [10, 11, 12, 13, 14, 15, 16, 17],
    "early_diastole": [10, 11, 12],
    "middle_diastole": [13, 14, 15],
    "late_diastole": [16, 17],
}


def test_contrasts_are_differences_of_means():
    means = np.random.default_rng(0).normal(size=(18, 32))
    contrasts = make_contrasts(PHASES, (2, 6, 2, 8), 32)
    found = dict(zip(contrasts.column_names(), contrasts.compute(means), strict=True))
    expected = {}
    level = {
        f"{place}_band{band}": np.mean(
            [means[cell, mel] for cell in cells for mel in range(4 * band, 4 * band + 4)]
        )
        for place, cells in PLACES.items()
        for band in range(8)
    }
    for one, value in level.items():
        for other, other_value in level.items():
            (place, band), (other_place, other_band) = (n.split("_band") for n in (one, other))
            if (place == other_place) != (band == other_band):
                expected[frozenset((one, other))] = abs(value - other_value)
    pairs = {frozenset(name.removeprefix("contrast_").split("_less_")): name for name in found}
    assert len(found) == len(pairs) == 10 * 28 + 8 * 45 == 640
    assert set(pairs) == set(expected)
    for pair, name in pairs.items():
        assert abs(found[name]) == pytest.approx(expected[pair])
    name = "contrast_systole_band0_less_systole_band7"
    assert found[name] == pytest.approx(level["systole_band0"] - level["systole_band7"])
    several = np.stack([means, 2 * means])
    np.testing.assert_allclose(contrasts.compute(several)[1], 2 * contrasts.compute(means))


@pytest.mark.parametrize(
    ("n_cells", "n_mels", "n_places", "n_bands"),
    [((1, 1, 1, 1), 1, 4, 1), ((1, 2, 1, 3), 3, 7, 3), ((3, 3, 3, 3), 9, 10, 8)],
)
def test_few_cells_and_mel_bins_have_fewer(n_cells, n_mels, n_places, n_bands):
    contrasts = make_contrasts(PHASES, n_cells, n_mels)
    n_pairs = n_places * n_bands * (n_bands - 1) // 2 + n_bands * n_places * (n_places - 1) // 2
    assert len(contrasts.first) == len(set(contrasts.column_names())) == n_pairs
    np.testing.assert_allclose(contrasts.compute(np.ones((sum(n_cells), n_mels))), 0, atol=1e-12)


def test_they_stand_before_the_rhythm_and_change_no_other_column(segmented, cycle, contrasting):
    data = segmented[0].data[:3]
    plain, more = cycle.transform(data), contrasting.transform(data)
    names = contrasting.get_feature_names_out()
    assert more.shape == (3, len(names)) == (3, plain.shape[1] + 640)
    own = np.char.startswith(names.astype(str), "contrast_")
    assert np.flatnonzero(own).tolist() == list(range(len(names) - 11 - 640, len(names) - 11))
    np.testing.assert_array_equal(more[:, ~own], plain)
    assert names[~own].tolist() == cycle.get_feature_names_out().tolist()
    means = plain[:, : 18 * 32].reshape(3, 18, 32)
    expected = make_contrasts(PHASES, (2, 6, 2, 8), 32).compute(means)
    np.testing.assert_allclose(more[:, own], expected, atol=1e-5)


def test_contrasts_are_shared_by_their_two_parts(segmented, contrasting, contrasting_forest):
    data = segmented[0].data[:4]
    for one, probabilities in zip(
        explain(contrasting_forest, data), contrasting_forest.predict_proba(data), strict=True
    ):
        for maps in (one.contribution, one.cycle.contribution):
            np.testing.assert_allclose(maps.sum((1, 2)) + one.base, probabilities, atol=1e-5)
    features = contrasting.transform(segmented[0].data)
    names = contrasting.get_feature_names_out().tolist()
    column = names.index("contrast_late_systole_band1_less_S2_band1")
    only = np.zeros_like(features)
    only[:, column] = features[:, column]
    y = np.where(features[:, column] > np.median(features[:, column]), "more", "less")
    stump = DecisionTreeClassifier(max_depth=1).fit(only, y)
    assert stump.tree_.feature[0] == column
    of_cells = explain(make_pipeline(contrasting, stump), data[:1])[0].cycle.contribution[0]
    means = features[0, : 18 * 32].reshape(18, 32)
    late, second = (abs(means[rows, 4:8].mean()) for rows in (slice(6, 8), slice(8, 10)))
    expected = np.zeros((18, 32))
    expected[6:8, 4:8] = late / (late + second) / 8
    expected[8:10, 4:8] = second / (late + second) / 8
    assert 0.05 < late / (late + second) < 0.95
    np.testing.assert_allclose(of_cells, expected * of_cells.sum(), atol=1e-6)
    assert abs(of_cells.sum()) == pytest.approx(0.5, abs=0.05)


def test_parts_that_are_both_silent_get_half_each():
    contrasts = make_contrasts(PHASES, (1, 1, 1, 1), 1)
    found = contrasts.distribute(np.eye(6)[:, :1], np.zeros((4, 1)))  # of S1 less systole
    np.testing.assert_allclose(found[:, 0, 0], [0.5, 0.5, 0, 0])


def test_cells_left_out_of_a_cycle_are_left_out_of_contrasts(segmented, contrasting):
    """Of trees that ask for contrasts alone."""
    data, y = segmented[0].data, segmented[0].target
    features = contrasting.transform(data)
    n, contrasts = 18 * 32, make_contrasts(PHASES, (2, 6, 2, 8), 32)
    only = np.zeros_like(features)
    only[:, 2 * n + 32 : -11] = features[:, 2 * n + 32 : -11]
    trees = ExtraTreesClassifier(10, random_state=0).fit(only, y)
    kept = np.random.default_rng(0).random((3, 18, 32)) < 0.5
    keeping = make_cycle_predictor(make_pipeline(contrasting, trees), data)
    mean = features[:, :n].mean(axis=0)
    means = np.where(kept.reshape(3, n), features[2, :n], mean)
    rows = np.zeros((3, features.shape[1]))
    rows[:, 2 * n + 32 : -11] = contrasts.compute(means.reshape(3, 18, 32))
    expected = trees.predict_proba(rows)
    np.testing.assert_allclose(keeping(2, kept), expected)
    nothing = np.zeros((1, 18, 32), bool)
    for row in range(1, len(data)):  # all the same, whatever they were
        np.testing.assert_array_equal(keeping(row, nothing), keeping(0, nothing))
    assert len(np.unique(trees.predict(only))) > 1
