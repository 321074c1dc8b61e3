"""The report page in a browser, with mouse, keyboard and a narrow screen."""

import csv

import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tests.helpers.browser import LEFT, LENGTH, RIGHT
from tests.helpers.explained import STRONG, make_explanation

# ---------------------------------------------------------------------- display


def test_the_page_shows_the_prediction(page):
    page.open(make_explanation("folder/heart.wav"))
    assert page.get(".name").text == "heart.wav"
    assert page.get(".path").text == "folder/heart.wav"
    assert page.get(".answer").text == "The model's answer: present, with a probability of 75.0%."
    rows = [row.text.split("\n") for row in page.all(".classes tbody tr")]
    assert [" ".join(row).split() for row in rows] == [
        ["absent", "12.5%"],
        ["present", "75.0%"],
        ["unknown", "12.5%"],
    ]
    widths = [bar.rect["width"] for bar in page.all(".bar div")]
    assert [width / page.get(".bar").rect["width"] for width in widths] == pytest.approx(
        [0.125, 0.75, 0.125], abs=0.01
    )
    assert page.get(".class").get_property("value") == "1"
    table = [[cell.text for cell in row.find_elements(By.TAG_NAME, "td")] for row in rows_of(page)]
    moments = make_explanation().moments()
    expected = moments.sort_values("contribution", ascending=False)
    assert [row[0] for row in table] == [
        f"▶ {row.start:.2f} \N{EN DASH} {row.end:.2f} s" for row in expected.itertuples()
    ]
    assert [row[1] for row in table] == [f"{value:+.3f}" for value in expected["contribution"]]
    assert {row[2] for row in table} == {"100\N{EN DASH}400"}  # the lowest of the cells
    together = (moments["end"] - moments["start"]).sum()
    assert (
        f"is in 2 intervals, in total {together:.1f} s of 12.0 s" in page.get(".share-of-time").text
    )


def rows_of(page):
    return page.all(".moments tbody tr")


def test_colours_are_where_the_contributions_are(page):
    explanation = make_explanation()
    page.open(explanation)
    middle = sum(STRONG[1]) / 2

    def kind(seconds, share):
        red, _, blue = page.pixel(seconds, share)
        return "orange" if red > blue + 60 else "blue" if blue > red + 60 else "grey"

    assert kind(middle, 0.1) == "orange"
    assert kind(middle, 0.8) == "blue"
    assert kind(middle, 0.4) == kind(6.0, 0.1) == "grey"
    assert kind(middle, 0.95) == "grey"  # bins that pooling leaves over
    page.get(".colours").click()
    assert kind(middle, 0.1) == kind(middle, 0.8) == "grey"
    page.get(".colours").click()
    page.choose("class", "absent")
    values = explanation.head.contribution[0]
    strong = np.argwhere(abs(values) > 0.8 * np.quantile(abs(values), 0.99))[::4]
    assert len({values[t, f] > 0 for t, f in strong}) == 2
    for t, f in strong:
        found = kind(explanation.head.times[t], (4 * f + 2) / 18)
        assert found == ("orange" if values[t, f] > 0 else "blue")
    assert "for absent" in page.get(".most").text
    assert "absent" in page.get(".moments caption").text
    assert "absent" in page.get(".picture").accessible_name


def test_a_name_with_html_stays_text(page):
    evil = "</script><script>hacked = 2</script>/<img src=x onerror='hacked=1'>\"&amp;.wav"
    classes = ["<b>absent", "present", "</option><script>hacked = 3</script>"]
    page.open([make_explanation(evil, classes=np.array(classes))] * 2, title=evil)
    assert page.get(".path").text == evil
    assert page.get(".name").text == "<img src=x onerror='hacked=1'>\"&amp;.wav"
    assert page.driver.title == evil
    assert page.all("h1")[0].text == evil
    assert [option.text for option in Select(page.get(".class")).options] == classes
    page.choose("class", classes[2])
    assert page.js("return window.hacked") is None
    assert page.all("img, h1 *, h2 *") == []
    assert page.all("nav a")[0].text.startswith(page.get(".name").text)


# ---------------------------------------------------------------------- sound


def test_the_cursor_follows_the_sound(page):
    page.open(make_explanation())
    assert page.at() == pytest.approx(0, abs=0.02)
    page.get(".play").click()
    page.wait(lambda: page.time() > 0.3)
    assert page.get(".play").text == "Pause"
    # Sound and cursor are read in the same animation frame.
    seen = page.driver.execute_async_script(
        """const done = arguments[0], seen = [], card = document.querySelector('.card');
        const look = () => {
          const [to, box] = ['.cursor', '.picture'].map(
            (name) => card.querySelector(name).getBoundingClientRect());
          seen.push([card.querySelector('audio').currentTime, to.left + 1 - box.left, box.width]);
          if (seen.length < 40) requestAnimationFrame(look); else done(seen);
        };
        requestAnimationFrame(look);"""
    )
    times = [time for time, _, _ in seen]
    shown = [(x - LEFT) / (width - LEFT - RIGHT) * LENGTH for _, x, width in seen]
    assert times[-1] > times[0] + 0.2
    assert shown == pytest.approx(times, abs=0.1)
    page.pause()
    assert page.at() == pytest.approx(page.time(), abs=0.02)


def test_a_click_plays_from_its_position(page):
    page.open(make_explanation())
    page.click(7.0)
    page.wait(lambda: page.js("return !audio.paused"))
    assert 6.97 < page.time() < 9
    page.pause()
    assert page.at() == pytest.approx(page.time(), abs=0.02)
    page.wait(lambda: page.get(".clock").text == f"{page.time():.1f} s of 12.0 s")
    page.choose("view", "5 s")
    begin = page.js("return map.getAttribute('aria-valuenow')")
    begin = min(float(begin) - 0.5, LENGTH - 5)
    page.click(begin + 2.5, begin=begin, length=5.0)
    page.pause()
    assert begin + 2.45 < page.time() < begin + 4.5
    rows_of(page)[0].find_element(By.TAG_NAME, "button").click()
    page.pause()
    start = make_explanation().moments().sort_values("contribution")["start"].iloc[-1]
    assert start - 0.11 < page.time() < start + 1.5


def test_the_keys_work(page):
    page.open(make_explanation())
    page.js("map.focus()")
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert page.time() == pytest.approx(0.3)
    webdriver.ActionChains(page.driver).key_down(Keys.SHIFT).send_keys(
        Keys.ARROW_RIGHT, Keys.ARROW_RIGHT
    ).key_up(Keys.SHIFT).perform()
    assert page.time() == pytest.approx(2.3)
    page.press(Keys.ARROW_LEFT)
    assert page.time() == pytest.approx(2.2)
    picture = page.get(".picture")
    assert picture.aria_role == "slider"
    assert float(picture.get_attribute("aria-valuenow")) == pytest.approx(2.2)
    assert picture.get_attribute("aria-valuemax") == "12"
    assert picture.get_attribute("aria-valuetext").startswith("2.2 s of 12.0 s, evidence ")
    assert page.at() == pytest.approx(2.2, abs=0.02)
    page.press(Keys.END)
    assert page.time() == pytest.approx(12.0, abs=0.01)
    page.press(Keys.HOME, Keys.ARROW_LEFT)
    assert page.time() == 0
    page.press(Keys.SPACE)
    page.wait(lambda: page.time() > 0.1)
    said = picture.get_attribute("aria-valuenow")
    page.wait(lambda: page.time() > 0.4)
    assert picture.get_attribute("aria-valuenow") == said  # not announced at every frame
    assert float(said) < 0.1
    page.press(Keys.SPACE)
    page.wait(lambda: float(picture.get_attribute("aria-valuenow")) > 0)
    assert page.js("return audio.paused")
    page.js("document.activeElement.blur()")  # keys also work without focus
    before = page.time()
    page.press(Keys.ARROW_RIGHT)
    assert page.time() == pytest.approx(before + 0.1, abs=0.001)
    # A focused control keeps its own keys.
    page.js("card.querySelector('.class').focus()")
    page.press(Keys.HOME)
    assert page.get(".class").get_property("value") == "0"
    assert page.time() == pytest.approx(before + 0.1, abs=0.001)


def test_only_the_moments_are_played(page):
    page.open(make_explanation())
    page.get(".only").click()
    page.choose("speed", "half")
    page.driver.execute_script(
        "const audio = document.querySelector('audio'); window.heard = [];"
        "const note = () => { if (!audio.paused && !audio.seeking) heard.push(audio.currentTime);"
        " requestAnimationFrame(note); }; note();"
    )
    page.get(".play").click()
    page.wait(lambda: page.js("return heard.length && audio.paused"))
    heard = page.js("return heard")
    moments = make_explanation().moments()
    assert len(moments) == 2
    for row in moments.itertuples():
        assert any(row.start < time < row.end for time in heard)
    # 0.1 s around each interval is played, and some frames until the jump.
    assert all(
        any(row.start - 0.11 < time < row.end + 0.8 for row in moments.itertuples())
        for time in heard
    )
    page.js("heard.length = 0")
    page.get(".play").click()  # starts again at the first interval
    page.wait(lambda: page.js("return heard.length"))
    page.pause()
    assert moments["start"][0] - 0.11 < page.js("return heard[0]") < moments["end"][0] + 0.8


def test_the_sound_is_slowed_down_at_its_pitch(page):
    page.open(make_explanation())
    for name, rate in (("quarter", 0.25), ("half", 0.5), ("normal", 1)):
        page.choose("speed", name)
        assert page.js("return [audio.playbackRate, audio.preservesPitch]") == [rate, True]


def test_one_recording_sounds_at_a_time(page):
    page.open([make_explanation(name) for name in ("a.wav", "b.wav", "c.wav")])
    assert [link.text.split("\n") for link in page.all("nav a")] == [
        [name, "present, 75.0%"] for name in ("a.wav", "b.wav", "c.wav")
    ]
    page.get(".play").click()
    page.wait(lambda: page.time() > 0)
    page.all("nav a")[1].click()
    page.wait(lambda: page.js("return audio.readyState", card=1) == 4)
    page.get(".play", card=1).click()
    page.wait(lambda: page.js("return audio.currentTime", card=1) > 0)
    assert page.js("return audio.paused")
    assert page.get(".play").text == "Play"
    assert not page.js("return audio.paused", card=1)


def test_sound_of_a_low_rate_is_played(page):
    explanation = make_explanation()
    page.open(make_explanation(signal=explanation.signal[::4], sr=1000))
    assert page.js("return audio.duration") == pytest.approx(12.0)


def test_features_without_sound(page):
    page.open(make_explanation(sound=False, known=False))
    assert "No sound to play" in page.get(".notes").text
    for hidden in (".play", ".save-labels", ".of-labels", ".moments", ".keys"):
        assert not page.get(hidden).is_displayed()
    n_frames = len(make_explanation().features)
    page.js("map.focus()")
    page.press(Keys.END)
    assert page.get(".picture").get_attribute("aria-valuenow") == f"{n_frames}.00"
    page.click(3.0)
    assert page.at() == pytest.approx(3.0, abs=0.02)
    assert len(page.saved(".save-csv").read_text().splitlines()) == 1 + 187 * 4


# ---------------------------------------------------------------------- files


def test_saved_values_equal_those_in_python(page, tmp_path):
    explanation = make_explanation("folder/heart 1.wav", start=2.5)
    page.open(explanation)
    for label in ("present", "unknown"):
        page.choose("class", label)
        file = page.saved(".save-csv")
        assert file.name == f"heart_1-{label}.csv"
        header, *rows = csv.reader(file.read_text().splitlines())
        expected = explanation.to_frame(label)
        assert header == list(expected.columns)
        values = np.array(rows, float)
        for name, column in zip(header, values.T, strict=True):
            assert (column.astype(expected[name].dtype) == expected[name]).all()
    for share in (25, 50, 75):
        page.choose("share", f"{share}%")
        file = page.saved(".save-labels")
        assert file.name == "heart_1-unknown-labels.txt"
        explanation.to_audacity(tmp_path / "expected.txt", "unknown", share / 100)
        assert file.read_text() == (tmp_path / "expected.txt").read_text()


# ---------------------------------------------------------------------- accessibility


def test_every_control_has_a_name_and_is_reached_by_tab(page):
    page.open(make_explanation())
    controls = [
        control
        for control in page.all("button, select, input, canvas, a")
        if control.is_displayed()
    ]
    assert len(controls) == 12  # 4 of sound, 4 of the picture with it, 2 moments, 2 to save
    assert [c.get_attribute("class") for c in controls if not c.accessible_name] == []
    reached = []
    for _ in controls:
        page.press(Keys.TAB)
        active = page.driver.switch_to.active_element
        reached.append(active.id)
        assert active.value_of_css_property("outline-style") != "none"
        assert active.value_of_css_property("outline-width") == "3px"
    assert reached == [control.id for control in controls]


def test_a_narrow_screen(page):
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        check_narrow_page(page)
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def check_narrow_page(page):
    name = "a_name_of_a_recording_that_is_far_longer_than_the_screen_is_wide.wav"
    page.open([make_explanation(name, duration=31.4, start=9.7), make_explanation()])
    assert page.driver.execute_script("return innerWidth") == 360
    scroll = "return [document.documentElement.scrollWidth, document.body.scrollWidth]"
    assert page.driver.execute_script(scroll) == [360, 360]
    for control in page.all(".card:first-of-type :is(button, select, .tick), nav a"):
        if control.is_displayed():
            assert control.rect["height"] >= 44, control.text
            assert control.rect["x"] + control.rect["width"] <= 360
    for row in page.all(".card table"):
        assert row.rect["x"] + row.rect["width"] <= 350
    assert page.js("return map.width") == 2 * page.js("return map.clientWidth")
    page.click(7.0)
    page.pause()
    assert 6.9 < page.time() < 9


def test_the_browser_forbids_all_loading(page):
    page.open(make_explanation())
    directive = page.driver.execute_async_script(
        """const done = arguments[0];
        document.addEventListener('securitypolicyviolation', (e) => done(e.effectiveDirective));
        fetch('https://example.org/').catch(() => {});"""
    )
    assert directive == "connect-src"
    assert page.driver.execute_script("return performance.getEntriesByType('resource')") == []
    page.driver.get_log("browser")  # holds the violation
