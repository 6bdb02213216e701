"""The packages that a comparison names: by ids, slugs and old slugs."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.core.exceptions import ValidationError as FormError
from rest_framework.exceptions import ValidationError

from core import hooks
from core.api.filters import ReferencesField
from core.api.parameters import MAX_MISTAKES, nearest
from core.api.references import by_references, is_id
from core.kinds import Kind
from packages.models import Package

FEWEST, MOST = 2, 100
_HOW = f"Name {FEWEST} to {MOST} packages by their slugs or ids, with commas between them"
_CANDIDATES = 10  # for the nearest spelling of a word


class Named(NamedTuple):
    """Packages, by the ids and the names that they have now, in the order of the names."""

    ids: list[int]
    names: list[str]


def named_packages(text: str | None) -> Named:
    """Return the packages that a list of references names, each once. ValidationError names those that do not exist,
    and refuses too few packages and too many."""
    wanted = _words(text)
    rows = _present(wanted)
    known = {reference for pk, slug in rows for reference in (str(pk), _name(pk, slug))}
    missing = [word for word in wanted if word not in known]
    if missing:
        former = hooks.former_slugs.owners(Kind.PACKAGE, missing)
        renamed = _present(map(str, set(former.values())))
        present = {pk for pk, _ in renamed}
        _refuse_unknown([word for word in missing if former.get(word) not in present])
        rows = [*rows, *renamed]
    in_order = sorted({_name(pk, slug): pk for pk, slug in rows}.items())
    if not FEWEST <= len(in_order) <= MOST:
        raise ValidationError({"packages": [f"{_HOW}; the request names {len(in_order)}."]})
    return Named([pk for _, pk in in_order], [name for name, _ in in_order])


def _name(pk: int, slug: str) -> str:
    """Return the slug; the id if the slug would be read as the id of another package."""
    return str(pk) if is_id(slug) else slug


def _words(text: str | None) -> list[str]:
    if text is None:
        raise ValidationError({"packages": [f"{_HOW}: ?packages=django-filter,ralph, for example."]})
    try:
        words: list[str] = ReferencesField().clean(text)
    except FormError as error:
        raise ValidationError({"packages": error.messages}) from error
    return words


def _present(references: Iterable[str]) -> list[tuple[int, str]]:
    return list(Package.objects.filter(by_references(references)).order_by().values_list("pk", "slug"))


def _refuse_unknown(words: Sequence[str]) -> None:
    if not words:
        return
    words = words[:MAX_MISTAKES]
    ids = {pk for word in words for pk in hooks.search(Kind.PACKAGE, word, _CANDIDATES)}
    slugs = [slug for _, slug in _present(map(str, ids))]
    raise ValidationError(
        {"packages": [f"There is no package “{word[:100]}”.{nearest(word, slugs)}" for word in words]}
    )
