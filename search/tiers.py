"""What is the same on both databases: the tiers, what a hit is read as, and how much of it all is counted."""

EXACT, EXACT_BUT_DJANGO, PREFIX, NAMED, MENTIONED, SIMILAR = range(6)
# An entry that fits: kind, object_id, tier, quality.
Row = tuple[str, int, int, float]
KEYS = ("title_key", "slug_key", "pypi_key")
COUNTED = 1_000  # hits are counted up to here: to count a quarter of a large catalogue takes longer than to search it
CANDIDATES = 100


def order(row: Row) -> tuple[int, float, str, int]:
    """As ORDER BY tier, quality DESC, kind, object_id."""
    kind, object_id, tier, quality = row
    return tier, -quality, kind, object_id
