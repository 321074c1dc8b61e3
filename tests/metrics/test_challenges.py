"""Challenge scores against arithmetic by hand and the published scores of trivial answers."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, recall_score

from skheart.metrics import circor_cost, circor_weighted_accuracy, physionet2016_macc


def draw_labels(labels, n=80):
    rng = np.random.default_rng(0)
    y_true = rng.choice(labels, n)
    return y_true, np.where(rng.random(n) < 0.6, y_true, rng.choice(labels, n)), rng.random(n)


# ---------------------------------------------------------------------- PhysioNet 2016


def test_plain_macc_is_the_mean_of_two_recalls():
    y_true, y_pred, _ = draw_labels([-1, 1])
    expected = recall_score(y_true, y_pred, average="macro")
    assert physionet2016_macc(y_true, y_pred) == pytest.approx(expected)
    y_pred[:10] = 0  # unsure, which counts as wrong
    recalls = [np.mean(y_pred[y_true == k] == k) for k in (-1, 1)]
    assert physionet2016_macc(y_true, y_pred) == pytest.approx(np.mean(recalls))


def rows_from_counts(Aa1, Aq1, An1, Aa2, Aq2, An2, Nn1, Nq1, Na1, Nn2, Nq2, Na2):
    """Return y_true, y_pred and clean with the counts of the challenge's table."""
    cells = [
        (1, 1, True, Aa1), (1, 0, True, Aq1), (1, -1, True, An1),
        (1, 1, False, Aa2), (1, 0, False, Aq2), (1, -1, False, An2),
        (-1, -1, True, Nn1), (-1, 0, True, Nq1), (-1, 1, True, Na1),
        (-1, -1, False, Nn2), (-1, 0, False, Nq2), (-1, 1, False, Na2),
    ]  # fmt: skip
    return (np.repeat([c[i] for c in cells], [c[3] for c in cells]) for i in range(3))


def test_macc_by_the_formula_of_the_challenge():
    # moody-challenge.physionet.org/2016, "Scoring", with made-up counts.
    y_true, y_pred, clean = rows_from_counts(30, 5, 15, 4, 3, 3, 80, 10, 10, 6, 9, 5)
    options = {"clean": clean, "clean_share": (0.7, 0.9)}
    Se = 0.7 * 30 / 50 + 0.3 * (4 + 3) / 10
    Sp = 0.9 * 80 / 100 + 0.1 * (6 + 9) / 20
    assert physionet2016_macc(y_true, y_pred, **options) == pytest.approx((Se + Sp) / 2)
    # With the proportions of the data, 50 of 60 and 100 of 120, the counts simply add up.
    Se, Sp = (30 + 4 + 3) / 60, (80 + 6 + 9) / 120
    assert physionet2016_macc(y_true, y_pred, clean=clean) == pytest.approx((Se + Sp) / 2)


@pytest.mark.parametrize(("answer", "expected"), [(1, 0.5), (-1, 0.5), (0, (0.3 + 0.1) / 2)])
def test_macc_of_trivial_answers(answer, expected):
    # "Unsure" is correct for the noisy recordings of both classes.
    y_true, _, clean = rows_from_counts(30, 5, 15, 4, 3, 3, 80, 10, 10, 6, 9, 5)
    y_pred = np.full(len(y_true), answer)
    score = physionet2016_macc(y_true, y_pred, clean=clean, clean_share=(0.7, 0.9))
    assert score == pytest.approx(expected)


def test_macc_of_other_labels_and_of_clean_recordings_alone():
    y_true, y_pred = ["ill", "ill", "well", "well"], ["ill", "?", "well", "well"]
    options = {"pos_label": "ill", "unsure_label": "?"}
    assert physionet2016_macc(y_true, y_pred, **options) == 0.75
    noisy = {"clean": [1, 0, 1, 0], **options}
    assert physionet2016_macc(y_true, y_pred, **noisy) == 1.0
    # Without noisy recordings of a class, its share is ignored.
    assert (
        physionet2016_macc([1, 1, -1], [1, -1, -1], clean=[1] * 3, clean_share=(0.2, 0.2)) == 0.75
    )
    assert physionet2016_macc([0, 1], [0, 1], unsure_label=-1) == 1.0


@pytest.mark.parametrize(
    ("y_true", "y_pred", "options", "message"),
    [
        ([0, 1], [0, 1], {}, "two classes other than unsure_label=0"),
        ([1, 1], [1, 1], {}, "must have two classes"),
        ([-1, 1], [-1, 2], {}, "Got 2"),
        ([-1, 1], [-1, 1], {"pos_label": 3}, "Got 3"),
        ([-1, 1], [-1, 1], {"clean": [1]}, "inconsistent numbers"),
        ([-1, 1], [-1, 1], {"clean": [1, np.nan]}, "sqi != 0"),
        ([-1, 1], [-1, 1], {"clean_share": 0.5}, "two numbers from 0 to 1"),
        ([-1, 1], [-1, 1], {"clean_share": (0.5, 50)}, "two numbers from 0 to 1"),
    ],
)
def test_macc_errors(y_true, y_pred, options, message):
    with pytest.raises(ValueError, match=message):
        physionet2016_macc(y_true, y_pred, **options)


# ---------------------------------------------------------------------- CirCor, challenge 2022

# The training set of the challenge has 942 patients. Some published entries
# (moody-challenge.physionet.org/2022/results, murmur and outcome scores "on Training Set") gave the
# same answer to all of them, as their accuracies of .190, .072, .484 and .516 show.
MURMUR = np.repeat(["Present", "Unknown", "Absent"], [179, 68, 695])
OUTCOME = np.repeat(["Abnormal", "Normal"], [456, 486])


@pytest.mark.parametrize(
    ("y_true", "answer", "accuracy", "published"),
    [
        (MURMUR, "Present", 0.190, 0.499),  # teams Eagles, Epione_Cardio, Ulster Engs
        (MURMUR, "Unknown", 0.072, 0.114),  # team ASPG_EPFL
        (OUTCOME, "Abnormal", 0.484, 0.824),  # teams PCGPAW, SeaCrying, CIVA
        (OUTCOME, "Normal", 0.516, 0.176),  # team ASPG_EPFL
    ],
)
def test_the_published_weighted_accuracy_of_one_answer_to_all(y_true, answer, accuracy, published):
    y_pred = np.full(942, answer)
    assert accuracy_score(y_true, y_pred) == pytest.approx(accuracy, abs=5e-4)
    assert circor_weighted_accuracy(y_true, y_pred) == pytest.approx(published, abs=5e-4)


@pytest.mark.parametrize(
    ("y_pred", "published"),
    [
        (np.full(942, "Abnormal"), 14851),  # teams PCGPAW, SeaCrying, CIVA
        (np.full(942, "Normal"), 24239),  # team ASPG_EPFL
        (OUTCOME, 5286),  # teams ITHUST, Medics, AKSJ_97BSc: all correct on the training set
        (np.full(942, "Present"), 14851),  # murmur scores, teams Eagles, lubdub, Epione_Cardio
        (np.full(942, "Unknown"), 14851),  # murmur scores, team ASPG_EPFL
    ],
)
def test_the_published_cost_of_one_answer_to_all(y_pred, published):
    assert circor_cost(OUTCOME, y_pred) == pytest.approx(published, abs=0.5)


@pytest.mark.parametrize("labels", [["Present", "Unknown", "Absent"], ["Abnormal", "Normal"]])
@pytest.mark.parametrize("weighted", [False, True])
def test_weighted_accuracy_is_an_accuracy_with_weights(labels, weighted):
    y_true, y_pred, weight = draw_labels(labels)
    of_class = {"Present": 5, "Unknown": 3, "Absent": 1, "Abnormal": 5, "Normal": 1}
    of_row = np.array([of_class[label] for label in y_true]) * (weight if weighted else 1)
    found = circor_weighted_accuracy(y_true, y_pred, sample_weight=weight if weighted else None)
    assert found == pytest.approx(accuracy_score(y_true, y_pred, sample_weight=of_row))
    numbers = {label: k for k, label in enumerate(labels)}
    found = circor_weighted_accuracy(
        [numbers[label] for label in y_true],
        [numbers[label] for label in y_pred],
        weights={k: of_class[label] for label, k in numbers.items()},
    )
    assert found == pytest.approx(circor_weighted_accuracy(y_true, y_pred))


def test_the_cost_of_the_experts_at_half_and_full_capacity():
    # moody-challenge.physionet.org/2022: 1000 per patient seen if half of them are, 10000 if all.
    healthy = ["Normal"] * 8
    assert circor_cost(healthy, ["Abnormal"] * 4 + ["Normal"] * 4) == 10 + 1000 * 4 / 8
    assert circor_cost(healthy, ["Abnormal"] * 8) == 10 + 10000
    assert circor_cost(healthy, healthy) == 10 + 25


def test_the_cost_by_hand():
    y_true = ["Abnormal"] * 4 + ["Normal"] * 4
    y_pred = np.repeat(["Abnormal", "Normal", "Abnormal", "Normal"], [3, 1, 1, 3])
    expected = 10 + 500 + 10000 * 3 / 8 + 50000 * 1 / 8
    assert circor_cost(y_true, y_pred) == expected
    coded = [np.equal(y, "Abnormal").astype(int) for y in (y_true, y_pred)]
    assert circor_cost(*coded, pos_label=1) == expected
    murmur = ["Present", "Unknown", "Present", "Absent", "Present", "Absent", "Absent", "Absent"]
    assert circor_cost(y_true, murmur) == expected
    words = np.where(np.equal(y_pred, "Abnormal"), "see", "rest")
    assert circor_cost(y_true, words, referred=["see"]) == expected


@pytest.mark.parametrize(
    ("metric", "arguments", "message"),
    [
        (circor_weighted_accuracy, (["Present", "absent"],) * 2, "must be in .*'Present'"),
        (circor_weighted_accuracy, (["Abnormal"], ["Present"]), "must be in .*'Abnormal'"),
        (circor_weighted_accuracy, (["a"], ["a"], {"b": 1}), "must be in"),
        (circor_weighted_accuracy, (["a"], ["a"], {"a": 0}), "not all 0"),
        (circor_weighted_accuracy, (["a"], ["a"], {"a": -1}), "not negative"),
        (circor_cost, (["Present"], ["Present"]), "Murmurs have no cost of their own"),
        (circor_cost, (["ill", "well"], ["ill", "well"]), "y_true must contain outcomes"),
        (circor_cost, (["Normal"], ["normal"]), "y_pred must contain outcomes or murmurs"),
        (circor_cost, ([0, 1, 2], [0, 1, 2], 1), "1 and one other"),
        (circor_cost, (["Normal"], ["Normal", "Normal"]), "inconsistent numbers"),
    ],
)
def test_circor_errors(metric, arguments, message):
    name = "weights" if metric is circor_weighted_accuracy else "pos_label"
    options = dict(zip([name], arguments[2:], strict=False))
    with pytest.raises(ValueError, match=message):
        metric(*arguments[:2], **options)
