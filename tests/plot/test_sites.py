"""Display of scores by site."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from skheart.audit import site_audit
from skheart.plot import SiteAuditDisplay


def test_scores_and_intervals_are_those_of_the_audit():
    rng = np.random.default_rng(0)
    site, y = np.repeat(["a", "b", "c"], 20), np.arange(60) % 2
    X = rng.normal(size=(60, 2)) + y[:, np.newaxis]
    audit = site_audit(LogisticRegression(), X, y, site, np.arange(60), cv=3, random_state=0)
    _, ax = plt.subplots(layout="constrained")
    display = SiteAuditDisplay.from_audit(audit, ax=ax)
    assert display.ax_ is ax
    for name in ("pooled", "unseen"):
        points, _, (bars,) = display.containers_[name].lines
        np.testing.assert_allclose(points.get_xdata().astype(float), audit.frame[name])
        ends = [segment[:, 0] for segment in bars.get_segments()]
        np.testing.assert_allclose(ends, audit.frame[[f"{name}_low", f"{name}_high"]])
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels == ["a (20 subjects)", "b (20 subjects)", "c (20 subjects)"]
    assert f"UAR {audit.site_told.uar.estimate:.2f} (chance 0.33)" in ax.get_title()
    (guessing,) = [line for line in ax.lines if line.get_label() == "guessing"]
    assert guessing.get_xdata()[0] == 0.5
    assert ax.yaxis_inverted()  # the first site is at the top


def test_bad_input_is_rejected():
    with pytest.raises(TypeError, match=r"result of skheart.audit.site_audit. Got dict"):
        SiteAuditDisplay.from_audit({})
    frame = pd.DataFrame({"site": [], "subjects": []})
    with pytest.raises(TypeError, match="ax must be one matplotlib Axes"):
        SiteAuditDisplay(frame).plot(ax=3)
