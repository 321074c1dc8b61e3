"""explain for trees on average heart cycles: exact sums, in the place that decided."""

import warnings

import numpy as np
import pandas as pd
import pytest
from phases import fitted_segmenter
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

import skheart
from skheart import AttentionCNNClassifier, LogMelTransformer, PatientClassifier
from skheart.cycles import HeartCycleTransformer
from skheart.datasets import make_heart_sounds
from skheart.explain import explain, explain_checks, phase_enrichment
from skheart.explain._members import averaged
from skheart.explain._trees import keeping_by_trees, path_contributions
from skheart.segmentation import PHASES, HeartPhaseSegmenter


@pytest.fixture(scope="module")
def sounds():
    return fitted_segmenter(n_subjects=12, width=16, max_epochs=40, batch_size=4, crop=2.0, lr=6e-3)


@pytest.fixture(scope="module")
def cycle(sounds):
    return HeartCycleTransformer(FrozenEstimator(sounds[1])).fit(sounds[0].data)


@pytest.fixture(scope="module")
def forest(sounds, cycle):
    trees = ExtraTreesClassifier(20, max_features=0.4, random_state=0)
    return make_pipeline(cycle, trees).fit(sounds[0].data, sounds[0].target)


@pytest.fixture(scope="module")
def vote(sounds, forest):
    net = make_pipeline(
        LogMelTransformer(duration=2, n_mels=16),
        AttentionCNNClassifier(channels=(4, 8), max_epochs=1, random_state=0, device="cpu"),
    )
    parts = [("forest", clone(forest)), ("net", net)]
    model = VotingClassifier(parts, voting="soft", weights=[3, 1])
    return model.fit(sounds[0].data, sounds[0].target)


def by_walking(forest, row):
    """The same by a walk from the root of every tree, question by question."""
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
        walked = by_walking(trees, row)
        np.testing.assert_allclose(prior, walked[0], atol=1e-12)
        np.testing.assert_allclose(found, walked[1], atol=1e-12)


def test_all_adds_up_to_the_probability_of_the_forest(sounds, forest):
    data = sounds[0].data
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


def test_a_question_about_one_cell_shows_in_that_part_of_each_beat(sounds, cycle):
    """A stump asks for one column; by a plain loop over the phases found."""
    sounds, segmenter = sounds
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


def test_the_average_cycle_is_what_the_columns_say(sounds, cycle, forest):
    one = explain(forest, sounds[0].data[3:4])[0]
    n_mels = sounds[1].n_mels
    row = cycle.transform(sounds[0].data[3:4])[0]
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
    np.testing.assert_array_equal(one.signal, np.float32(sounds[0].data[3]))
    assert (one.sr, one.start, one.duration) == (4000, 0, len(sounds[0].data[3]) / 4000)


def test_a_murmur_in_the_systole_is_found_there(sounds, forest):
    """In recordings of severe murmurs; 1 is what a map gives that knows nothing of the heart."""
    sounds = sounds[0]
    rows = np.flatnonzero(sounds.target == "severe")
    found = explain(forest, [sounds.data[row] for row in rows])
    enriched = [
        phase_enrichment(one, sounds.segmentation[row], label="severe", random_state=0)
        for one, row in zip(found, rows, strict=True)
    ]
    assert np.mean([table.enrichment[1] for table in enriched]) > 1.5


def test_a_part_of_a_vote_adds_up_to_the_vote(sounds, vote):
    data = sounds[0].data[:4]
    parts = vote.named_estimators_
    said = parts["net"].predict_proba(data) / 4
    for row, (one, probabilities) in enumerate(
        zip(explain(vote, data), vote.predict_proba(data), strict=True)
    ):
        alone = explain(parts["forest"], data[row : row + 1])[0]
        assert (one.part, one.method) == ("forest", "decision_path")
        for maps in (one.contribution, one.cycle.contribution):
            np.testing.assert_allclose(maps.sum((1, 2)) + one.base, probabilities, atol=1e-5)
        np.testing.assert_allclose(one.contribution, 0.75 * alone.contribution, atol=1e-7)
        np.testing.assert_allclose(one.terms["vote of net"], said[row], atol=1e-6)
        np.testing.assert_allclose(one.terms["prior"], 0.75 * alone.terms["prior"])
        np.testing.assert_allclose(sum(one.terms.values()), one.base, atol=1e-12)
        assert one.label == vote.classes_[probabilities.argmax()]
        assert one.class_index("severe") == 2


def test_a_net_in_a_vote_is_explained_by_itself(sounds, vote):
    data = sounds[0].data[:2]
    for method in ("attention", "occlusion"):
        for one, alone in zip(
            explain(vote, data, method=method),
            explain(vote.named_estimators_["net"], data, method=method),
            strict=True,
        ):
            np.testing.assert_array_equal(one.contribution, alone.contribution)
            np.testing.assert_array_equal(one.probabilities, alone.probabilities)
            assert (one.part, one.scale, one.terms) == ("net", "logit", None)
            assert one.label == vote.classes_[alone.logits.argmax()]
            assert one.classes.tolist() == vote.classes_.tolist()


@pytest.mark.parametrize("level", ["recording", "patient"])
def test_members_are_averaged_as_they_predict(sounds, vote, level):
    """By logarithms, which the arithmetic mean of the maps does not know: a term says so."""
    sounds = sounds[0]
    model = PatientClassifier(clone(vote), n_estimators=2, level=level, random_state=0)
    model.set_params(decision_weight={"mild": 9, "normal": 1, "severe": 1}, join=True)
    model.fit(sounds.data, sounds.target, groups=sounds.groups)
    data = sounds.data[:6]
    expected = model.predict_proba(data)
    parts = [explain(each, data) for each in model.estimators_]
    for row, (one, label) in enumerate(zip(explain(model, data), model.predict(data), strict=True)):
        np.testing.assert_allclose(one.probabilities, expected[row], atol=1e-6)
        total = one.contribution.sum((1, 2)) + one.base
        np.testing.assert_allclose(total, expected[row], atol=1e-5)
        np.testing.assert_allclose(sum(one.terms.values()), one.base, atol=1e-9)
        mean = np.mean([part[row].probabilities for part in parts], axis=0)
        np.testing.assert_allclose(one.terms["members"], expected[row] - mean, atol=1e-6)
        pair = [part[row].cycle.contribution for part in parts]
        assert not np.allclose(*pair)
        np.testing.assert_allclose(one.cycle.contribution, np.mean(pair, axis=0), atol=1e-7)
        np.testing.assert_allclose(one.cycle.edges, parts[0][row].cycle.edges)
        np.testing.assert_array_equal(one.cycle.shares, parts[0][row].cycle.shares)
        assert one.label == label
        assert len(one.notes) == (level == "patient")
    table = pd.DataFrame({"recording": data, "patient": list("aabbcc")})
    for one, again in zip(explain(model, data), explain(model, table), strict=True):
        np.testing.assert_array_equal(again.contribution, one.contribution)


def test_a_calibrator_decides_the_label(sounds, forest):
    sounds = sounds[0]
    model = PatientClassifier(
        clone(forest), cv=2, calibrator="logistic", decision_weight="balanced", random_state=0
    ).fit(sounds.data, sounds.target, groups=sounds.groups)
    data = sounds.data[:8]
    calibrated = model.predict_proba(data)
    for one, row, label in zip(explain(model, data), calibrated, model.predict(data), strict=True):
        assert one.label == label
        said = ", ".join(f"{name} {p:.3g}" for name, p in zip(model.classes_, row, strict=True))
        assert one.notes[0] == f"Calibrated, they are {said}."


def test_a_search_inside_is_what_it_found(sounds, cycle, forest):
    data, y = sounds[0].data, sounds[0].target
    trees = make_pipeline(cycle, DecisionTreeClassifier(random_state=0))
    search = GridSearchCV(trees, {"decisiontreeclassifier__max_depth": [1, 3]}, cv=2)
    inside = PatientClassifier(search, random_state=0).fit(data, y)
    one = explain(inside, data[:1])[0]
    np.testing.assert_allclose(one.probabilities, inside.predict_proba(data[:1])[0], atol=1e-6)
    voted = VotingClassifier([("a", search), ("b", clone(forest))], voting="soft", weights=[2, 1])
    voted.fit(data, y)
    one = explain(voted, data[:1])[0]
    assert (one.part, list(one.terms)) == ("a", ["prior", "rhythm", "vote of b"])
    np.testing.assert_allclose(one.probabilities, voted.predict_proba(data[:1])[0])
    table = explain_checks(search.fit(data, y), data[:4], checks="completeness")
    assert table.value[0] < 1e-5


@pytest.mark.parametrize("weighed", [None, {"mild": 9, "normal": 0.1, "severe": 0.1}])
def test_patients_are_explained_as_they_are_predicted(sounds, vote, weighed):
    """The recordings of a patient joined; label and probabilities are those of the patient."""
    sounds = sounds[0]
    model = PatientClassifier(clone(vote), join=True, decision_weight=weighed, random_state=0)
    model.fit(sounds.data, sounds.target, groups=sounds.groups)
    rows = [5, 0, 1, 4, 2]
    X = pd.DataFrame({"recording": [sounds.data[row] for row in rows], "patient": list("babaa")})
    expected = model.predict_patients(X)
    found = explain(model, X, by_patient=True)
    assert [one.recording for one in found] == ["patient a", "patient b"]
    for number, one in enumerate(found):
        np.testing.assert_allclose(one.probabilities, expected.probabilities[number], atol=1e-6)
        total = one.contribution.sum((1, 2)) + one.base
        np.testing.assert_allclose(total, one.probabilities, atol=1e-5)
        assert one.label == expected.labels[number]
        assert len(one.notes) == (1 if weighed is None else 2)
    parts = [sounds.data[rows[k]] for k in (1, 3, 4)]
    np.testing.assert_allclose(found[0].signal, np.concatenate(parts), atol=1e-7)
    second, third = (len(parts[0]) / 4000, (len(parts[0]) + len(parts[1])) / 4000)
    assert found[0].notes[0] == (
        f"Joined: recording 1 (from 0.0 s), recording 3 (from {second:.1f} s), recording 4 (from "
        f"{third:.1f} s)."
    )
    if weighed:
        assert "times weight (mild 90, normal 1, severe 1)" in found[0].notes[1]
        assert {one.label for one in found} == {"mild"}
    again = explain(model, list(X["recording"]), groups=list("babaa"), by_patient=True)
    np.testing.assert_array_equal(again[1].contribution, found[1].contribution)
    net = explain(model, X, by_patient=True, method="attention")
    assert [(one.part, one.recording) for one in net] == [
        ("net", "patient a"),
        ("net", "patient b"),
    ]


def test_patients_that_cannot_be_explained(sounds, forest):
    data, y = sounds[0].data, sounds[0].target
    with pytest.raises(TypeError, match=r"join=True.* predicts them. Got Pipeline"):
        explain(forest, data, by_patient=True)
    model = PatientClassifier(clone(forest)).fit(data, y)
    with pytest.raises(TypeError, match="by_patient=True explains the joined recordings"):
        explain(model, data, by_patient=True)
    with pytest.raises(ValueError, match="groups says whose the recordings are.*give both"):
        explain(model, data, groups=np.arange(len(data)))


def test_weights_and_parts_that_were_dropped(sounds, vote):
    data, y = sounds[0].data, sounds[0].target
    even = clone(vote).set_params(weights=None).fit(data, y)
    one = explain(even, data[:1])[0]
    np.testing.assert_allclose(
        one.terms["vote of net"],
        even.named_estimators_["net"].predict_proba(data[:1])[0] / 2,
        atol=1e-6,
    )
    alone = clone(vote).set_params(net="drop").fit(data, y)
    one = explain(alone, data[:1])[0]
    assert list(one.terms) == ["prior", "rhythm"]
    np.testing.assert_allclose(one.probabilities, alone.predict_proba(data[:1])[0])


def test_recordings_of_any_form(sounds, forest, tmp_path):
    """A path, a DataFrame and integers say the same as the samples; phases may be missing."""
    import soundfile

    samples = np.round(np.clip(sounds[0].data[0], -1, 1) * 32767).astype(np.int16)
    path = str(tmp_path / "heart.wav")
    soundfile.write(path, samples, 4000)
    expected = explain(forest, [samples])[0]
    for X in ([path], pd.DataFrame({"path": [path]})):
        one = explain(forest, X)[0]
        assert one.recording == path
        np.testing.assert_allclose(one.contribution, expected.contribution, atol=1e-7)
        np.testing.assert_allclose(one.signal, expected.signal, atol=1e-6)
    short = explain(forest, [sounds[0].data[0][:400]])[0]
    total = short.contribution.sum((1, 2)) + short.base
    np.testing.assert_allclose(total, forest.predict_proba([sounds[0].data[0][:400]])[0], atol=1e-5)


def test_what_cannot_be_explained_so(sounds, cycle, forest, vote):
    data, y = sounds[0].data, sounds[0].target
    with pytest.raises(TypeError, match=r"'attention' cannot explain Extra.*decision_path"):
        explain(forest, data, method="attention")
    net = vote.named_estimators_["net"]
    with pytest.raises(TypeError, match=r"'decision_path' cannot explain AttentionCNN.*leave"):
        explain(net, data, method="decision_path")
    lines = make_pipeline(cycle, LogisticRegression(max_iter=3000)).fit(data, y)
    with pytest.raises(TypeError, match="right after it, a forest or tree.*Got LogisticRegression"):
        explain(lines, data)
    hard = clone(vote).set_params(voting="hard").fit(data, y)
    with pytest.raises(TypeError, match="voting='hard', which counts labels.*voting='soft'"):
        explain(hard, data)
    only = clone(vote).set_params(net="drop").fit(data, y)
    with pytest.raises(
        TypeError, match=r"no part that method=.attention. explains among forest \(ExtraTrees"
    ):
        explain(only, data, method="attention")
    with pytest.raises(NotFittedError):
        explain(clone(forest), data)
    with pytest.raises(NotFittedError):
        explain(clone(vote), data)
    with pytest.raises(ValueError, match="'decision_path' has no option 'n_steps'; it has none"):
        explain(forest, data, n_steps=3)
    with pytest.raises(
        TypeError, match="checks take a fitted.*Got Pipeline|Got LogisticRegression"
    ):
        explain_checks(lines, data)
    with pytest.raises(ValueError, match="'agreement' must be some of completeness, deletion, pha"):
        explain_checks(forest, data, checks=["agreement"])


def test_checks_of_trees(sounds, forest):
    """Of recordings that the forest has not seen: its map says what it decides by."""
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


def test_the_trees_of_a_vote_are_checked_as_they_add_up_to_it(sounds, vote):
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


def test_trees_that_were_fitted_to_a_dataframe(sounds, cycle):
    data, y = sounds[0].data, sounds[0].target
    model = make_pipeline(clone(cycle), ExtraTreesClassifier(5, random_state=0))
    model.set_output(transform="pandas").fit(data, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = explain(model, data[:2])[0]
        table = explain_checks(model, data[:3], checks="deletion", random_state=0)
    np.testing.assert_allclose(one.probabilities, model.predict_proba(data[:2])[0])
    assert table.value.notna().all()


def test_what_is_left_out_of_a_cycle_is_the_mean_over_the_recordings(sounds, cycle, forest):
    data = sounds[0].data[:5]
    keeping = keeping_by_trees(forest, data)
    features, n_mels = cycle.transform(data), sounds[1].n_mels
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


def test_a_saved_model_explains_alike(sounds, vote, tmp_path):
    skheart.save(vote.named_estimators_["forest"], tmp_path / "m")
    one = explain(skheart.load(tmp_path / "m"), sounds[0].data[:1])[0]
    other = explain(vote.named_estimators_["forest"], sounds[0].data[:1])[0]
    np.testing.assert_array_equal(one.contribution, other.contribution)


def test_members_that_find_other_beats_have_no_shares_in_common(sounds, forest):
    """Their maps are means all the same."""
    other = HeartPhaseSegmenter(width=8, max_epochs=1, random_state=5)
    other.fit(sounds[0].data, sounds[0].segmentation)
    cycle = HeartCycleTransformer(FrozenEstimator(other))
    second = make_pipeline(cycle, ExtraTreesClassifier(5, random_state=0))
    second.fit(sounds[0].data, sounds[0].target)
    parts = [explain(model, sounds[0].data[:1]) for model in (forest, second)]
    one = averaged(parts)[0]
    assert one.cycle.shares is None
    pair = [part[0].contribution for part in parts]
    np.testing.assert_allclose(one.contribution, np.mean(pair, axis=0), atol=1e-7)
