"""Display of a training."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skheart.plot import HistoryDisplay
from tests.helpers.small import make, small_cnn


def test_losses_and_uar_are_drawn_on_two_axes():
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


@pytest.mark.parametrize("place", ["classifier", "pipeline", "search"])
def test_the_history_is_found_inside_pipelines_and_searches(place):
    X, y = make(n=24)
    pipeline = make_pipeline(FunctionTransformer(), small_cnn(max_epochs=2))
    search = GridSearchCV(pipeline, {}, cv=2)
    estimator = {"classifier": pipeline[-1], "pipeline": pipeline, "search": search}[place].fit(
        X, y
    )
    _, ax = plt.subplots()
    display = HistoryDisplay.from_estimator(estimator, ax=ax)
    assert display.ax_ is ax
    assert display.uar_ax_ is None
    fitted = search.best_estimator_[-1] if place == "search" else pipeline[-1]
    (line,) = display.lines_.values()
    assert line.get_ydata().tolist() == fitted.history_[:, "train_loss"]


def test_an_estimator_without_history_is_rejected():
    X, y = make(n=24)
    with pytest.raises(TypeError, match="Got StandardScaler, which has no history_"):
        HistoryDisplay.from_estimator(StandardScaler().fit(X[:, 0]))
    search = GridSearchCV(small_cnn(max_epochs=1), {}, cv=2, refit=False).fit(X, y)
    with pytest.raises(TypeError, match="refit=True"):
        HistoryDisplay.from_estimator(search)
