"""Work on repositories: moved, perhaps moved, replaced by another one, not readable."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Case, CharField, Exists, F, OuterRef, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Cast, Concat
from django.http import HttpRequest
from django.utils.dateformat import format as formatted
from django.utils.timezone import localtime

from editing.desk.lists.addresses import Column, named_elsewhere, store, write
from editing.desk.lists.base import Decision, Fact, Today, WorkList
from packages.addresses import Refusal, read
from packages.identity import FETCHABLE_KEY, forges
from packages.models import Package, RepositoryAlias
from packages.reuse import drop_address, reused, take_repository

RECENT = timedelta(days=30)
PROBABLY_MOVED = "repository_probably_moved"  # a warning beside the verdict


def _drop(item: Package, _: str, __: HttpRequest) -> None:
    drop_address(Package.objects.filter(pk=item.pk))


DROP = Decision("drop", "Drop the address", _drop)


def _take_typed(item: Package, value: str, _: HttpRequest) -> None:
    write(item, "repo_url", value)


class Moved(WorkList):
    """Packages whose repository got another address in the last 30 days: a refresh followed it, or a merge said so."""

    name = "moved"
    title = "Repository moved"
    help = (
        "The host redirected to a new address, and the package followed; or a merge called the other address a former"
        " one. Is it still the same project?"
    )
    contradiction = 1.0

    @property
    def decisions(self) -> Sequence[Decision]:
        return self.dismissal("right", "It is right"), DROP

    def matching(self, today: Today) -> QuerySet[Any]:
        recent = RepositoryAlias.objects.filter(package=OuterRef("pk"), until__gt=today.now - RECENT)
        return Package.objects.exclude(repo_key="").filter(Exists(recent))

    def about(self) -> Any:
        return F("repo_key")

    def facts(self, items: Sequence[Any]) -> Iterable[Sequence[Fact]]:
        former: dict[int, RepositoryAlias] = {}
        for alias in RepositoryAlias.objects.filter(package__in=items).order_by("-until", "-pk"):
            former.setdefault(alias.package_id, alias)
        for item in items:
            alias = former[item.pk]
            was = f"was, until {formatted(localtime(alias.until), 'j F Y')}"
            yield Fact(was, alias.repo_url), Fact("is now", item.repo_url)


class ProbablyMoved(WorkList):
    """Repositories that are archived while releases go on, or that PyPI names under another owner."""

    name = "probably-moved"
    title = "Repository probably moved"
    help = "PyPI names a repository of the same name under another owner, or releases go on after it was archived."
    contradiction = 2.0

    @property
    def decisions(self) -> Sequence[Decision]:
        take = Decision(
            "take",
            "It moved to",
            _take_typed,
            "text",
            "new repository URL",
            lambda item: item.pypi_repo_url or item.repo_url,
        )
        return take, self.dismissal("right", "It has not moved")

    def matching(self, today: Today) -> QuerySet[Any]:
        named = [pk for pk, same_name in named_elsewhere(today).items() if same_name]
        warned = Q(warnings_text__contains=f'"{PROBABLY_MOVED}"')
        packages = Package.objects.annotate(warnings_text=Cast("health__warnings", TextField()))
        return packages.exclude(repo_key="").filter(Q(pk__in=named) | warned)

    def about(self) -> Any:
        return Concat("repo_key", Value(" "), "pypi_repo_url", output_field=TextField())

    def facts(self, items: Sequence[Any]) -> Iterable[Sequence[Fact]]:
        for item in items:
            archived = "archived, and releases came later" if PROBABLY_MOVED in item.warnings_text else ""
            yield _present(
                Fact("catalogue", item.repo_url), Fact("PyPI names", item.pypi_repo_url), Fact("it is", archived)
            )


class NameReused(WorkList):
    """Repositories whose names others have by now."""

    name = "name-reused"
    title = "Name reused"
    help = "Another repository has this address now. The numbers are of the old one, and are not refreshed."
    contradiction = 4.0

    @property
    def decisions(self) -> Sequence[Decision]:
        def take(item: Package, _: str, __: HttpRequest) -> None:
            take_repository(Package.objects.filter(pk=item.pk))

        return Decision("take", "Take the new repository", take), DROP

    def matching(self, today: Today) -> QuerySet[Any]:  # noqa: ARG002 (that of the class)
        return reused(Package.objects.all())

    def about(self) -> Any:
        return F("repo_key")

    def facts(self, items: Sequence[Any]) -> Iterable[Sequence[Fact]]:
        for item in items:
            yield Fact("catalogue", item.repo_url), Fact("found", str(item.error))


class OtherRepository(WorkList):
    """Projects on PyPI that name another repository than the catalogue has."""

    name = "other-repository"
    title = "PyPI names another repository"
    help = "One of the two addresses is wrong, or the project is not this package."
    contradiction = 3.0

    @property
    def decisions(self) -> Sequence[Decision]:
        def take(item: Package, _: str, __: HttpRequest) -> None:
            write(item, "repo_url", item.pypi_repo_url)

        def clear(item: Package, _: str, __: HttpRequest) -> None:
            store(item, "pypi_url", "")

        return (
            Decision("take", "Take PyPI's", take),
            self.dismissal("right", "Ours is right"),
            Decision("clear", "Clear the PyPI project", clear),
        )

    def matching(self, today: Today) -> QuerySet[Any]:
        return Package.objects.filter(pk__in=[pk for pk, same in named_elsewhere(today).items() if not same])

    def about(self) -> Any:
        return Concat("repo_key", Value(" "), "pypi_repo_url", output_field=TextField())

    def facts(self, items: Sequence[Any]) -> Iterable[Sequence[Fact]]:
        for item in items:
            yield (
                Fact("catalogue", item.repo_url),
                Fact("PyPI names", item.pypi_repo_url),
                Fact("project", f"https://pypi.org/project/{item.pypi_name}/"),
            )


class Unreadable(WorkList):
    """Addresses in which no repository, or no project on PyPI, can be read, so that nothing is ever fetched."""

    name = "unreadable"
    title = "Unreadable address"
    help = "No repository or project can be read in it, so that nothing is ever fetched."
    contradiction = 3.0

    @property
    def decisions(self) -> Sequence[Decision]:
        def correct(item: Any, value: str, _: HttpRequest) -> None:
            write(item, item.unreadable, value)

        def drop(item: Any, _: str, __: HttpRequest) -> None:
            store(item, item.unreadable, "")

        return (
            Decision("correct", "Correct it", correct, "text", "address", _proposal),
            Decision("drop", "Drop it", drop),
            self.dismissal("right", "Leave it"),
        )

    def matching(self, today: Today) -> QuerySet[Any]:  # noqa: ARG002 (that of the class)
        no_path = Q(repo_host__in=forges()) & ~Q(repo_key__regex=FETCHABLE_KEY)
        no_repository = ~Q(repo_url="") & (Q(repo_host="") | no_path)
        no_project = ~Q(pypi_url="") & Q(pypi_name="")
        column = Case(When(no_repository, then=Value("repo_url")), default=Value("pypi_url"), output_field=CharField())
        return Package.objects.filter(no_repository | no_project).annotate(unreadable=column)

    def about(self) -> Any:
        return Concat("repo_url", Value(" "), "pypi_url", output_field=TextField())

    def facts(self, items: Sequence[Any]) -> Iterable[Sequence[Fact]]:
        for item in items:
            label = {"repo_url": "repository URL", "pypi_url": "PyPI project"}[item.unreadable]
            result = read(item.unreadable, getattr(item, item.unreadable), forges())
            why = Fact("why", result.reason if isinstance(result, Refusal) else "")
            yield _present(Fact(label, getattr(item, item.unreadable)), why)


def _proposal(item: Any) -> str:
    column: Column = item.unreadable
    address = str(getattr(item, column))
    result = read(column, address, forges())
    return result.suggestion or address if isinstance(result, Refusal) else address


def _present(*facts: Fact) -> list[Fact]:
    return [fact for fact in facts if fact.text]
