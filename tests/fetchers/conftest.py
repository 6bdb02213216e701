from collections.abc import Iterator

import pytest
import responses


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    """A faked wire, of whose responses each must be requested."""
    with responses.RequestsMock() as wire:
        yield wire
