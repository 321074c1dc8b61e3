"""The average heart cycle on the page, in a real browser."""

import numpy as np
import pandas as pd
from selenium.webdriver.support.ui import Select

from skheart.explain import Maps
from tests.helpers.browser import LEFT, RIGHT
from tests.helpers.explained import make_cycle, make_explanation


def test_the_average_cycle_is_drawn_where_there_is_one(page):
    plain = make_explanation()
    terms = {"prior": np.array([0.5, 0.3, 0.2]), "vote of net": np.array([0.01, 0.05, 0.04])}
    trees = make_explanation(cycle=make_cycle(), scale="probability", terms=terms)
    page.open([plain, trees])
    assert not page.get(".cycle", card=0).is_displayed()
    page.js("card.scrollIntoView()", card=1)
    page.wait(lambda: page.get(".cycle", card=1).is_displayed())
    assert "(a probability)" in page.get(".what", card=1).text
    assert "(a logit)" in page.get(".what", card=0).text
    says = page.get(".cycle-says", card=1)
    sums = "S1 +0.0, systole +30.0, S2 +0.0, diastole \u22121.8."
    assert says.text.endswith(f"add for present, in percentage points: {sums}")
    label = page.get(".cycle-picture", card=1).get_attribute("aria-label")
    assert label.endswith("what its parts add for present")

    def colour(second, share):
        """Of the picture at a time of the cycle, at a share of its height from below."""
        return page.js(
            "const cycle = card.querySelector('.cycle-picture'), ratio = window.devicePixelRatio;"
            "const box = cycle.getBoundingClientRect();"
            f"const x = {LEFT} + arguments[0] / 0.8 * (box.width - {LEFT + RIGHT});"
            "const y = box.height - 42 - arguments[1] * (box.height - 42 - 24);"
            "const copy = document.createElement('canvas').getContext("
            "    '2d', {willReadFrequently: true});"
            "copy.drawImage(cycle, -Math.floor(x * ratio), -Math.floor(y * ratio));"
            "return [...copy.getImageData(0, 0, 1, 1).data];",
            second,
            share,
            card=1,
        )[:3]

    red, _, blue = colour(0.15, 0.1)
    assert red > blue + 60
    for second, share in ((0.15, 0.9), (0.05, 0.1), (0.25, 0.1)):
        red, _, blue = colour(second, share)
        assert abs(red - blue) < 20
    assert page.get(".terms", card=1).text.startswith(
        "The 75.0 % for present are +30.0 before any sound, +5.0 by the vote of net and +"
    )
    assert not page.get(".terms", card=0).is_displayed()
    Select(page.get(".class", card=1)).select_by_visible_text("absent")
    assert page.get(".terms", card=1).text.startswith("The 12.5 % for absent are +50.0 before")
    assert "systole \u221230.0" in says.text
    red, _, blue = colour(0.15, 0.1)
    assert blue > red + 60
    page.get(".colours", card=1).click()
    red, _, blue = colour(0.15, 0.1)
    assert abs(red - blue) < 20


def test_cells_of_the_cycle_are_shared_out_on_the_page_as_in_python(page):
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
