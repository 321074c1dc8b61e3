"""HeartPhaseSegmenter, and what scikit-learn's checks cannot ask of it, since y holds tables."""

import pickle

import numpy as np
import pytest

from skheart.segmentation import HeartPhaseSegmenter
from tests.helpers.phases import fitted_segmenter


def test_labels_are_refused():
    with pytest.raises(ValueError, match="y at row 0: segmentation must be a DataFrame"):
        HeartPhaseSegmenter().fit(np.ones((2, 4000)), [0, 1])


def test_the_skipped_checks_hold_on_recordings():
    """Fit returns self, is repeatable, and leaves parameters and input; predictions pickle."""
    sounds, segmenter = fitted_segmenter(max_epochs=1)
    params, X = segmenter.get_params(), np.stack(sounds.data)
    X.flags.writeable = False
    expected = segmenter.predict_proba(X[:2])
    attributes = set(vars(segmenter))
    assert segmenter.fit(X, sounds.segmentation) is segmenter
    assert segmenter.get_params() == params
    assert set(vars(segmenter)) == attributes
    for again in (segmenter, pickle.loads(pickle.dumps(segmenter))):
        np.testing.assert_array_equal(again.predict_proba(X[:2]), expected)
        np.testing.assert_array_equal(again.predict_proba(X[1::-1])[1], expected[0])
