"""explain_checks on networks whose behaviour is known, and against loops."""

import contextlib
import importlib.util
import itertools
from functools import partial

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import spearmanr

from skheart import make_heart_pipeline
from skheart.datasets import make_heart_sounds
from skheart.explain import _checks, _deletion, explain, explain_checks, phase_enrichment
from skheart.explain._random_weights import randomise_weights


def murmurs(n_subjects, seed):
    sounds = make_heart_sounds(
        n_subjects, recordings_per_subject=1, duration=3, difficulty=0.2, weights=(1, 0, 1),
        random_state=seed,
    )  # fmt: skip
    sounds.target = np.where(sounds.target == "normal", "normal", "murmur")
    return sounds


def trained(sounds, target, model="cnn", epochs=12, seed=0, **settings):
    pipeline = make_heart_pipeline(model, random_state=seed).set_params(
        logmel__duration=3, clf__max_epochs=epochs, clf__lr=3e-3, clf__lr_schedule="one_cycle",
        **settings,
    )  # fmt: skip
    return pipeline.fit(sounds.data, target)


@pytest.fixture(scope="module")
def fine():
    sounds = murmurs(120, 0)
    return trained(sounds, sounds.target, clf__channels=(16, 32, 32), clf__pool_size="fine")


@pytest.fixture(scope="module")
def held_out():
    return murmurs(24, 1)


@pytest.fixture(scope="module")
def table(fine, held_out):
    return explain_checks(
        fine, held_out.data, held_out.target, held_out.segmentation, label="murmur", relative=True,
        random_state=0,
    )  # fmt: skip


def one(table, check, what, of="all"):
    rows = table[(table.check == check) & (table.what == what) & (table.of == of)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_a_fine_network_trained_on_murmurs_explains_them_by_systole(table):
    row = one(table, "phase enrichment", "systole", "true murmur")
    assert row.value > 1.5
    assert row.p < 0.01
    assert row.low < row.value < row.high
    assert one(table, "phase enrichment", "diastole", "true murmur").p > 0.5


def test_networks_trained_on_shuffled_labels_do_not(held_out):
    # On average: a single network may detect the murmur and give it either sign.
    sounds, found = murmurs(400, 0), []
    for seed in range(3):
        rng, target = np.random.RandomState(seed), sounds.target.copy()
        for label in ("murmur", "normal"):  # half of each class gets the other label
            rows = rng.permutation(np.flatnonzero(sounds.target == label))
            target[rows[::2]], target[rows[1::2]] = "murmur", "normal"
        settings = {"clf__channels": (16, 32, 32), "clf__pool_size": "fine"}
        shuffled = trained(sounds, target, epochs=6, seed=seed, **settings)
        checks = explain_checks(
            shuffled, held_out.data, held_out.target, held_out.segmentation, label="murmur",
            relative=True, checks="phases", random_state=0,
        )  # fmt: skip
        found.append(one(checks, "phase enrichment", "systole", "true murmur").value)
    assert np.mean(found) < 1.5


def test_its_map_passes_completeness_and_deletion(table):
    for check in ("deletion", "insertion"):
        row = one(table, check, "area gained on shifted maps")
        assert row.low > 0
        assert row.p < 0.01
    gap = one(table, "completeness", "largest gap").value
    assert 0 <= gap < 1e-4


def test_maps_change_with_random_weights(table):
    rows = table[table.check == "randomisation"]
    assert rows.what.str.removeprefix("from the head to ").tolist() == [
        "itself", "layer 3", "layer 2", "layer 1",
    ]  # fmt: skip
    assert (rows.value.abs() < 0.5).all()


def test_weights_are_randomised_layer_by_layer_in_a_copy(fine):
    clf = fine[-1]
    before = {k: v.clone() for k, v in clf.net_.module_.state_dict().items()}
    changed = []
    features = fine[:-2].transform(murmurs(4, 2).data)
    for _, twin in randomise_weights(clf, features, np.random.RandomState(0)):
        weights = twin.net_.module_.state_dict()
        changed.append({k for k, v in weights.items() if not torch.equal(v, before[k])})
        for name in changed[-1]:
            if weights[name].numel() > 500 and "running" not in name:
                assert 0.8 < weights[name].std() / before[name].std() < 1.2
    moments = {k for k in before if "running" in k or "tracked" in k}
    assert changed[0] - moments == {k for k in before if k.startswith("head.")}
    assert all(a - moments < b - moments for a, b in itertools.pairwise(changed))
    with torch.no_grad():  # batch statistics after the first layer
        maps = twin.net_.module_.convs[0](torch.from_numpy(features)[:, None])
    moment = twin.net_.module_.norms[0].running_mean
    torch.testing.assert_close(moment, maps.mean((0, 2, 3)), rtol=1e-3, atol=1e-4)
    assert {k.partition(".")[0] for k in changed[-1]} == {"head", "convs", "norms"}
    assert all(torch.equal(v, before[k]) for k, v in clf.net_.module_.state_dict().items())


def test_curves_are_those_of_a_loop(fine, held_out, monkeypatch):
    monkeypatch.setattr(_deletion, "FRACTIONS", np.array([0, 0.25, 1.0]))
    clf, explanation = fine[-1], explain(fine, held_out.data[:1])[0]
    x, order, (frames, mels) = explanation.features, explanation.of_class(), explanation.cell
    deletion, insertion = _deletion.compute_curves(
        partial(_deletion.make_network_predictor(clf, x[None]), 0),
        x.shape,
        order,
        explanation.cell,
        0,
    )
    deleted, inserted = x.copy(), np.zeros_like(x)
    cells = sorted(np.ndindex(order.shape), key=lambda cell: -order[cell])
    for t, m in cells[: round(0.25 * order.size)]:
        where = np.s_[t * frames : (t + 1) * frames, m * mels : (m + 1) * mels]
        inserted[where], deleted[where] = x[where], 0
    rows = [x, deleted, 0 * x, 0 * x, inserted, x]
    expected = softmax(clf.decision_function(np.stack(rows))[:, None] * [-1, 0], axis=1)[:, 0]
    np.testing.assert_allclose([*deletion, *insertion], expected, atol=1e-6)


def test_phase_rows_are_means_of_phase_enrichment(fine, held_out, table):
    single = np.array([
        phase_enrichment(e, segments, label="murmur", relative=True, random_state=0).enrichment
        for e, segments in zip(explain(fine, held_out.data), held_out.segmentation, strict=True)
    ])  # fmt: skip
    predicted = fine.predict(held_out.data)
    groups = {
        "all": predicted == predicted,
        "right": predicted == held_out.target,
        "wrong": predicted != held_out.target,
        "true normal": held_out.target == "normal",
    }
    for of, kept in groups.items():
        row = one(table, "phase enrichment", "systole", of)
        known = single[kept, 1][np.isfinite(single[kept, 1])]
        assert row.recordings == len(known)
        if len(known):
            np.testing.assert_allclose(row.value, known.mean())


def test_intervals_and_tests_are_by_subject():
    rng = np.random.RandomState(0)
    groups = np.repeat(np.arange(40), 5)
    values = rng.normal(size=40)[groups] + 3
    statistics = _checks._Statistics(groups, rng)
    row = statistics.row("a", "b", "c", values)
    deviation = values[::5].std() / np.sqrt(40)
    assert row[-2:] == (200, 40)
    np.testing.assert_allclose(row[3], values.mean())
    expected = values.mean() + deviation * np.array([-1.96, 1.96])
    np.testing.assert_allclose([row[4], row[5]], expected, atol=0.08)
    np.testing.assert_allclose(statistics.mean_by_subject(values), values[::5])


def test_p_of_deletion_is_that_of_subjects(fine, held_out):
    """Exact p-values of Wilcoxon's test on 4 subjects are multiples of 1/16, on 8 of 1/256."""
    data, groups = held_out.data[:8], np.repeat(np.arange(4), 2)
    found = explain_checks(fine, data, groups=groups, checks="deletion", random_state=0)
    assert found.subjects.tolist() == [4, 4]
    assert (found.p * 16 % 1 == 0).all()


def test_agreement_is_spearmans_of_sums_over_common_cells(fine, held_out):
    found = explain_checks(fine, held_out.data[:2], compare="occlusion", random_state=0)
    expected = []
    for own, other in zip(
        explain(fine, held_out.data[:2]),
        explain(fine[-1], fine[:-2].transform(held_out.data[:2]), method="occlusion"),
        strict=True,
    ):
        number, (t, m) = own.class_index(), other.cell
        n = [size // by for size, by in zip(own.features.shape, (t, m), strict=True)]
        sums = [
            e.contribution[number, i * t : i * t + t, j * m : j * m + m].sum()
            for e in (own, other)
            for i, j in np.ndindex(*n)
        ]
        expected.append(spearmanr(*np.reshape(sums, (2, -1))).statistic)
    np.testing.assert_allclose(
        one(found, "agreement", "occlusion").value, np.mean(expected), atol=0.02
    )


@pytest.mark.parametrize("sizes", [(2, 8), (8, 2), (3, 2), (4, 4)])
def test_common_cells_keep_the_sums(sizes):
    own, other = np.arange(24.0)[:, None], np.arange(48.0)[:, None]
    own, other = own[: 24 // sizes[0] * 1], other[: 24 // sizes[1] * 1]
    a, b = _checks._to_common_grid(own, (sizes[0], 1), other, (sizes[1], 1))
    assert a.shape == b.shape
    np.testing.assert_allclose([a.sum(), b.sum()], [own.sum(), other.sum()])


@pytest.mark.parametrize("model", ["gru", "lstm", "cnn"])
@pytest.mark.parametrize("head", ["attention", "mean"])
def test_every_network_and_head_can_be_checked(model, head, held_out):
    size = {"clf__channels": (4, 8)} if model == "cnn" else {"clf__units": (8, 4)}
    pipeline = trained(held_out, held_out.target, model, epochs=1, clf__head=head, **size)
    with pytest.warns() if head == "mean" else contextlib.nullcontext():
        found = explain_checks(
            pipeline, held_out.data[:4], held_out.target[:4],
            [None, *held_out.segmentation[1:4]], compare=("occlusion",), random_state=0,
        )  # fmt: skip
    assert one(found, "completeness", "largest gap").value < 1e-4
    assert one(found, "phase enrichment", "S1").recordings <= 3
    again = explain_checks(pipeline, held_out.data[:4], compare=(), random_state=3)
    states = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    once_more = explain_checks(pipeline, held_out.data[:4], compare=(), random_state=3)
    assert again.equals(once_more)
    assert (np.random.get_state()[1] == states[0]).all()  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), states[1])


def test_without_captum_only_occlusion_is_compared(fine, held_out, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "captum" else find(name, *a)
    )
    with pytest.warns(UserWarning, match=r"skheart\[explain\]"):
        found = explain_checks(fine, held_out.data[:2], random_state=0)
    assert found[found.check == "agreement"].what.tolist() == ["occlusion"]


def test_only_the_requested_checks_are_made(fine, held_out, capsys):
    data = held_out.data[:3]
    found = explain_checks(fine, data, checks=("completeness", "deletion"), verbose=1)
    assert found.check.tolist() == ["completeness", "deletion", "insertion"]
    out, err = capsys.readouterr()
    assert out == ""
    assert "checks" in err
    for name in ("checks", "compare"):
        with pytest.raises(ValueError, match=f"{name}='magic' must be some of "):
            explain_checks(fine, data, **{name: "magic"})
    for name in ("y", "segmentation", "groups"):
        with pytest.raises(ValueError, match=f"3 recordings but {name} has 2 entries"):
            explain_checks(fine, data, **{name: [None] * 2})
