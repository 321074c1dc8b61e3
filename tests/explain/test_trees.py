"""explain for trees on average heart cycles: exact sums, at the time that decided."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from skheart.datasets import make_heart_sounds
from skheart.explain import (
    CannotExplain,
    check_explainable,
    explain,
    explain_checks,
    phase_enrichment,
)
from skheart.explain._trees import make_cycle_predictor, path_contributions
from skheart.segmentation import PHASES


def walk(forest, row):
    """Path contributions by a walk from the root of every tree, split by split."""
    trees = getattr(forest, "estimators_", [forest])
    prior, found = 0, np.zeros((len(row), len(forest.classes_)))
    for tree in (each.tree_ for each in trees):
        at = 0
        shares = tree.value[0, 0] / tree.value[0, 0].sum()
        prior = prior + shares / len(trees)
        while tree.children_left[at] != -1:
            asked = tree.feature[at]
            left = row[asked] <= tree.threshold[at]
            at = tree.children_left[at] if left else tree.children_right[at]
            now = tree.value[at, 0] / tree.value[at, 0].sum()
            found[asked] += (now - shares) / len(trees)
            shares = now
    return prior, found


@pytest.mark.parametrize(
    "trees",
    [
        ExtraTreesClassifier(7, random_state=0),
        RandomForestClassifier(7, max_depth=3, class_weight="balanced", random_state=0),
        RandomForestClassifier(3, max_leaf_nodes=5, random_state=0),  # nodes in another order
        DecisionTreeClassifier(random_state=0),
        DecisionTreeClassifier(max_depth=1, random_state=0),
    ],
    ids=["extra", "random", "best first", "tree", "stump"],
)
def test_paths_are_those_of_a_walk_and_add_up_to_the_probabilities(trees):
    rng = np.random.default_rng(0)
    y = rng.choice(["a", "b", "c"], size=80, p=[0.5, 0.3, 0.2])
    X = rng.normal(size=(80, 6)).astype("float32") + (y == "b")[:, None] * [1, 0, 0, 0, 0, 0.5]
    X = X.astype("float32")
    trees.fit(X[:60], y[:60])
    prior, contributions = path_contributions(trees, X[60:])
    expected = trees.predict_proba(X[60:])
    np.testing.assert_allclose(prior + contributions.sum(axis=1), expected, atol=1e-12)
    for row, found in zip(X[60:], contributions, strict=True):
        walked = walk(trees, row)
        np.testing.assert_allclose(prior, walked[0], atol=1e-12)
        np.testing.assert_allclose(found, walked[1], atol=1e-12)


def test_contributions_and_terms_sum_to_the_probability(segmented, forest):
    data = segmented[0].data
    found = explain(forest, data[:6])
    for one, probabilities in zip(found, forest.predict_proba(data[:6]), strict=True):
        assert (one.method, one.scale, one.part) == ("decision_path", "probability", None)
        for maps in (one.contribution, one.head.contribution, one.cycle.contribution):
            np.testing.assert_allclose(maps.sum((1, 2)) + one.base, probabilities, atol=1e-5)
        np.testing.assert_allclose(one.probabilities, probabilities, atol=1e-9)
        np.testing.assert_allclose(one.logits, one.probabilities)
        np.testing.assert_allclose(sum(one.terms.values()), one.base)
        assert list(one.terms) == ["prior", "rhythm"]
        assert one.label == forest.classes_[probabilities.argmax()]
        assert one.attention is None
        assert one.class_map is None


def test_a_split_on_one_cell_shows_in_that_part_of_each_beat(segmented, cycle):
    """A stump uses one column; compared with a loop over the phases found."""
    sounds, segmenter = segmented
    names = list(cycle.get_feature_names_out())
    features = cycle.transform(sounds.data)
    n_mels = segmenter.n_mels
    for name, phase, first, last in (
        ("mean_systole2_mel3", "systole", 2 / 6, 3 / 6),
        ("deviation_S11_mel7", "S1", 1 / 2, 1),
        ("quiet_mel4", "diastole", 2 / 8, 1),
    ):
        column = names.index(name)
        y = np.where(features[:, column] > np.median(features[:, column]), "more", "less")
        only = np.zeros_like(features)
        only[:, column] = features[:, column]
        stump = DecisionTreeClassifier(max_depth=1).fit(only, y)
        assert stump.tree_.feature[0] == column
        one = explain(make_pipeline(cycle, stump), sounds.data[:1])[0]
        mel = int(name.rpartition("mel")[2])
        table = segmenter.predict(sounds.data[:1])[0].iloc[1:-1]  # those that are whole
        inside = np.zeros(len(one.times), bool)
        for row in table[table["state"] == phase].itertuples():
            low = row.start + first * (row.end - row.start)
            high = row.start + last * (row.end - row.start)
            inside |= (one.times > low - 0.02) & (one.times < high + 0.02)
        found = np.abs(one.contribution).sum(axis=0)
        assert inside.mean() < 0.7
        np.testing.assert_allclose(found[~inside], 0)
        np.testing.assert_allclose(np.delete(found, mel, axis=1), 0)
        assert (found[:, mel] > 0).any()
        more = one.class_index("more")
        expected = 0.5 if features[0, column] > np.median(features[:, column]) else -0.5
        assert one.contribution[more].sum() == pytest.approx(expected, abs=0.05)
        assert one.cycle.contribution.shape == (2, 18, n_mels)


def test_the_average_cycle_agrees_with_the_features(segmented, cycle, forest):
    one = explain(forest, segmented[0].data[3:4])[0]
    n_mels = segmented[1].n_mels
    row = cycle.transform(segmented[0].data[3:4])[0]
    quiet = row[18 * n_mels : 19 * n_mels]
    means = row[: 18 * n_mels].reshape(18, n_mels) + quiet
    np.testing.assert_allclose(one.cycle.features, means, atol=1e-4)
    assert one.cycle.phases.tolist() == np.repeat(PHASES, (2, 6, 2, 8)).tolist()
    lengths = dict(zip(cycle.get_feature_names_out(), row, strict=True))
    ends = one.cycle.edges[[2, 8, 10, 18]]
    expected = np.cumsum([lengths[f"mean_length_{phase}"] for phase in PHASES]) * 64 / 4000
    np.testing.assert_allclose(ends, expected, rtol=1e-5)
    assert one.cycle.edges[0] == 0
    shares = one.cycle.shares
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(shares @ one.features, means, atol=1e-4)
    spread = np.einsum("kcm,cf->kfm", one.cycle.contribution, shares)
    np.testing.assert_allclose(one.contribution, spread, atol=1e-7)
    np.testing.assert_array_equal(one.signal, np.float32(segmented[0].data[3]))
    assert (one.sr, one.start, one.duration) == (4000, 0, len(segmented[0].data[3]) / 4000)


def test_a_systolic_murmur_is_located_in_the_systole(segmented, forest):
    sounds = segmented[0]
    rows = np.flatnonzero(sounds.target == "severe")
    found = explain(forest, [sounds.data[row] for row in rows])
    enriched = [
        phase_enrichment(one, sounds.segmentation[row], label="severe", random_state=0)
        for one, row in zip(found, rows, strict=True)
    ]
    assert np.mean([table.enrichment[1] for table in enriched]) > 1.5


def test_recordings_of_any_form(segmented, forest, tmp_path):
    import soundfile

    samples = np.round(np.clip(segmented[0].data[0], -1, 1) * 32767).astype(np.int16)
    path = str(tmp_path / "heart.wav")
    soundfile.write(path, samples, 4000)
    expected = explain(forest, [samples])[0]
    for X in ([path], pd.DataFrame({"path": [path]})):
        one = explain(forest, X)[0]
        assert one.recording == path
        np.testing.assert_allclose(one.contribution, expected.contribution, atol=1e-7)
        np.testing.assert_allclose(one.signal, expected.signal, atol=1e-6)
    short = explain(forest, [segmented[0].data[0][:400]])[0]
    total = short.contribution.sum((1, 2)) + short.base
    np.testing.assert_allclose(
        total, forest.predict_proba([segmented[0].data[0][:400]])[0], atol=1e-5
    )


def test_models_that_cannot_be_explained_are_refused(segmented, cycle, forest, vote):
    data, y = segmented[0].data, segmented[0].target
    net = vote.named_estimators_["net"]
    lines = make_pipeline(cycle, LogisticRegression(max_iter=3000)).fit(data, y)
    hard = clone(vote).set_params(voting="hard").fit(data, y)
    only = clone(vote).set_params(net="drop").fit(data, y)
    for estimator, method, parameter, message in (
        (forest, "attention", "method", "'attention' cannot explain Extra.*use decision_path"),
        (net, "decision_path", "method", "cannot explain AttentionCNN.*use attention, integ"),
        (lines, None, "estimator", "LogisticRegression is not supported.*scikit-learn forest"),
        (hard, None, "estimator", "VotingClassifier has voting='hard'.*voting='soft'"),
        (only, "attention", "method", r"'attention' cannot explain any of forest \(ExtraTrees"),
    ):
        with pytest.raises(CannotExplain, match=f"^{parameter}=.*{message}") as caught:
            check_explainable(estimator, method)
        assert caught.value.parameter == parameter
        assert caught.value.value is (method if parameter == "method" else estimator)
        assert str(caught.value).endswith(caught.value.reason)
    for unfitted in (clone(forest), clone(vote)):
        with pytest.raises(NotFittedError):
            explain(unfitted, data)
    with pytest.raises(ValueError, match="'decision_path' has no option 'n_steps'. It has no opt"):
        explain(forest, data, n_steps=3)
    with pytest.raises(CannotExplain, match="LogisticRegression is not supported"):
        explain_checks(lines, data)
    net_first = clone(vote).set_params(weights=[1, 3]).fit(data, y)
    with pytest.raises(CannotExplain, match="averages probabilities.*Pass the network"):
        explain_checks(net_first, data)
    with pytest.raises(ValueError, match="'agreement' must be some of completeness, deletion, pha"):
        explain_checks(forest, data, checks=["agreement"])


def test_checks_of_trees(segmented, forest):
    held_out = make_heart_sounds(n_subjects=10, duration=4, random_state=7)
    data, groups = held_out.data, held_out.groups
    table = explain_checks(
        forest, data, held_out.target, held_out.segmentation, groups=groups, random_state=0
    )
    right = (forest.predict(data) == held_out.target).sum()
    assert table.check.unique().tolist() == [
        "completeness", "deletion", "insertion", "phase enrichment",
    ]  # fmt: skip
    rows = table.set_index(["check", "of", "what"])
    assert rows.loc[("completeness", "all", "largest gap"), "value"] < 1e-5
    for check in ("deletion", "insertion"):
        row = rows.loc[(check, "all", "area gained on shifted maps")]
        assert row.low > 0.02
        assert row.p < 0.01
        assert row.subjects == 10
    assert rows.loc[("phase enrichment", "right", "systole"), "recordings"] <= right
    one = explain(forest, data[:1])[0]
    np.testing.assert_allclose(one.of_class(relative=True), one.of_class(), atol=1e-7)
    alone = explain_checks(forest, data[:1], checks="deletion", random_state=0)
    assert alone.value.isna().all()
    assert alone.check.tolist() == ["deletion", "insertion"]


def test_the_trees_of_a_vote_are_checked_as_they_add_up_to_it(segmented, vote):
    held_out = make_heart_sounds(n_subjects=6, duration=4, random_state=7)
    given = held_out.data, held_out.target, held_out.segmentation
    table = explain_checks(vote, *given, label="severe", random_state=0)
    rows = table.set_index(["check", "of", "what"]).sort_index()
    assert rows.loc[("completeness", "all", "largest gap"), "value"] < 1e-5
    assert rows.loc[("deletion", "all", "area gained on shifted maps"), "value"] > 0.02
    found = explain(vote, held_out.data)
    for of, right in (("right", True), ("wrong", False)):
        known = [
            np.maximum(one.of_class("severe"), 0).any() and (one.label == true) == right
            for one, true in zip(found, held_out.target, strict=True)
        ]
        assert rows.loc[("phase enrichment", of, "systole"), "recordings"] == sum(known)


def test_trees_that_were_fitted_to_a_dataframe(segmented, cycle):
    data, y = segmented[0].data, segmented[0].target
    model = make_pipeline(clone(cycle), ExtraTreesClassifier(5, random_state=0))
    model.set_output(transform="pandas").fit(data, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = explain(model, data[:2])[0]
        table = explain_checks(model, data[:3], checks="deletion", random_state=0)
    np.testing.assert_allclose(one.probabilities, model.predict_proba(data[:2])[0])
    assert table.value.notna().all()


def test_deleted_cells_get_the_mean_over_the_recordings(segmented, cycle, forest):
    data = segmented[0].data[:5]
    keeping = make_cycle_predictor(forest, data)
    features, n_mels = cycle.transform(data), segmented[1].n_mels
    names = list(cycle.get_feature_names_out())
    cells = [f"{phase}{k}" for phase, n in zip(PHASES, (2, 6, 2, 8), strict=True) for k in range(n)]
    kept = np.random.default_rng(0).random((3, 18, n_mels)) < 0.5
    rows = np.repeat(features[2:3], 3, axis=0)
    for row, cell, mel in zip(*np.nonzero(~kept), strict=True):
        for kind in ("mean", "deviation"):
            column = names.index(f"{kind}_{cells[cell]}_mel{mel}")
            rows[row, column] = features[:, column].mean()
    np.testing.assert_allclose(keeping(2, kept), forest[-1].predict_proba(rows))
    whole = np.ones((1, 18, n_mels), bool)
    np.testing.assert_allclose(keeping(2, whole), forest.predict_proba(data[2:3]))
