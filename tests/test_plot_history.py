"""The display of a training."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skheart.plot import HistoryDisplay
from tests.helpers.small import make, small_cnn


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_the_history_of_a_training():
    X, y = make(n=48)
    clf = small_cnn(early_stopping=True, max_epochs=3).fit(X, y)
    display = HistoryDisplay.from_estimator(clf)
    assert {*display.lines_} == {"train_loss", "valid_loss", "valid_uar"}
    for name, line in display.lines_.items():
        np.testing.assert_allclose(line.get_ydata(), [epoch[name] for epoch in clf.history_])
        assert line.get_xdata().tolist() == list(range(1, len(clf.history_) + 1))
    assert display.lines_["valid_uar"].axes is display.uar_ax_
    assert display.uar_ax_.get_ylim() == (0, 1)
    assert display.lines_["train_loss"].axes is display.ax_
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("Epoch", "Loss")


def test_the_history_inside_pipelines_and_searches():
    X, y = make(n=24)
    clf = small_cnn(max_epochs=2)
    search = GridSearchCV(make_pipeline(FunctionTransformer(), clf), {}, cv=2)
    for estimator in (clf, make_pipeline(FunctionTransformer(), clf), search):
        estimator.fit(X, y)
        figure, ax = plt.subplots()
        display = HistoryDisplay.from_estimator(estimator, ax=ax)
        assert display.ax_ is ax
        assert display.figure_ is figure
        assert display.uar_ax_ is None
        assert {*display.lines_} == {"train_loss"}
        trained = getattr(estimator, "best_estimator_", estimator)
        trained = trained[-1] if hasattr(trained, "steps") else trained
        drawn = display.lines_["train_loss"].get_ydata().tolist()
        assert drawn == trained.history_[:, "train_loss"]


def test_what_keeps_no_history_is_refused():
    X, y = make(n=24)
    with pytest.raises(TypeError, match="Got StandardScaler, which has no history_"):
        HistoryDisplay.from_estimator(StandardScaler().fit(X[:, 0]))
    search = GridSearchCV(small_cnn(max_epochs=1), {}, cv=2, refit=False).fit(X, y)
    with pytest.raises(TypeError, match="refit=True"):
        HistoryDisplay.from_estimator(search)
