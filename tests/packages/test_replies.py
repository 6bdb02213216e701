"""Replies: an editor's word on a package, which ends by itself."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from changes.models import Change
from core.caching.stores import store
from core.database.triggers import REGISTERED
from editing.models import EditBatch
from editing.undo import RefusedError, undo
from packages.models import FetchState, Package
from packages.replies import NO_REPLY, in_words, reply_of, today
from packages.settling import settled
from packages.settling.update import update_health
from tests.conftest import Get
from tests.core.admin.editors import errors_of, open_form, send
from tests.factories import GridFactory, MembershipFactory, PackageFactory

NOW = datetime(2026, 5, 6, 23, 30, tzinfo=UTC)
DAY = timedelta(days=1)
TODAY = NOW.date()
LAST = date(2026, 5, 9)
NOTE = '<script>alert("1")</script> see https://a.test/?a=1&b=2'


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Return a function that sets the clock."""

    def set_clock(now: datetime) -> None:
        monkeypatch.setattr(timezone, "now", lambda: now)
        monkeypatch.setattr(time, "time", now.timestamp)

    set_clock(NOW)
    return set_clock


def replied(kind: str = "help_wanted", until: date | None = LAST, **columns: Any) -> Package:
    return PackageFactory.create(reply_kind=kind, reply_note=NOTE, reply_until=until, **columns)


def columns_of(package: Package) -> tuple[Any, ...]:
    values: tuple[Any, ...] = Package.objects.values_list(*NO_REPLY).get(pk=package.pk)
    return values


def test_a_reply_holds_up_to_its_last_day_in_utc() -> None:
    package = Package(reply_kind="finished", reply_note="x", reply_since=TODAY, reply_until=TODAY)
    shown = {"kind": "finished", "note": "x", "since": TODAY, "until": TODAY}
    for now, expected in ((NOW, shown), (NOW + timedelta(minutes=29), shown), (NOW + timedelta(minutes=30), None)):
        assert reply_of(package, now) == expected
    assert in_words("seeking_maintainer", TODAY, NOW) == "seeking maintainer"
    assert in_words("seeking_maintainer", TODAY - DAY, NOW) == in_words("", None, NOW) == ""
    assert today(datetime.fromisoformat("2026-05-06T23:30-04:00")) == date(2026, 5, 7)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "columns",
    [
        {"reply_kind": "other", "reply_since": TODAY, "reply_until": TODAY},
        {"reply_kind": "finished"},
        {"reply_kind": "finished", "reply_since": TODAY},
        {"reply_kind": "finished", "reply_until": TODAY, "reply_since": None},
        {"reply_kind": "finished", "reply_since": TODAY, "reply_until": TODAY - DAY},
        {"reply_note": "x"},
        {"reply_until": TODAY},
        {"reply_since": TODAY},
    ],
)
def test_the_database_takes_whole_replies_alone(columns: dict[str, Any]) -> None:
    package = PackageFactory.create()
    with pytest.raises(IntegrityError), transaction.atomic():
        Package.objects.filter(pk=package.pk).update(**columns)


@pytest.mark.django_db
def test_the_day_is_set_whoever_writes(at: Callable[[datetime], None]) -> None:
    package, rows = replied(), Package.objects.all()
    assert columns_of(package) == ("help_wanted", NOTE, TODAY, LAST)
    at(NOW + DAY)
    for write in (
        lambda: rows.update(reply_kind="help_wanted", reply_note="y"),  # the same word
        lambda: Package.objects.bulk_update([package], ["reply_kind"]),
        package.save,
    ):
        write()
        assert columns_of(package)[2] == TODAY
    package.reply_kind = "seeking_maintainer"
    Package.objects.bulk_update([package], ["reply_kind"])
    assert columns_of(package)[::2] == ("seeking_maintainer", TODAY + DAY)
    at(NOW + 2 * DAY)
    rows.update(reply_kind="help_wanted")
    assert columns_of(package)[2] == TODAY + 2 * DAY
    package.refresh_from_db()
    rows.update(reply_kind="")
    assert columns_of(package) == tuple(NO_REPLY.values())
    package.save(update_fields=["reply_kind"])
    assert columns_of(package)[:2] == ("help_wanted", NOTE)
    package.reply_kind = ""
    package.save(update_fields=["reply_kind"])
    assert columns_of(package) == tuple(NO_REPLY.values())
    package.title = "Other"
    Package.objects.only("title", "repo_url", "pypi_url").get(pk=package.pk).save(update_fields=["title"])


@pytest.mark.django_db
def test_replies_that_end_soon(at: Callable[[datetime], None]) -> None:
    later, sooner, _ = replied(until=LAST), replied(until=TODAY), PackageFactory.create()
    replied(until=TODAY - DAY, reply_since=TODAY - DAY)
    assert list(Package.objects.with_reply_ending(LAST + DAY)) == [sooner, later]
    assert list(Package.objects.with_reply_ending(LAST)) == [sooner]
    assert list(Package.objects.with_reply_ending(TODAY)) == []


@pytest.mark.django_db
def test_the_document_and_the_filter(get: Get, at: Callable[[datetime], None]) -> None:
    replied("seeking_maintainer", slug="a")
    replied("help_wanted", TODAY, slug="b")
    PackageFactory.create(slug="c")

    def slugs(query: str) -> list[str]:
        return sorted(each["slug"] for each in get(f"packages/?reply={query}").json()["results"])

    shown = {"kind": "seeking_maintainer", "note": NOTE, "since": "2026-05-06", "until": "2026-05-09"}
    assert get("packages/a/?fields=reply").json() == {"reply": shown}
    assert get("packages/c/?fields=reply").json() == {"reply": None}
    assert "reply" not in get("packages/a/").json()
    assert slugs("help_wanted") == ["b"]
    assert slugs("help_wanted,seeking_maintainer") == ["a", "b"]
    assert slugs("none") == ["c"]
    assert slugs("none,seeking_maintainer") == ["a", "c"]
    assert slugs("finished") == []
    at(NOW + DAY)
    assert slugs("help_wanted") == []
    assert slugs("none") == ["b", "c"]
    refused = get("packages/?reply=helpwanted")
    assert refused.status_code == 400
    assert "help_wanted" in refused.json()["reply"][0]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("path", "mark"),
    [
        ("packages/a/?fields=reply", b'"kind"'),
        ("packages/?reply=help_wanted", b'"count":1'),
        ("packages/a/?format=api", b"help wanted</span>"),
        ("packages/?format=api", b"help wanted</span>"),
    ],
)
def test_what_is_cached_ends_with_the_day(
    get: Get, settings: Settings, at: Callable[[datetime], None], path: str, mark: bytes
) -> None:
    replied(slug="a")
    settings.CACHE_URL = "locmem://"
    store.cache_clear()
    try:
        get(path)
        at(datetime(2026, 5, 9, 23, 59, tzinfo=UTC))
        during = get(path).content
        assert during == get(path).content
        at(datetime(2026, 5, 10, tzinfo=UTC))
        after = get(path).content
    finally:
        store.cache_clear()
    assert (mark in during, mark in after) == (True, False)


@pytest.mark.django_db
def test_another_reply_is_a_change_of_the_package(at: Callable[[datetime], None]) -> None:
    package = PackageFactory.create()
    for columns in ({"reply_kind": "finished", "reply_until": LAST}, {"reply_note": "x"}, {"reply_kind": ""}):
        before = Change.objects.count()
        Package.objects.filter(pk=package.pk).update(**columns)
        [change] = Change.objects.order_by("number")[before:]
        assert (change.kind, change.action, change.object_id) == ("package", "changed", package.pk)


@pytest.mark.django_db
def test_a_verdict_changes_on_the_day_after_the_word(at: Callable[[datetime], None]) -> None:
    long_ago = NOW - timedelta(days=800)
    with settled():
        package = replied("finished", last_updated=long_ago, last_fetched=NOW, pypi_url="x", repo_watchers=3)
        FetchState.objects.create(
            package=package, source="repo", target=package.repo_key, outcome="ok", last_success=NOW, next_due=NOW
        )

    def verdict() -> str:
        update_health()
        return Package.objects.get(pk=package.pk).verdict

    assert verdict() == "finished"
    assert Package.objects.get(pk=package.pk).health.valid_until == datetime(2026, 5, 10, tzinfo=UTC)
    at(datetime(2026, 5, 9, 23, 59, tzinfo=UTC))
    assert verdict() == "finished"
    at(datetime(2026, 5, 10, 0, 0, 1, tzinfo=UTC))
    assert verdict() == "quiet"
    with settled():
        Package.objects.update(reply_kind="help_wanted", reply_until=LAST + 9 * DAY)
    assert verdict() == "quiet"


@pytest.mark.django_db
def test_pages_show_it_beside_the_verdict(get: Get, at: Callable[[datetime], None]) -> None:
    package = replied(slug="a", title="Alpha")
    mark = '<span class="tag">help wanted</span>'
    page = get("packages/a/?format=api").content.decode()
    assert page.count(mark) == 2
    assert '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; see <a href="https://a.test/?a=1&amp;b=2"' in page
    assert "<script>alert" not in page
    assert "it holds until 9 May 2026" in page
    assert mark in get("packages/?format=api").content.decode()
    assert mark in get("packages/a/releases/?format=api").content.decode()
    assert mark in get("search/?q=alpha&format=api").content.decode()
    other = MembershipFactory.create(grid=GridFactory.create(), package__slug="b").grid
    MembershipFactory.create(grid=other, package=package)
    at(NOW + 9 * DAY)
    for path in ("packages/a/", "packages/", "search/?q=alpha"):
        assert mark not in get(path, accept="text/html").content.decode()


@pytest.mark.django_db
@pytest.mark.usefixtures("at")
class TestForm:
    """The reply in the form of a package."""

    def test_a_reply_is_given_prolonged_and_taken_back(
        self, admin_client: Client, at: Callable[[datetime], None]
    ) -> None:
        package = PackageFactory.create()
        typed = {"reply_kind": "finished", "reply_note": NOTE, "reply_until": "2026-05-09"}
        assert send(admin_client, package, open_form(admin_client, package), **typed).status_code == 302
        assert columns_of(package) == ("finished", NOTE, TODAY, LAST)
        at(NOW + DAY)
        form = open_form(admin_client, package)
        assert send(admin_client, package, form, reply_until="2027-01-01").status_code == 302
        assert columns_of(package) == ("finished", NOTE, TODAY, date(2027, 1, 1))
        form = open_form(admin_client, package)
        assert send(admin_client, package, form, reply_kind="help_wanted").status_code == 302
        assert columns_of(package) == ("help_wanted", NOTE, TODAY + DAY, date(2027, 1, 1))
        assert send(admin_client, package, open_form(admin_client, package), reply_kind="").status_code == 302
        assert columns_of(package) == tuple(NO_REPLY.values())

    @pytest.mark.parametrize(
        ("typed", "error"),
        [
            ({"reply_kind": "finished"}, "Type the last day on which the reply holds, 2027-05-06 for example."),
            ({"reply_note": "x"}, "Choose the reply that this belongs to, or empty it."),
            ({"reply_until": "2026-05-09"}, "Choose the reply that this belongs to, or empty it."),
            (
                {"reply_kind": "finished", "reply_until": "2026-05-05"},
                "This day has passed: type a later one, or choose no reply.",
            ),
            ({"reply_kind": "finished", "reply_until": "soon"}, "Enter a valid date."),
            (
                {"reply_kind": "nonsense", "reply_until": "2026-05-09"},
                "Select a valid choice. nonsense is not one of the available choices.",
            ),
            (
                {"reply_kind": "finished", "reply_until": "2026-05-09", "reply_note": "x" * 301},
                "Ensure this value has at most 300 characters (it has 301).",
            ),
        ],
    )
    def test_what_is_no_reply(self, admin_client: Client, typed: dict[str, str], error: str) -> None:
        package = PackageFactory.create()
        response = send(admin_client, package, open_form(admin_client, package), **typed)
        assert errors_of(response) == [error]
        assert columns_of(package) == tuple(NO_REPLY.values())

    def test_a_stored_reply_cannot_lose_its_day(self, admin_client: Client) -> None:
        package = replied()
        form = open_form(admin_client, package)
        assert errors_of(send(admin_client, package, form, reply_until="")) == [
            "Type the last day on which the reply holds, 2027-05-06 for example."
        ]
        assert errors_of(send(admin_client, package, form, reply_until="2026-05-01")) == [
            "The reply is of 2026-05-06: type no earlier day."
        ]

    def test_a_reply_that_is_over_keeps_no_form_from_being_saved(
        self, admin_client: Client, at: Callable[[datetime], None]
    ) -> None:
        package = replied()
        at(NOW + 6 * DAY)  # within the seven days of a session
        form = open_form(admin_client, package)
        assert send(admin_client, package, form, title="Other").status_code == 302
        assert columns_of(package)[0] == "help_wanted"

    def test_undoing(self, admin_client: Client) -> None:
        package = PackageFactory.create()
        typed = {"reply_kind": "finished", "reply_note": "x", "reply_until": "2026-05-09"}
        send(admin_client, package, open_form(admin_client, package), **typed)
        given = EditBatch.objects.latest("pk")
        send(admin_client, package, open_form(admin_client, package), reply_until="2026-05-10")
        prolonged = EditBatch.objects.latest("pk")
        with pytest.raises(RefusedError) as refused:
            undo(given, None)  # the later day stays unless it is ticked, and cannot stay alone
        needs_day, needs_since = "A reply needs the day until which", "A reply cannot end before it begins."
        assert refused.value.reasons[0].startswith((needs_day, needs_since))  # whichever constraint is looked at first
        undo(prolonged, None)
        undo(given, None)
        assert columns_of(package) == tuple(NO_REPLY.values())
        undo(EditBatch.objects.latest("pk"), None)
        assert columns_of(package) == ("finished", "x", TODAY, LAST)


def test_a_migration_moves_what_was_finished(transactional_db: None) -> None:
    ended, lasting, help_wanted = (PackageFactory.create() for _ in range(3))
    moment = datetime(2026, 5, 6, 23, 30, tzinfo=UTC)
    Package.objects.filter(pk=help_wanted.pk).update(
        reply_kind="help_wanted", reply_since=TODAY, reply_until=LAST, reply_note="x"
    )
    try:
        call_command("migrate", "packages", "0017", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(finished_until) FROM packages_package")
            assert cursor.fetchone() == (0,)
        for triggers in REGISTERED:  # those of the columns that are gone
            triggers.uninstall(connection)
        with connection.cursor() as cursor:
            for package, until in ((ended, TODAY - DAY), (lasting, LAST)):
                cursor.execute(
                    "UPDATE packages_package SET finished_until = %s, modified = %s WHERE id = %s",
                    [until, moment, package.pk],
                )
    finally:
        call_command("migrate", verbosity=0)
    assert columns_of(ended) == ("finished", "", TODAY - DAY, TODAY - DAY)
    assert columns_of(lasting) == ("finished", "", TODAY, LAST)
    assert columns_of(help_wanted) == tuple(NO_REPLY.values())
    try:
        call_command("migrate", "packages", "0017", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute("SELECT finished_until FROM packages_package ORDER BY id")
            days = [None if day is None else str(day) for (day,) in cursor.fetchall()]
            assert days == ["2026-05-05", "2026-05-09", None]
    finally:
        call_command("migrate", verbosity=0)
    assert columns_of(lasting)[3] == LAST
