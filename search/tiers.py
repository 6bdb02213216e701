"""The tiers of the search, which are the same on both databases, and the limits of what is read and counted."""

# Best first: a name equals the query; the same but for a leading "django"; a name begins with it; all words are in the
# names; all words are anywhere in the entry; a name is spelled much like it.
EXACT, EXACT_BUT_DJANGO, PREFIX, IN_NAMES, ANYWHERE, SIMILAR = range(6)
# A matching entry: kind, object_id, tier, quality.
Row = tuple[str, int, int, float]
KEY_COLUMNS = ("title_key", "slug_key", "pypi_key")
MAX_TOTAL = 1_000  # to count a quarter of a large catalogue takes longer than to search it
MAX_CANDIDATES = 100


def sort_key(row: Row) -> tuple[int, float, str, int]:
    """Return the key that sorts as ORDER BY tier, quality DESC, kind, object_id."""
    kind, object_id, tier, quality = row
    return tier, -quality, kind, object_id
