"""Frozen estimators in files."""

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skheart
from skheart.storage import STORABLE
from skheart.storage._registry import entry_of
from tests.helpers import model_files
from tests.helpers.forests import TREES, WORDS, X, Y, again, assert_same


def test_a_frozen_estimator_comes_back_frozen(tmp_path):
    frozen = FrozenEstimator(ExtraTreesClassifier(**TREES).fit(X, WORDS))
    loaded = again(make_pipeline(StandardScaler(), frozen).fit(X, WORDS), tmp_path)[-1]
    assert type(loaded) is FrozenEstimator
    assert_same(frozen.estimator, loaded.estimator, X)
    loaded.fit(X, Y)
    np.testing.assert_array_equal(loaded.predict(X), frozen.predict(X))
    alone = again(FrozenEstimator(frozen), tmp_path)
    assert alone.estimator.estimator.n_estimators == 12


@pytest.mark.parametrize("inner", [None, 3, "os.system", {"numpy_class": "int8"}, []])
def test_what_is_frozen_is_an_estimator(inner, tmp_path):
    frozen = {"class": "sklearn.FrozenEstimator", "params": {"estimator": inner}, "fitted": {}}
    document = {"format": 1, "versions": {}, "model": {"estimator": frozen}}
    model_files.write(tmp_path / "m", document, {})
    with pytest.raises(ValueError, match=r"model.estimator is no estimator"):
        skheart.load(tmp_path / "m")
    frozen["params"] = {}
    model_files.write(tmp_path / "m", document, {})
    with pytest.raises(ValueError, match=r"model.estimator is no estimator"):
        skheart.load(tmp_path / "m")


def test_what_is_frozen_must_be_valid_and_fitted(tmp_path):
    inner = {"class": "sklearn.LogisticRegression", "params": {"C": -1.0}, "fitted": {}}
    frozen = {"class": "sklearn.FrozenEstimator", "fitted": {}}
    frozen["params"] = {"estimator": {"estimator": inner}}
    document = {"format": 1, "versions": {}, "model": {"estimator": frozen}}
    model_files.write(tmp_path / "m", document, {})
    with pytest.raises(ValueError, match="model.estimator: The 'C' parameter of Logistic"):
        skheart.load(tmp_path / "m")
    inner["params"] = {"C": 1.0}
    model_files.write(tmp_path / "m", document, {})
    with pytest.raises(ValueError, match="m holds a FrozenEstimator that is not fitted"):
        skheart.load(tmp_path / "m")


def test_only_frozen_estimators_and_encoders_have_no_table_of_constraints():
    without = [
        name for name in STORABLE if not hasattr(entry_of(name).cls, "_parameter_constraints")
    ]
    assert without == ["sklearn.FrozenEstimator", "sklearn.LabelEncoder"]
    assert [name for name in STORABLE if entry_of(name).inner] == without[:1]
    assert (
        entry_of("sklearn.LabelEncoder").cls().get_params() == {}
    )  # nothing that could be checked
