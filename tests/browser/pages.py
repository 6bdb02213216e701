"""The pages of every route, for tests that look at all of them."""

from collections.abc import Iterator

# The pages of each route by its name, below /api/v4/. {p} and {q} are packages, {g} a grid, {c} a category.
PAGES: dict[str, tuple[str, ...]] = {
    "api-root": ("",),
    "package-list": (
        "packages/",
        "packages/?q=package&health=finished,thriving&ordering=-repo_watchers",
        "packages/?limit=x",
    ),
    "package-detail": ("packages/{p}/", "packages/nosuch/"),
    "package-releases": ("packages/{p}/releases/",),
    "package-history": ("packages/{p}/history/",),
    "grid-list": ("grids/",),
    "grid-detail": ("grids/{g}/",),
    "grid-features": ("grids/{g}/features/",),
    "grid-comparison": ("grids/{g}/comparison/", "grids/{g}/comparison/?level=all&ordering=-repo_watchers"),
    "compare": ("compare/?packages={p},{q}",),
    "category-list": ("categories/",),
    "category-detail": ("categories/{c}/",),
    "feature-list": ("features/",),
    "feature-detail": ("features/1/",),
    "trending": ("trending/", "trending/?by=downloads"),
    "search": ("search/", "search/?q=package", "search/?q=pakcage", "search/?q=nothing+like+that"),
    "changes": ("changes/",),
    "readiness": ("readiness/",),
    "readiness-version": ("readiness/django/5.2/",),
    "dumps": ("dumps/",),
    "docs": ("docs/",),
    "guide": ("docs/clients/",),
}
# What there is in each of tests.browser.catalogues.
NAMES = {
    "none": {},
    "one": {"p": "package-0", "q": "one-more", "g": "grid-0", "c": "category-0"},
    "many": {"p": "package-33", "q": "package-7", "g": "forty", "c": "category-a"},
    "hostile": {"p": "package-0", "q": "package-1", "g": "grid-0", "c": "category-0"},
}


def paths(catalogue: str) -> Iterator[str]:
    """Yield the paths of the pages of a catalogue, below /api/v4/."""
    for of_route in PAGES.values():
        for path in of_route:
            if catalogue != "none" or "{" not in path:
                yield path.format(**NAMES[catalogue])
