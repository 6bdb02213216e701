"""The time until Chromium has painted the largest piece of a page (Largest Contentful Paint), and how far what is
painted moves afterwards (Cumulative Layout Shift)."""

import shutil
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

LOADS = 5
# Reads what the browser has observed since the page began to load, once nothing is pending any more.
_OBSERVED = """
const [done] = arguments, seen = {paint: 0, shift: 0};
const watch = (type, take) =>
  new PerformanceObserver(list => list.getEntries().forEach(take)).observe({type, buffered: true});
watch("largest-contentful-paint", e => { seen.paint = e.startTime; });
watch("layout-shift", e => { seen.shift += e.value; });
setTimeout(() => done(seen), 300);
"""


class Paint(NamedTuple):
    """Milliseconds until the largest piece was painted, and the shift of the layout (0 is none)."""

    milliseconds: float
    shift: float


def paints(urls: dict[str, str]) -> dict[str, Paint]:
    """Return the medians of LOADS loads of each page without the browser's cache; none where Chromium is missing."""
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        return {}
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    with TemporaryDirectory() as profile:
        for argument in ("headless", "no-sandbox", "disable-gpu", "no-first-run", f"user-data-dir={profile}"):
            options.add_argument(f"--{argument}")
        with webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver"))) as browser:
            browser.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
            return {name: _paint(browser, url) for name, url in urls.items()}


def _paint(browser: webdriver.Chrome, url: str) -> Paint:
    seen = []
    for _ in range(LOADS):
        browser.get(url)
        seen.append(browser.execute_async_script(_OBSERVED))
    return Paint(median(each["paint"] for each in seen), max(each["shift"] for each in seen))
