"""The checks of every page that Chromium has open."""

import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selenium import webdriver

from tests.servers import ROOT

AXE = ROOT / ".venv/node/node_modules/axe-core/axe.min.js"
WIDTHS = (1366, 768, 390)
HEIGHT = 900


def set_width(browser: webdriver.Chrome, width: int) -> None:
    metrics = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def set_scheme(browser: webdriver.Chrome, scheme: str) -> None:
    preference = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", preference)


def set_script(browser: webdriver.Chrome, *, runs: bool) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not runs})


def sideways(browser: webdriver.Chrome) -> int:
    """Return the pixels by which the page is wider than its window."""
    metrics = browser.execute_cdp_cmd("Page.getLayoutMetrics", {})
    return int(metrics["cssContentSize"]["width"]) - int(metrics["cssLayoutViewport"]["clientWidth"])


def forget(browser: webdriver.Chrome) -> None:
    """Leave what other pages have logged."""
    browser.get("about:blank")
    for log in ("browser", "performance"):
        browser.get_log(log)  # type: ignore[no-untyped-call]


def console(browser: webdriver.Chrome) -> list[str]:
    """Return the messages in the console since the last look, such as a broken script or a refused style."""
    entries: list[dict[str, str]] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return [entry["message"] for entry in entries]


def foreign_requests(browser: webdriver.Chrome, url: str) -> list[str]:
    """Return the URLs of other hosts than that of `url` which were requested since the last look."""
    entries: list[dict[str, str]] = browser.get_log("performance")  # type: ignore[no-untyped-call]
    messages = (json.loads(entry["message"])["message"] for entry in entries)
    requested = [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]
    own = urlsplit(url).netloc
    return [each for each in requested if urlsplit(each).scheme.startswith("http") and urlsplit(each).netloc != own]


@cache
def _axe() -> str:
    return Path(AXE).read_text(encoding="utf-8")


def violations(browser: webdriver.Chrome, selector: str = "html") -> list[str]:
    """Return what axe-core finds below an element: the rule, its impact, and the first element that breaks it."""
    # Over the debugging protocol, which no policy of the page holds back.
    browser.execute_cdp_cmd("Runtime.evaluate", {"expression": _axe(), "returnByValue": False})
    # Without its copies of imported style sheets, which the page's policy refuses.
    options = "{resultTypes: ['violations'], preload: false}"
    script = f"axe.run({json.dumps(selector)}, {options}).then(r => JSON.stringify(r.violations))"
    found = browser.execute_cdp_cmd(
        "Runtime.evaluate", {"expression": script, "awaitPromise": True, "returnByValue": True}
    )
    results: list[dict[str, Any]] = json.loads(found["result"]["value"])
    return [f"{each['id']} ({each['impact']}): {each['nodes'][0]['html'][:200]}" for each in results]
