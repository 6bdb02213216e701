"""Names of repositories that other repositories have by now: an editor decides which of the two a package is about."""

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from packages.facts import Outcome
from packages.models import Package, PackageQuerySet, Snapshot
from packages.moves import rename

# Part of the error that such a fetch leaves in the fetch state
ANOTHER_REPOSITORY = "is another repository now"
MAX_KEY = 500


def reused(packages: QuerySet[Package]) -> QuerySet[Package]:
    """Return the packages whose last fetch found another repository under their name, with the error as `error`."""
    return (
        Package.objects.filter(pk__in=packages.order_by().values("pk"))
        .filter(
            fetch_states__source="repo",
            fetch_states__outcome=Outcome.INVALID,
            fetch_states__error__contains=ANOTHER_REPOSITORY,
            fetch_states__target=F("repo_key"),
        )
        .annotate(error=F("fetch_states__error"))
        .order_by("title", "pk")
    )


@transaction.atomic
def take_repository(packages: PackageQuerySet) -> None:
    """Make the packages be about the repositories that have the names now: the next refresh fetches them as new.

    The facts of the old ones are forgotten. Their snapshots get keys that no address has.
    """
    old = {key: f"#{repo_id} {key}"[:MAX_KEY] for key, repo_id in packages.values_list("repo_key", "repo_id")}
    rename(Snapshot.objects.filter(package__in=packages.values("pk")), "repo_key", old)
    packages.forget("repo")


def drop_address(packages: QuerySet[Package]) -> None:
    """Leave the packages without a repository, and so without the facts of the old one."""
    packages.update(repo_url="", modified=timezone.now())
