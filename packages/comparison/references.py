"""The packages that a comparison names: by ids, slugs and old slugs."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.core.exceptions import ValidationError as FormError
from rest_framework.exceptions import ValidationError

from core import hooks
from core.api.filters import ReferencesField
from core.api.parameters import MAX_MISTAKES, nearest
from core.api.references import by_references, reference_of
from core.kinds import Kind
from packages.models import Package

FEWEST, MOST = 2, 100
_HOW = f"Name {FEWEST} to {MOST} packages by their slugs or ids, with commas between them"
_HOW_ON_PAGES = f"Tick {FEWEST} to {MOST} packages in a list, then compare them"
_CANDIDATES = 10  # for the nearest spelling of a word


class Named(NamedTuple):
    """Packages, by the ids and the names that they have now, in the order of the names."""

    ids: list[int]
    names: list[str]


def named_packages(text: str | None, root: str = "", *, is_page: bool = False) -> Named:
    """Return the packages that a list of references names, each once; `root` is the URL of this API.

    ValidationError names those that do not exist, and refuses too few packages and too many; for a page, it says how to
    choose them there.
    """
    how = _HOW_ON_PAGES if is_page else _HOW
    if text is None:
        raise ValidationError(
            {"packages": [f"{how}." if is_page else f"{how}: ?packages=django-filter,ralph, for example."]}
        )
    wanted = _words(text, root)
    rows = _present(wanted)
    known = {reference for pk, slug in rows for reference in (str(pk), reference_of(pk, slug))}
    missing = [word for word in wanted if word not in known]
    if missing:
        former = hooks.former_slugs.owners(Kind.PACKAGE, missing)
        renamed = _present(map(str, set(former.values())))
        present = {pk for pk, _ in renamed}
        _refuse_unknown([word for word in missing if former.get(word) not in present])
        rows = [*rows, *renamed]
    in_order = sorted({reference_of(pk, slug): pk for pk, slug in rows}.items())
    if not FEWEST <= len(in_order) <= MOST:
        raise ValidationError({"packages": [f"{how}; the request names {len(in_order)}."]})
    return Named([pk for _, pk in in_order], [name for name, _ in in_order])


def _words(text: str, root: str) -> list[str]:
    try:
        words: list[str] = ReferencesField(Kind.PACKAGE, root).clean(text)
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
