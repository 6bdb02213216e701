"""Documents of packages that editors have merged into others here: an import does not create them anew."""

from collections.abc import Sequence

from core import hooks
from core.kinds import Kind
from fetchers.mirror.documents import PackageDocument
from packages.identity import derived
from packages.models import Package, RepositoryAlias


def merged(documents: Sequence[PackageDocument]) -> dict[int, Package]:
    """Return the packages here that documents without a row are of, by the ids of these: their slugs lead to it, and it
    has, or had, the same repository or project."""
    owners = hooks.former_slugs.owners(Kind.PACKAGE, [document.slug for document in documents])
    if not owners:
        return {}
    there = set(Package.objects.filter(pk__in=[each.id for each in documents]).values_list("pk", flat=True))
    packages = Package.objects.in_bulk(set(owners.values()))
    keys = {(package.pk, package.repo_key) for package in packages.values() if package.repo_key}
    keys.update(RepositoryAlias.objects.filter(package__in=packages).values_list("package", "repo_key"))
    found = {}
    for document in documents:
        package = packages.get(owners.get(document.slug, 0))
        if package is None or document.id in there:
            continue
        repository = derived("repo_url", document.repo_url)["repo_key"]
        project = derived("pypi_url", document.pypi_url)["pypi_name"]
        if (package.pk, repository) in keys or (project and project == package.pypi_name):
            found[document.id] = package
    return found
