"""The version of the rules: verdicts that were settled by another one are settled again."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from packages.identity import forges

# The modules that verdicts come from. Nobody has to remember to raise a number; a comment costs a settling that
# changes nothing.
_MODULES = (
    *("health/*.py", "settling/reading.py", "support.py", "bots.py", "compatibility.py", "keys.py"),
    *("settling/advisories.py", "advisories/facts.py", "advisories/ranges.py", "advisories/settle.py"),
)


def version() -> str:
    """Return a digest of the rules, their tables, and the hosts that are fetched from."""
    return sha256(f"{_sources()} {sorted(forges().items())}".encode()).hexdigest()


@cache
def _sources() -> str:
    folder = Path(__file__).parents[1]
    files = sorted(file for pattern in _MODULES for file in folder.glob(pattern))
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
