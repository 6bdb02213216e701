"""The keys of cached responses and values: digests of a question and of the revisions that its answer depends on."""

import hashlib
import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import metadata

from django.conf import settings

from core.caching.dependencies import Dependencies


@lru_cache
def program_fingerprint() -> str:
    """Return a text that differs for programs and settings whose responses differ.

    While a new version is rolled out, nodes of both share a Redis.
    """
    names = (
        *("DEBUG", "SITE_URL", "TIME_ZONE", "FORGE_HOSTS", "INDEXED", "DUMP_ROOT", "DATA_LICENCE"),
        *("RATE_LIMIT", "ADMIN_PATH"),  # which pages tell, and link to
    )
    database = settings.DATABASES["default"]["NAME"]
    values = (repr(getattr(settings, name)) for name in names)
    return "\n".join((settings.VERSION, _source_digest(), *_libraries(), str(database), *values))


@lru_cache
def _source_digest() -> str:
    digest = hashlib.blake2b(digest_size=16)
    for app in ("config", *settings.INSTALLED_APPS):
        for file in sorted((settings.BASE_DIR / app).rglob("*")):  # none where the app is a library
            if file.suffix in {".py", ".html", ".css", ".js", ".svg"}:  # pages name static files by their contents
                digest.update(file.read_bytes())
    return digest.hexdigest()


def _libraries() -> list[str]:
    """Return the libraries with their versions: pages are made of their templates, and name their static files."""
    return sorted(f"{each.name} {each.version}" for each in metadata.distributions())


def cache_key(question: Iterable[str], dependencies: Dependencies, numbers: Mapping[str, int]) -> bytes:
    """Return the key of what answers the question while these are the numbers of the revisions, and states are as they
    are now."""
    bucket = int(time.time()) // dependencies.ages if dependencies.ages else 0
    revisions = (f"{name}{numbers.get(name, 0)}" for name in sorted(dependencies.revisions))
    states = sorted(state() for state in dependencies.states)
    text = "\n".join((*question, str(bucket), *revisions, *states))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
