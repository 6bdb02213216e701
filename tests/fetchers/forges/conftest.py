from collections.abc import Iterator

import pytest
import responses


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    """A faked wire that serves a whole repository, of which a module may request a part."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        yield wire
