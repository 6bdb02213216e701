"""The requests of a soak: what clients, people and caches ask a catalogue for, in proportions of a busy day."""

from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from tests.bench.catalogue import COMPARED, GRIDS, PACKAGES
from tests.bench.endpoints import API, TYPED

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
COMPARED_GRIDS = sum(grids for grids, _, _ in COMPARED)
HOT = 300  # packages that clients ask for again and again


class Wanted(NamedTuple):
    """A request. With `knows`, its client has the response if it had one before, and sends its ETag."""

    kind: str
    path: str
    accept: str = "*/*"
    encoding: str = "identity"
    knows: bool = False


def _package(choose: Random) -> str:
    return f"packages/{choose.randint(1, PACKAGES)}/"


def _hot(choose: Random) -> str:
    return f"packages/{choose.randint(1, HOT)}/"


def _list(choose: Random) -> str:
    page = f"packages/?offset={choose.randrange(0, PACKAGES, 20)}"
    return choose.choice(
        [
            *(
                page,
                f"packages/?cursor=below-{choose.randint(1, PACKAGES)}",
                f"grids/?offset={choose.randrange(GRIDS)}",
            ),
            f"packages/?category=category-{choose.randint(1, 5)}&ordering=-repo_watchers",
            *(f"packages/?django=5.2&q={choose.choice(TYPED)}", "packages/?limit=100&ordering=title", "categories/"),
            *("packages/?health=maintained", "trending/?by=stars", f"grids/?package=package-{choose.randint(1, HOT)}"),
            f"packages/?id__in={','.join(str(choose.randint(1, PACKAGES)) for _ in range(20))}",
        ]
    )


def _compare(choose: Random) -> str:
    """Return the URL of a comparison: it has the slugs in order, and any other redirects there."""
    chosen = choose.randint(1, HOT), choose.randint(HOT + 1, 999)
    return f"compare/?packages={','.join(sorted(f'package-{pk}' for pk in chosen))}"


def _page(choose: Random) -> str:
    return choose.choice(
        [
            *("", "packages/", "grids/", _hot(choose), _package(choose), f"grids/{choose.randint(1, GRIDS)}/"),
            *(f"search/?q={choose.choice(TYPED)}", f"grids/{choose.randint(1, COMPARED_GRIDS)}/comparison/"),
            *("categories/1/", _compare(choose)),
        ]
    )


def _rest(choose: Random) -> str:
    return choose.choice(
        [
            *("dumps/", "", "readiness/", "feeds/packages.atom", "feeds/releases.rss", "feeds/grids.atom"),
            *(f"{_hot(choose)}badge.svg", f"{_hot(choose)}commits.svg", f"{_hot(choose)}badge.json", "schema/"),
        ]
    )


# The share of each kind, and its path; the names of kinds that are pages begin with "page"
KINDS: dict[str, tuple[int, Callable[[Random], str]]] = {
    "package": (22, _package),
    "known to the client": (20, _hot),
    "list": (16, _list),
    "search": (9, lambda choose: f"search/?q={choose.choice(TYPED)}&offset={choose.randrange(0, 100, 20)}"),
    "grid": (8, lambda choose: f"grids/{choose.randint(1, GRIDS)}/"),
    "comparison": (3, lambda choose: f"grids/{choose.randint(1, COMPARED_GRIDS)}/comparison/"),
    "page for people": (12, _page),
    "changes": (4, lambda choose: f"changes/?since={choose.randrange(PACKAGES)}"),
    "dumps, feeds, images": (6, _rest),
}


def requests(seed: int) -> Iterator[Wanted]:
    """Yield requests without an end, the same for the same seed."""
    choose, names = Random(seed), list(KINDS)
    shares = [share for share, _ in KINDS.values()]
    while True:
        [kind] = choose.choices(names, shares)
        path = API + KINDS[kind][1](choose)
        if kind == "page for people":
            yield Wanted(kind, path, BROWSER, "gzip, deflate, br")
        else:
            encoding = choose.choice(["gzip", "br", "identity"]) if kind == "list" else "identity"
            yield Wanted(kind, path, encoding=encoding, knows=kind == "known to the client" or choose.random() < 0.1)
