"""The cost of an editor's job: clicks, keystrokes, page loads and queries, counted while a browser does it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from django.core.signals import request_started
from django.db.backends.signals import connection_created
from django.dispatch import receiver
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.browsers import console_errors

# Of who is logged in, and of the transaction: no page can do without them.
_ALWAYS = ("django_session", "auth_user", "auth_permission", "SAVEPOINT", "BEGIN", "COMMIT", "django_content_type")
PASTE = """
const data = new DataTransfer();
data.setData("text/plain", arguments[1]);
const event = new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true});
const target = arguments[0];
if (target.dispatchEvent(event) && "value" in target) {
  target.value = arguments[1];
  target.dispatchEvent(new Event("input", {bubbles: true}));
}
"""


@dataclass
class Cost:
    """The numbers of what an editor did, and of what the site did for it; `pages` are responses that are pages."""

    clicks: int = 0
    keys: int = 0
    pastes: int = 0
    pages: int = 0
    queries: int = 0
    statements: list[str] = field(default_factory=list)


@dataclass
class Editor:
    """An editor at a browser, who does one job at a time."""

    browser: webdriver.Chrome
    url: str
    cost: Cost = field(default_factory=Cost)
    is_counting: bool = False

    def open(self, path: str) -> None:
        """Open a page that the editor has a bookmark of; it is where the job begins."""
        self.browser.get(urljoin(self.url, path))

    def find(self, selector: str) -> WebElement:
        """Wait for an element that can be seen, and return it."""

        def visible(browser: webdriver.Chrome) -> WebElement | None:
            found = browser.find_elements(By.CSS_SELECTOR, selector)
            return next((each for each in found if each.is_displayed()), None)

        found: WebElement = self.wait(visible, selector)
        return found

    def wait(self, condition: Callable[[webdriver.Chrome], Any], what: str = "") -> Any:
        return WebDriverWait(self.browser, 20).until(condition, what)

    def click(self, element: str | WebElement) -> None:
        self.cost.clicks += 1
        (self.find(element) if isinstance(element, str) else element).click()

    def choose(self, selector: str, words: str) -> None:
        """Choose an option of a drop-down: a click to open it, and one on the option."""
        self.cost.clicks += 2
        option = next(each for each in self.find(selector).find_elements(By.TAG_NAME, "option") if each.text == words)
        option.click()

    def press(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        self.cost.keys += len(keys)
        for key in keys:
            ActionChains(self.browser).send_keys(key).perform()

    def type(self, selector: str, text: str) -> None:
        self.cost.keys += len(text)
        self.find(selector).send_keys(text)

    def paste(self, element: str | WebElement, text: str) -> None:
        """Paste a text that the editor has copied elsewhere."""
        self.cost.pastes += 1
        target = self.find(element) if isinstance(element, str) else element
        self.browser.execute_script(PASTE, target, text)

    def submit(self) -> None:
        """Press Enter in the field that has the focus."""
        self.press(Keys.ENTER)

    def text(self, selector: str = "body") -> str:
        return self.find(selector).text

    def says(self, words: str) -> None:
        """Wait until the page shows these words."""

        def has_words(browser: webdriver.Chrome) -> bool:
            # In one script: an element would be gone with its page.
            return words in str(browser.execute_script("return document.body ? document.body.innerText : ''"))

        self.wait(has_words, f"{words!r} is not on the page")
        assert console_errors(self.browser) == []

    def chooses(self, words: str) -> None:
        """Wait until the list of a field that completes what is typed has these words as what Enter takes."""

        def is_first(browser: webdriver.Chrome) -> bool:
            script = "return document.querySelector('.select2-results__option--highlighted')?.innerText || ''"
            return words in str(browser.execute_script(script))

        self.wait(is_first, f"{words!r} is not chosen")

    @contextmanager
    def job(self) -> Iterator[Cost]:
        """Count what a job costs, from the page where it begins."""
        self.cost = cost = Cost()
        self.is_counting = True
        try:
            yield cost
        finally:
            self.is_counting = False
        assert cost.queries, "the database is not watched"

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Count what the site does for this editor inside."""
        _watched.append(self)
        try:
            yield
        finally:
            _watched.remove(self)


# Threads of the server live as long as the browser keeps their connections, so that they are watched from their start.
_watched: list[Editor] = []


def _count(execute: Any, sql: str, *arguments: Any) -> Any:
    for editor in _watched:
        if editor.is_counting and not any(word in sql for word in _ALWAYS):
            editor.cost.queries += 1
            editor.cost.statements.append(sql)
    return execute(sql, *arguments)


@receiver(connection_created)
def _connected(connection: Any, **_: Any) -> None:
    connection.execute_wrappers.append(_count)


@receiver(request_started)
def _started(environ: dict[str, Any], **_: Any) -> None:
    for editor in _watched:
        editor.cost.pages += editor.is_counting and "text/html" in environ.get("HTTP_ACCEPT", "")
