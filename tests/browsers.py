"""Chromium, for tests that look at pages (Debian: `chromium chromium-driver`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service


@contextmanager
def chromium(profile: Path, *further: str) -> Iterator[webdriver.Chrome]:
    """Run Chromium without a window, with its profile in that folder, and with these `further` arguments."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in (
        "headless",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        f"user-data-dir={profile}",
        *further,
    ):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver")) as browser:
        browser.set_page_load_timeout(60)
        yield browser


def console_errors(browser: webdriver.Chrome) -> list[str]:
    """Return the errors in the page's console since the last call, such as a missing style sheet, a broken script, or
    something that the page's policy forbids."""
    entries: list[dict[str, str]] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    errors = [entry["message"] for entry in entries if entry["level"] == "SEVERE"]
    return [message for message in errors if "favicon" not in message]
