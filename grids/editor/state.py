"""The state of a grid as its editor shows it: its features, its members and the texts of its cells."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

import orjson

from core.database.functions import AsciiLower
from grids.cells import sign
from grids.models import Cell, Feature, Grid, GridPackage

# Texts of cells by the feature and the package
Texts = Mapping[tuple[int, int], str]


def state_of(grid: Grid) -> dict[str, Any]:
    """Return the state as JSON has it. `texts` and `signs` have a row for each member, with a column for each feature;
    the digests say what a deletion is based on."""
    rows = Feature.objects.filter(grid=grid).order_by("position", "id")
    features = list(rows.values_list("id", "title", "description"))
    memberships = GridPackage.objects.filter(grid=grid).order_by(AsciiLower("package__title"), "package_id")
    members = list(memberships.values_list("package_id", "package__title", "package__slug"))
    cells = Cell.objects.filter(feature__grid=grid).exclude(text="").order_by()
    texts = {(feature, pk): text for feature, pk, text in cells.values_list(*_PLACE, "text")}
    of_features, of_members = _by_feature(texts), _by_member(texts)
    columns = [feature for feature, _, _ in features]
    return {
        "features": [
            {"id": pk, "title": title, "description": text, "digest": digest(of_features.get(pk, ()), title, text)}
            for pk, title, text in features
        ],
        "members": [
            {"id": pk, "title": title, "slug": slug, "digest": digest(of_members.get(pk, ()))}
            for pk, title, slug in members
        ],
        "texts": [[texts.get((feature, pk), "") for feature in columns] for pk, _, _ in members],
        "signs": [[sign(texts.get((feature, pk), "")) for feature in columns] for pk, _, _ in members],
    }


_PLACE = ("feature_id", "membership__package_id")


def _by_feature(texts: Texts) -> dict[int, list[tuple[int, str]]]:
    found = defaultdict[int, list[tuple[int, str]]](list)
    for (feature, package), text in texts.items():
        found[feature].append((package, text))
    return found


def _by_member(texts: Texts) -> dict[int, list[tuple[int, str]]]:
    found = defaultdict[int, list[tuple[int, str]]](list)
    for (feature, package), text in texts.items():
        found[package].append((feature, text))
    return found


def digest(texts: Iterable[tuple[int, str]], *further: str) -> str:
    """Return a short text that is another one once the texts, or what is given besides, are others."""
    return blake2b(orjson.dumps([sorted(texts), further]), digest_size=8).hexdigest()
