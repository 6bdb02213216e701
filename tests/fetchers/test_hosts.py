"""Every kind of forge has a module that reads its repositories."""

from typing import get_args

from fetchers.hosts import READ
from packages.keys import Forge


def test_every_kind_of_forge_can_be_read() -> None:
    assert set(READ) == set(get_args(Forge))
