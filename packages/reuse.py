"""Names of repositories that other repositories have by now: an editor decides which of the two a package is about."""

from django.db.models import CharField, F, OuterRef, QuerySet, Subquery, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Concat, Left
from django.utils import timezone

from packages.models import ANOTHER_REPOSITORY, Package, PackageQuerySet, Snapshot
from packages.settling import settled

MAX_KEY = 500


def reused(packages: QuerySet[Package]) -> QuerySet[Package]:
    """Return the packages under whose name another repository was found, with what was found as `error`."""
    return (
        Package.objects.filter(pk__in=packages.order_by().values("pk"))
        .filter(
            fetch_states__source="repo",
            fetch_states__validators__has_key=ANOTHER_REPOSITORY,
            fetch_states__target=F("repo_key"),
        )
        .annotate(error=KeyTextTransform(ANOTHER_REPOSITORY, "fetch_states__validators"))
        .order_by("title", "pk")
    )


@settled()
def take_repository(packages: PackageQuerySet) -> None:
    """Make the packages be about the repositories that have the names now: the next refresh fetches them as new.

    The facts of the old ones are forgotten. Their snapshots get keys that no address has.
    """
    owner = Package.objects.filter(pk=OuterRef("package"))
    old = Left(Concat(Value("#"), "repo_id", Value(" "), "repo_key", output_field=CharField()), MAX_KEY)
    Snapshot.objects.filter(package__in=packages.values("pk"), repo_key=F("package__repo_key")).update(
        repo_key=Subquery(owner.values(old=old))
    )
    packages.forget("repo")


@settled()
def drop_address(packages: QuerySet[Package]) -> None:
    """Leave the packages without a repository, and so without the facts of the old one."""
    packages.update(repo_url="", modified=timezone.now())
