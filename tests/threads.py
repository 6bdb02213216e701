"""Threads that work beside a test, each on its own database connection."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import connections


class in_background(threading.Thread):  # noqa: N801 (reads as a verb where it is called)
    def __init__(self, work: Callable[..., object], *arguments: Any) -> None:
        super().__init__(daemon=True)
        self.work, self.arguments = work, arguments
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.work(*self.arguments)
        except BaseException as error:  # noqa: BLE001 (raised by result())
            self.error = error
        finally:
            connections.close_all()

    def result(self) -> None:
        self.join(60)
        assert not self.is_alive()
        if self.error:
            raise self.error
