"""The average heart cycle on the report page, in a browser."""

import numpy as np
import pandas as pd
from selenium.webdriver.support.ui import Select

from skheart.explain import Maps
from tests.helpers.explained import make_cycle, make_explanation


def test_the_average_cycle_is_drawn_where_there_is_one(page):
    plain = make_explanation()
    terms = {"prior": np.array([0.5, 0.3, 0.2]), "vote of net": np.array([0.01, 0.05, 0.04])}
    trees = make_explanation(cycle=make_cycle(), scale="probability", terms=terms)
    page.open([plain, trees])
    assert not page.get(".cycle", card=0).is_displayed()
    page.js("card.scrollIntoView()", card=1)
    page.wait(lambda: page.get(".cycle", card=1).is_displayed())
    assert "(probability)" in page.get(".what", card=1).text
    assert "(logit)" in page.get(".what", card=0).text
    says = page.get(".cycle-says", card=1)
    sums = "S1 +0.0, systole +30.0, S2 +0.0, diastole \u22121.8."
    assert says.text.endswith(f"of its phases to present, in percentage points: {sums}")
    label = page.get(".cycle-picture", card=1).get_attribute("aria-label")
    assert label.endswith("contributions of its phases to present")

    def colour(second, share):
        """Red minus blue at a time of the cycle, at a fraction of the height from below."""
        red, _, blue = page.pixel(
            second, share, picture=".cycle-picture", length=0.8, top=24, card=1
        )
        return red - blue

    assert colour(0.15, 0.1) > 60
    for second, share in ((0.15, 0.9), (0.05, 0.1), (0.25, 0.1)):
        assert abs(colour(second, share)) < 20
    assert page.get(".terms", card=1).text.startswith(
        "The 75.0% for present are the sum of +30.0 from the class proportions in training, +5.0 "
    )
    assert not page.get(".terms", card=0).is_displayed()
    Select(page.get(".class", card=1)).select_by_visible_text("absent")
    assert page.get(".terms", card=1).text.startswith(
        "The 12.5% for absent are the sum of +50.0 from"
    )
    assert "systole \u221230.0" in says.text
    assert colour(0.15, 0.1) < -60
    page.get(".colours", card=1).click()
    assert abs(colour(0.15, 0.1)) < 20


def test_cells_of_the_cycle_are_distributed_as_in_python(page):
    plain, rng = make_explanation(), np.random.default_rng(0)
    shares = rng.random((8, len(plain.times))) * (rng.random((8, len(plain.times))) < 0.2)
    shares = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    cycle = make_cycle()._replace(shares=shares)
    maps = np.einsum("kcm,cf->kfm", cycle.contribution.astype(float), shares).astype(np.float32)
    head = Maps(None, None, maps, plain.times, plain.frequencies)
    one = make_explanation(
        cycle=cycle, scale="probability", head=head, cell=(1, 1), method="decision_path"
    )
    page.open(one)
    assert '"contribution":null' in (page.folder / "report.html").read_text(encoding="utf-8")
    found = pd.read_csv(page.saved(".save-csv"))
    expected = one.to_frame()
    assert found.columns.tolist() == ["time", "frequency", "contribution"]
    np.testing.assert_allclose(found["time"], expected["time"])
    np.testing.assert_allclose(found["contribution"], expected["contribution"], atol=1e-9)
    assert found["contribution"].abs().sum() > 0.3
