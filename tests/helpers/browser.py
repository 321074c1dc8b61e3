"""The report page in a browser."""

import shutil

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from skheart.explain.report import write_report

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LEFT, RIGHT = 62, 10  # pixels beside the time axis
LENGTH = 12.0  # s, of the sound


class Page:
    """A report page in a browser."""

    def __init__(self, driver, folder):
        self.driver, self.folder = driver, folder

    def open(self, explanations, **options):
        write_report(explanations, self.folder / "report.html", **options)
        self.driver.get((self.folder / "report.html").as_uri())
        self.wait(lambda: self.js("return card.querySelector('.view').length"))
        if self.js("return card.querySelector('audio').getAttribute('src')"):
            self.wait(lambda: self.js("return audio.readyState") == 4)
        return self

    def get(self, selector, card=0):
        return self.all(".card")[card].find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def js(self, code, *args, card=0):
        names = "const card = document.querySelectorAll('.card')[arguments[arguments.length - 1]],"
        names += "audio = card.querySelector('audio'), map = card.querySelector('.picture');"
        return self.driver.execute_script(names + code, *args, card)

    def wait(self, condition, seconds=10):
        return WebDriverWait(self.driver, seconds, poll_frequency=0.05).until(lambda _: condition())

    def time(self):
        return self.js("return audio.currentTime")

    def at(self):
        """Position of the cursor in seconds."""
        return self.js(
            "const to = card.querySelector('.cursor').getBoundingClientRect();"
            "const box = map.getBoundingClientRect();"
            f"return ((to.left + to.right) / 2 - box.left - {LEFT})"
            f" / (box.width - {LEFT + RIGHT}) * {LENGTH};"
        )

    def click(self, seconds, *, begin=0.0, length=LENGTH):
        """Click the map at a time."""
        width = self.js("return map.clientWidth")
        x = LEFT + (seconds - begin) / length * (width - LEFT - RIGHT)
        action = webdriver.ActionChains(self.driver)
        action.move_to_element_with_offset(self.get(".picture"), x - width / 2, 0).click().perform()

    def press(self, *keys):
        action = webdriver.ActionChains(self.driver)
        for key in keys:
            action.send_keys(key)
        action.perform()

    def pause(self):
        self.js("audio.pause()")
        self.wait(lambda: self.get(".play").text == "Play")

    def choose(self, name, text):
        Select(self.get(f".{name}")).select_by_visible_text(text)

    def pixel(self, seconds, height, *, picture=".picture", length=LENGTH, top=None, card=0):
        """Colour at a time, at a height of 0 (lowest frequency) to 1 (highest)."""
        return self.js(
            "const [seconds, height, picture, length, given] = arguments;"
            "const canvas = card.querySelector(picture), ratio = window.devicePixelRatio;"
            "const box = canvas.getBoundingClientRect(), bottom = box.height - 42;"
            "const top = given || 6 + Math.round(0.24 * box.height) + 8;"
            f"const x = {LEFT} + seconds / length * (box.width - {LEFT + RIGHT});"
            "const y = bottom - height * (bottom - top);"
            "const copy = document.createElement('canvas').getContext("
            "    '2d', {willReadFrequently: true});"
            "copy.drawImage(canvas, -Math.floor(x * ratio), -Math.floor(y * ratio));"
            "return [...copy.getImageData(0, 0, 1, 1).data];",
            *(seconds, height, picture, length, top),
            card=card,
        )[:3]

    def saved(self, button):
        """The file that a button saves."""
        folder = self.folder / "saved"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.driver.execute_cdp_cmd(
            "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)}
        )
        self.get(button).click()

        def complete():  # a download starts under another name, or empty
            found = [path for path in folder.iterdir() if path.suffix in (".csv", ".txt")]
            return found[0] if len(found) == 1 and found[0].stat().st_size else None

        return self.wait(complete)


def started():
    """Start a headless browser."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if not browser or not driver:
        pytest.fail(
            "These tests open a page in a browser. Install chromium and its driver: "
            "apt-get install chromium chromium-driver"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in (
        *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--mute-audio"),
        *("--autoplay-policy=no-user-gesture-required", "--window-size=1200,1000"),
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    return webdriver.Chrome(options=options, service=service)
