"""Writing the addresses of packages, by the rules of the form; and the repositories that PyPI names instead."""

from collections.abc import Callable
from typing import Literal

from django.db.models import F, QuerySet, Value
from django.db.models.functions import Concat, Lower, StrIndex
from django.utils import timezone

from editing.desk.lists.base import RefusedError, Today
from packages.addresses import Refusal, read
from packages.identity import derived, forges, is_fetchable
from packages.keys import repository
from packages.models import Package, RepositoryAlias

Column = Literal["repo_url", "pypi_url"]
MOST_CANDIDATES = 2_000
_SHARING: dict[Column, tuple[str, Callable[[Package], QuerySet[Package]]]] = {
    "repo_url": ("repository", Package.objects.sharing_repository),
    "pypi_url": ("PyPI project", Package.objects.sharing_project),
}


def write(package: Package, column: Column, typed: str) -> None:
    """Give a package an address that is typed; RefusedError if nothing can be read in it, or another package has it."""
    address = read(column, typed, forges()) if len(typed) <= 255 else Refusal("It is too long.")
    what, sharing = _SHARING[column]
    if isinstance(address, Refusal):
        raise RefusedError(str(address))
    if not address:
        raise RefusedError(f"Type the {what}.")
    if other := sharing(Package(pk=package.pk, **derived(column, address))).first():
        raise RefusedError(
            f"The package “{other.title}” ({other.slug}) has the same {what}. If both are right, save this one in its"
            " form with “Save anyway”."
        )
    store(package, column, address)


def store(package: Package, column: Column, address: str) -> None:
    """Store an address, or "" for none."""
    setattr(package, column, address)
    package.modified = timezone.now()
    package.save(update_fields=[column, "modified"])


def named_elsewhere(today: Today) -> dict[int, bool]:
    """Return the packages whose project on PyPI names another repository than the catalogue has, and of each whether it
    has the same name under another owner. A repository's former address is not another one."""
    if "named" not in today.computed:
        today.computed["named"] = _named_elsewhere()
    named: dict[int, bool] = today.computed["named"]
    return named


def _named_elsewhere() -> dict[int, bool]:
    url, key = Concat(Lower("pypi_repo_url"), Value("/")), Lower("repo_key")
    candidates = (
        Package.objects.exclude(pypi_repo_url="")
        .exclude(repo_key="")
        .annotate(  # most name ours: these need not be read
            ours=StrIndex(url, Concat(key, Value("/"))), ours_with_suffix=StrIndex(url, Concat(key, Value(".git/")))
        )
        .filter(ours=0, ours_with_suffix=0)
        .order_by(F("pypi_downloads").desc(nulls_last=True), "pk")
    )
    others: dict[int, tuple[str, str]] = {}
    for pk, own, named in candidates.values_list("pk", "repo_key", "pypi_repo_url")[:MOST_CANDIDATES]:
        read_as = repository(named, forges())
        if read_as.key != own and is_fetchable(read_as.host, read_as.key):
            others[pk] = own, read_as.key
    former = set(RepositoryAlias.objects.filter(package__in=others).values_list("package_id", "repo_key"))
    return {
        pk: own.rpartition("/")[2].lower() == key.rpartition("/")[2]
        for pk, (own, key) in others.items()
        if (pk, key) not in former
    }
