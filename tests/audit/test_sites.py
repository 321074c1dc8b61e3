"""Scores at sites that a model was or was not trained on."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline

from skheart import LogMelTransformer
from skheart.audit import site_audit
from skheart.datasets import make_heart_sounds


def rigs(n=60, shift=5.0, seed=0):
    """Three databases of n recordings: feature 0 depends on the label, 2 and 3 on the database."""
    rng = np.random.default_rng(seed)
    site = np.repeat(["a", "b", "c"], n)
    groups = np.arange(3 * n) // 2
    y = np.where(groups % 2, "ill", "well")
    X = rng.normal(size=(3 * n, 4))
    X[:, 0] += 1.5 * (y == "ill")
    X[:, 2] += shift * (site == "b")
    X[:, 3] += shift * (site == "c")
    return X, y, site, groups


class Recorder(ClassifierMixin, BaseEstimator):
    """Predict the most frequent label, and keep the rows of training and test."""

    seen = []

    def fit(self, X, y):
        self.classes_, counts = np.unique(y, return_counts=True)
        self.label_ = self.classes_[counts.argmax()]
        self.rows_ = X[:, 0]
        return self

    def predict(self, X):
        self.seen.append((self.rows_, X[:, 0]))
        return np.full(len(X), self.label_)


def test_scores_are_those_of_scikit_learn():
    X, y, site, groups = rigs()
    clf = LogisticRegression()
    audit = site_audit(clf, X, y, site, groups, random_state=0)
    unseen = cross_val_predict(clf, X, y, groups=site, cv=LeaveOneGroupOut())
    assert audit.unseen.tolist() == unseen.tolist()
    assert audit.frame["site"].tolist() == ["a", "b", "c"]
    for row in audit.frame.itertuples():
        here = site == row.site
        assert row.unseen == pytest.approx(balanced_accuracy_score(y[here], unseen[here]))
        pooled = audit.pooled.y_pred[here]
        assert row.pooled == pytest.approx(balanced_accuracy_score(y[here], pooled))
        assert row.drop == pytest.approx(row.pooled - row.unseen)
        assert row.pooled_low < row.pooled < row.pooled_high
        assert row.unseen_low < row.unseen < row.unseen_high
        assert (row.subjects, row.recordings, row.n_ill, row.n_well) == (30, 60, 30, 30)
    assert audit.site_told.y_true.tolist() == site.tolist()
    assert audit.site_told.uar.estimate > 0.95
    assert audit.chance == pytest.approx(1 / 3)


def test_sites_are_not_recognised_without_a_site_effect():
    X, y, site, groups = rigs(shift=0.0)
    audit = site_audit(LogisticRegression(), X, y, site, groups, random_state=0)
    assert audit.site_told.uar.estimate == pytest.approx(1 / 3, abs=0.1)


def test_a_site_that_predicts_the_label_raises_only_the_pooled_score():
    X, _, site, groups = rigs()
    # Class proportions differ by site, and the features depend on the site alone.
    rng = np.random.default_rng(1)
    share = pd.Series(site).map({"a": 0.9, "b": 0.1, "c": 0.5}).to_numpy()
    y = np.where(rng.random(len(site)) < share, "ill", "well")
    X[:, :2] = rng.normal(size=(len(X), 2))
    groups = np.arange(len(X))
    audit = site_audit(LogisticRegression(), X, y, site, groups, random_state=0)
    assert audit.pooled.uar.low > 0.55
    assert (audit.frame["pooled"] < 0.65).all()


def test_no_subject_is_in_training_and_test():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 3)
    site = np.tile(["AV", "MV", "PV"], 20)  # every subject at every site
    X = np.column_stack([np.arange(60), rng.normal(size=60)])
    y = groups % 2
    Recorder.seen = []
    audit = site_audit(Recorder(), X, y, site, groups, cv=4, random_state=0)
    pooled, unseen = Recorder.seen[:4], Recorder.seen[4:]
    assert len(pooled) == 4
    assert len(unseen) == 3 * 4
    tested = []
    for train, test in unseen:
        train, test = train.astype(int), test.astype(int)
        assert np.intersect1d(groups[train], groups[test]).size == 0
        assert len(np.unique(site[test])) == 1
        assert site[test[0]] not in site[train]
        # All other subjects are trained on.
        assert len(train) == 2 * (20 - len(np.unique(groups[test])))
        tested += test.tolist()
    assert sorted(tested) == list(range(60))
    assert None not in audit.unseen


def test_sites_of_one_class_say_so():
    X, y, site, groups = rigs()
    y[site == "b"] = "well"
    audit = site_audit(LogisticRegression(), X, y, site, groups, random_state=0)
    row = audit.frame.set_index("site").loc["b"]
    assert np.isnan(
        row[["pooled", "pooled_low", "unseen", "unseen_high", "drop"]].astype(float)
    ).all()
    assert row["note"] == "all recordings are well, so the UAR is not defined"
    assert audit.frame.set_index("site").loc[["a", "c"], "unseen"].notna().all()
    assert "b: all recordings are well" in str(audit)


def test_a_class_of_one_site_only():
    X, y, site, groups = rigs()
    y[site != "a"] = "well"
    audit = site_audit(LogisticRegression(), X, y, site, groups, random_state=0)
    row = audit.frame.set_index("site").loc["a"]
    assert np.isnan(row["unseen"])
    assert row["pooled"] > 0.5
    assert "the other sites have only one class" in row["note"]
    assert [audit.unseen[i] for i in np.flatnonzero(site == "a")] == [None] * 60
    y = np.array(["ill", "mild", "well"])[groups % 3]
    y[(y == "mild") & (site != "a")] = "well"
    audit = site_audit(LogisticRegression(), X, y, site, groups, random_state=0)
    row = audit.frame.set_index("site").loc["a"]
    assert row["unseen"] <= 2 / 3
    assert "class mild is at no other site" in row["note"]


def test_features_are_log_mel_summaries_of_recordings():
    sounds = make_heart_sounds(
        20, recordings_per_subject=2, duration=3.0, weights=(1, 1, 0), random_state=0
    )
    order = np.argsort(sounds.groups, kind="stable")
    groups, y = np.asarray(sounds.groups)[order], np.asarray(sounds.target)[order]
    site = np.repeat(["near", "far"], 20)
    recordings = [sounds.data[row] for row in order]
    recordings[20:] = [np.convolve(x, np.ones(8) / 8, mode="same") for x in recordings[20:]]
    front_end = LogMelTransformer(duration=3.0, n_mels=16, flatten=True)
    clf = make_pipeline(front_end, LogisticRegression(max_iter=2000))
    args = clf, recordings, y, site, groups
    told = site_audit(*args, cv=3, random_state=0).site_told
    assert told.uar.estimate > 0.9
    logmel = LogMelTransformer(standardize=False).fit_transform(recordings)
    for features in (logmel, np.hstack([logmel.mean(axis=1), logmel.std(axis=1)])):
        again = site_audit(*args, cv=3, features=features, random_state=0).site_told
        np.testing.assert_allclose(again.y_proba, told.y_proba, atol=1e-6)


def test_the_result_depends_on_the_seed_and_not_on_n_jobs():
    X, y, site, groups = rigs(n=20)
    args = LogisticRegression(), X, y, site, groups
    one, other = (site_audit(*args, random_state=seed).frame for seed in (0, 1))
    assert not one.equals(other)
    assert one.equals(site_audit(*args, random_state=0, n_jobs=2).frame)


def test_the_text_is_a_table():
    X, y, site, groups = rigs()
    audit = site_audit(LogisticRegression(), X, y, site, groups, random_state=0)
    lines = str(audit).splitlines()
    assert lines[0].split("  ")[0] == "site"
    assert [line[0] for line in lines[1:4]] == ["a", "b", "c"]
    assert f"{audit.frame['unseen'][0]:.3f} [" in lines[1]
    assert "chance 0.333 (90 subjects, 180 recordings)" in lines[-1]


SITES = np.repeat(["a", "b", "c"], 20)


@pytest.mark.parametrize(
    ("site", "options", "words"),
    [
        (["a"] * 60, {}, "site must hold at least two sites. Got only 'a'"),
        (SITES, {"cv": 11}, "Site a has 10 subjects, fewer than the 11 folds"),
        (["a", "b", None] + ["a"] * 57, {}, "site has no value for 1 recordings, .* in row 2"),
        (SITES, {"features": np.ones(60)}, r"features must have shape .* Got shape \(60,\)"),
        (SITES[:-1], {}, "inconsistent numbers of samples"),
    ],
)
def test_bad_input_is_rejected(site, options, words):
    X, y, _, groups = rigs(n=20)
    with pytest.raises(ValueError, match=words):
        site_audit(LogisticRegression(), X, y, site, groups, **options)
