"""The fingerprint of program and settings: responses of other ones are cached apart, in a Redis that outlives them."""

from typing import Any

import pytest
from pytest_django import Settings

from core.caching.keys import program_fingerprint


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SITE_URL", "https://packages.example"),
        ("TIME_ZONE", "Asia/Tokyo"),
        ("INDEXED", True),
        ("DUMP_ROOT", "/srv/dumps"),
        ("DATA_LICENCE", "CC-BY-4.0"),
        ("RATE_LIMIT", 1200),
    ],
)
def test_a_setting_that_responses_show(settings: Settings, name: str, value: Any) -> None:
    before = program_fingerprint.__wrapped__()
    setattr(settings, name, value)
    assert program_fingerprint.__wrapped__() != before
