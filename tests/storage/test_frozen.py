"""Storage of frozen estimators."""

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


def frozen(params):
    return {"class": "sklearn.FrozenEstimator", "params": params, "fitted": {}}


def logistic(**params):
    return {"estimator": {"class": "sklearn.LogisticRegression", "params": params, "fitted": {}}}


NOT_ESTIMATORS = (None, 3, "os.system", {"numpy_class": "int8"}, [])


@pytest.mark.parametrize(
    ("params", "words"),
    [
        *(
            ({"estimator": inner}, "model.estimator is not an estimator")
            for inner in NOT_ESTIMATORS
        ),
        ({}, "model.estimator is not an estimator"),
        ({"estimator": logistic(C=-1.0)}, "model.estimator: The 'C' parameter of Logistic"),
        ({"estimator": logistic(C=1.0)}, "it contains a FrozenEstimator that is not fitted"),
    ],
)
def test_the_frozen_estimator_is_checked(params, words, tmp_path):
    model_files.write_model(tmp_path / "m", frozen(params))
    with pytest.raises(ValueError, match=words):
        skheart.load(tmp_path / "m")


def test_all_other_classes_have_parameter_constraints():
    entries = {name: entry_of(name) for name in STORABLE}
    without = [n for n, e in entries.items() if not hasattr(e.cls, "_parameter_constraints")]
    assert without == ["sklearn.FrozenEstimator", "sklearn.LabelEncoder"]
    assert [name for name, entry in entries.items() if entry.inner] == without[:1]
    assert entries["sklearn.LabelEncoder"].cls().get_params() == {}
