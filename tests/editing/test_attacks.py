"""Attacks on admin: forms of other sites, redirects to them, columns that no form has, and texts that are no texts.

Each is tried at every page and with every deed that the tables of roles have, so that none is forgotten.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth.models import Group, User
from django.db import models, transaction
from django.test import Client
from django.utils import timezone

from categories.models import Category
from editing.models import EditBatch
from editing.recorder import recording
from fetchers.models import HostRateLimit, Run
from grids.models import Cell, Feature, Grid, GridPackage
from packages.advisories.models import Advisory
from packages.models import FetchState, Package, PackageHealth, Pin, Release, RepositoryAlias
from packages.pins.write import pin
from tests.core.admin.editors import change_url
from tests.editing.test_roles import ACTIONS, DEEDS, PAGES, stored
from tests.editing.world import World, build, url_of
from tests.factories import CellFactory, FeatureFactory, GridFactory, PackageFactory

THINGS = {**DEEDS, **ACTIONS}
EVIL = "evil.test"
NOW = datetime(2026, 5, 6, tzinfo=UTC)


@pytest.fixture
def world(db: None) -> World:
    return build()


# --- Forms of other sites


def strict(world: World) -> Client:
    """Return a superuser's client that checks tokens, and has none."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="superuser"))
    world.clients = {**world.clients, "strict": client}
    return client


def test_no_page_takes_a_form_without_its_token(world: World) -> None:
    client = strict(world)
    taken = {name: client.post(url_of(name, world)).status_code for name in PAGES}
    assert {name: status for name, status in taken.items() if status != 403} == {}


def test_no_deed_is_done_with_the_token_of_another_session(world: World) -> None:
    """The forms have a token, of the session that opened them, but not of the one that sends them."""
    client = strict(world)
    for name, may in THINGS.items():
        with transaction.atomic():
            may.prepare(world)
            before = stored()
            response: Any = may.deed(world, client)
            assert response.status_code == 403, name
            assert stored() == before, name
            transaction.set_rollback(True)


# --- Redirects


PLACES = (f"https://{EVIL}/", f"//{EVIL}/", rf"\\{EVIL}/", f"/\\{EVIL}", f"https:{EVIL}", f"javascript:{EVIL}")
NAMES = ("next", "return", "url", "redirect", "continue", "referer")


def leads_away(response: Any) -> bool:
    """Tell whether a browser would follow a response to another site."""
    location = response.headers.get("Location", "").replace("\\", "/").strip()
    target = urlsplit(urljoin("http://testserver/admin/", location))
    return target.netloc != "testserver" or target.scheme not in {"http", "https"}


@pytest.mark.parametrize("place", PLACES)
def test_no_page_redirects_to_another_site(world: World, place: str) -> None:
    sent = dict.fromkeys(NAMES, place) | {"_changelist_filters": f"next={place}"}
    query = urlencode(sent)
    for name in (each for each in PAGES if each != "logout"):
        url = url_of(name, world)
        url += f"{'&' if '?' in url else '?'}{query}"
        with transaction.atomic():  # a deletion takes any form for a confirmation
            assert not leads_away(world.superuser.get(url)), name
            assert not leads_away(world.superuser.post(url, sent, headers={"referer": place})), name
            transaction.set_rollback(True)
    for may in (DEEDS["rename a package"], DEEDS["put an item of the desk off"], DEEDS["undo that a cell was changed"]):
        may.prepare(world)
        assert not leads_away(may.deed(world, world.superuser))


@pytest.mark.parametrize("place", PLACES)
def test_who_logs_in_or_out_stays_on_the_site(world: World, place: str) -> None:
    typed = {"username": "editor", "password": "x", "next": place}
    for url in ("/admin/login/", f"/admin/login/?{urlencode({'next': place})}"):
        response = Client().post(url, typed)
        assert response.status_code == 302
        assert not leads_away(response)
    assert not leads_away(world.superuser.post(f"/admin/logout/?{urlencode({'next': place})}", {"next": place}))


@pytest.mark.parametrize("path", [f"/admin//{EVIL}", f"//{EVIL}/admin", f"/admin/../../{EVIL}", f"/admin/%2f%2f{EVIL}"])
def test_a_missing_slash_is_added_on_the_site(world: World, path: str) -> None:
    response = world.superuser.get("/admin/", PATH_INFO=path)
    assert not leads_away(response)


def test_saving_goes_back_to_a_list_of_the_site_alone(world: World) -> None:
    filters = urlencode({"_changelist_filters": f"q=x&next=//{EVIL}/"})
    fields = world.form(change_url(world.package), "package")
    response = world.superuser.post(f"{change_url(world.package)}?{filters}", fields | {"title": "New"})
    assert response.headers["Location"].startswith("/admin/packages/package/?q=x&next=")


# --- Columns that no form has

# What a request may set: the columns of the form. Everything else is tried here.
PROBES: dict[type[models.Field[Any, Any]], Any] = {
    models.BooleanField: "on",
    models.DateField: "2000-01-01",
    models.DateTimeField: "2000-01-01 00:00:00",
    models.JSONField: '["evil"]',
    models.IntegerField: "1234567",
    models.FloatField: "0.5",
    models.CharField: "evil",
    models.TextField: "evil",
    models.ForeignKey: "1",
    models.BigAutoField: "987654",
}


def probes(model: type[models.Model], fields: Any) -> Iterator[tuple[str, Any]]:
    """Yield a value for each column of a model that a form does not have, by all names that it may go by."""
    for column in model._meta.concrete_fields:
        if column.name in fields:
            continue
        value = next(value for kind, value in PROBES.items() if isinstance(column, kind))
        yield from ((name, value) for name in {column.name, column.attname, str(column.column)})
        if isinstance(column, models.DateTimeField):
            yield from ((f"{column.name}_0", "2000-01-01"), (f"{column.name}_1", "00:00:00"))
            yield f"initial-{column.name}", "2000-01-01 00:00:00"


@pytest.mark.parametrize("kind", ["package", "grid", "feature", "cell", "category"])
def test_a_form_sets_the_columns_that_it_shows_alone(world: World, kind: str) -> None:
    row, who = getattr(world, kind), "moderator" if kind == "category" else "editor"
    fields = world.form(change_url(row), kind)
    page = world.clients[who].get(change_url(row)).content.decode()
    tried = dict(probes(type(row), set(re.findall(r'name="(\w+)"', page))))
    assert len(tried) > 2
    before = row.__class__.objects.values().get(pk=row.pk)
    sent = {**tried, **fields}
    sent.update({"text": "New"} if kind == "cell" else {"title": "New"})
    assert world.clients[who].post(change_url(row), sent).status_code == 302, tried
    after = row.__class__.objects.values().get(pk=row.pk)
    changed = {name for name in after if after[name] != before[name]}
    assert changed - {"repo_host", "repo_key"} == {"text" if kind == "cell" else "title", "modified"}
    assert after["modified"].year > 2000


def test_a_new_package_has_no_facts_of_its_form(world: World) -> None:
    url = "/admin/packages/package/add/"
    typed: Any = {"title": "New", "slug": "new", "category": world.category.pk, "repo_url": "", "pypi_url": ""}
    for path in (url, f"{url}by-address/"):
        page = world.superuser.get(url).content.decode()
        tried = dict(probes(Package, set(re.findall(r'name="(\w+)"', page))))
        sent = {**tried, **world.form(url, "package"), **typed, "save": "1", "facts": "forged", "said": "forged"}
        assert world.clients["editor"].post(path, sent).status_code == 302
        package = Package.objects.get(slug="new")
        assert package.pk != 987654
        assert (package.repo_watchers, package.participants, package.archived, package.reply_since) == (
            0,
            [],
            None,
            None,
        )
        assert (package.verdict_rank, package.gone_since, package.pypi_downloads) == (None, None, None)
        assert package.created.year == package.modified.year == timezone.now().year
        package.delete()


def test_a_pin_is_of_the_one_who_saves_it(world: World) -> None:
    of = {"pins-TOTAL_FORMS": "1", "pins-0-column": "licence", "pins-0-pinned": "MIT", "pins-0-reason": "so"}
    forged: dict[str, Any] = {"by": "superuser", "since": "2000-01-01", "upstream": '"evil"', "upstream_then": '"evil"'}
    forged |= {"is_elsewhere": "on", "pinned_then": '"evil"', "package": world.other_package.pk}
    fields = world.form(change_url(world.package), "package")
    sent = fields | of | {f"pins-0-{name}": value for name, value in forged.items() if name != "package"}
    assert world.clients["editor"].post(change_url(world.package), sent).status_code == 302
    found = Pin.objects.get()
    assert (found.by, found.package, found.pinned, found.is_elsewhere) == ("editor", world.package, "MIT", False)
    assert found.since.year == timezone.now().year
    assert "evil" not in json.dumps([found.upstream, found.upstream_then])


# Django's buttons and marks of forms; a form says by them which page comes next.
BUTTONS = ("_save", "_saveasnew", "_addanother", "_continue", "_editor", "_popup", "_to_field", "_changelist_filters")


@pytest.mark.parametrize("button", BUTTONS)
def test_every_form_takes_a_button_that_it_does_not_show(world: World, button: str) -> None:
    """A superuser's client raises what a view raises."""
    statuses = {}
    for name in PAGES:
        if name.endswith(("_add", "_change")):
            with transaction.atomic():
                statuses[name] = world.superuser.post(url_of(name, world), {button: "1"}).status_code
                transaction.set_rollback(True)
    assert set(statuses.values()) <= {200, 302, 400, 403}, statuses


@pytest.mark.parametrize("tick", ["", "yes", "0", "-1", "1.5", "1e3", "\u0661", "9" * 30, "\0", "a/../b"])
def test_every_list_takes_ticks_that_are_no_ids(world: World, tick: str) -> None:
    for name in PAGES:
        if name.endswith("_changelist"):
            form = {"action": "delete_selected", "_selected_action": [tick, "1"], "index": "0"}
            assert world.superuser.post(url_of(name, world), form).status_code in {200, 302, 403}, name


def test_rows_of_others_are_not_reached_through_a_form(world: World) -> None:
    """The ids of rows that belong to another document are put into a form, to be changed and to be deleted."""
    theirs, cell = FeatureFactory.create(title="Theirs"), CellFactory.create(text="Theirs")
    pin(world.other_package, "licence", "MIT", "so", "superuser")
    locked = GridFactory.create(is_locked=True)
    member = GridPackage.objects.create(grid=locked, package=world.other_package)
    before = stored()
    editor, grid, package = world.clients["editor"], change_url(world.grid), change_url(world.package)
    of_feature = {"features-0-id": theirs.pk, "features-0-title": "Mine", "features-0-grid": theirs.grid_id}
    of_pin = {"pins-TOTAL_FORMS": "1", "pins-INITIAL_FORMS": "1", "pins-0-id": Pin.objects.get().pk}
    of_pin |= {"pins-0-column": "licence", "pins-0-pinned": "evil", "pins-0-reason": "evil"}
    tries: list[tuple[str, dict[str, Any]]] = [
        (grid, world.form(grid, "grid") | of_feature),
        (grid, world.form(grid, "grid") | of_feature | {"features-0-DELETE": "on"}),
        (grid, world.form(grid, "grid") | {f"memberships-{member.package_id}-DELETE": "on"}),
        (package, world.form(package, "package") | of_pin),
        (package, world.form(package, "package") | of_pin | {"pins-0-DELETE": "on"}),
        (package, world.form(package, "package") | {f"memberships-{locked.pk}-DELETE": "on"}),
        (change_url(world.feature), world.form(change_url(world.feature), "feature") | {"grid": theirs.grid_id}),
        (
            change_url(world.cell),
            world.form(change_url(world.cell), "cell") | {"feature": theirs.pk, "package": cell.membership.package_id},
        ),
    ]
    for url, sent in tries:
        editor.post(url, sent)
        assert stored() == before, sent


def test_nobody_makes_himself_more(world: World) -> None:
    editor = User.objects.get(username="editor")
    rights = {"is_superuser": "on", "is_staff": "on", "user_permissions": "1", "groups": "1", "username": "editor"}
    for url in (f"/admin/auth/user/{editor.pk}/change/", "/admin/auth/user/add/", "/admin/password_change/"):
        world.clients["editor"].post(url, rights)
    editor.refresh_from_db()
    assert not editor.is_superuser
    assert list(editor.groups.values_list("name", flat=True)) == ["Editors"]
    assert not editor.user_permissions.exists()


# --- Texts

SCRIPT = "<script>owned()</script>"
HOSTILE = (
    f"\"><img src=x onerror='owned()'>{SCRIPT}\u202eeman\x01\x1b\u2028</textarea></title></script>{{{{ 7|add:7 }}}}"
)
HOSTILE += " javascript:owned() [x](javascript:owned()) &lt;b&gt;"
ADDRESS = f'https://x.test/"><img/src=x/onerror=owned()>{SCRIPT}'


class Looked(HTMLParser):
    """Collect what a page that trusts its texts would have; `texts` is the number of hostile ones that it shows."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.texts = 0
        self.script = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.script = given.get("type", "script") if tag == "script" and "src" not in given else ""
        if self.script and self.script != "application/json":
            self.faults.append(f"a script in the page: {given}")
        for name, value in given.items():
            if name.startswith("on"):
                self.faults.append(f"{tag} with {name}={value}")
            is_link = name in {"href", "src", "action", "formaction", "data-url"}
            if is_link and not re.match(r"https?://|[/?#.]|[\w-]+/|\Z", value):
                self.faults.append(f"{tag} leads to {value}")
        if given.get("src") == "x":
            self.faults.append("an image of a text")

    def handle_data(self, data: str) -> None:
        self.texts += "owned()" in data
        if self.script and "<" in data:
            self.faults.append(f"not escaped in a script: {data[:80]}")


def _texts(model: type[models.Model], *left_out: str) -> dict[str, str]:
    """Return a hostile text for every column of texts, but for those in a closed set, and slugs."""
    columns = [each for each in model._meta.concrete_fields if isinstance(each, models.CharField | models.TextField)]
    kept = [
        each for each in columns if not (each.choices or isinstance(each, models.SlugField) or each.name in left_out)
    ]
    return {each.name: HOSTILE[: each.max_length or 5_000] for each in kept}


def make_hostile(world: World) -> None:
    """Fill every text with what would break a page that trusts it, as edits, so that the history has them too."""
    package, other = world.package, world.other_package
    derived = ("repo_host", "repo_key", "pypi_name", "repo_facts_of", "pypi_facts_of", "reply_kind", "pypi_status")
    addresses = ("repo_url", "pypi_url", "documentation_url", "pypi_repo_url")
    reply = {"reply_kind": "help_wanted", "reply_since": date(2026, 1, 1), "reply_until": timezone.now().date()}
    lists = {"participants": [HOSTILE], "classifiers": [HOSTILE, f"Framework :: Django :: {HOSTILE}"]}
    with recording("superuser", HOSTILE[:200]):
        Category.objects.update(**_texts(Category))
        texts = _texts(Package, *derived, *addresses)
        Package.objects.update(**texts, **reply, **lists, archived=True, replaced_by=None)
        Package.objects.update(repo_url=ADDRESS, documentation_url=ADDRESS, pypi_repo_url=ADDRESS)
        Package.objects.filter(pk=other.pk).update(replaced_by=package, gone_since=NOW)
        Grid.objects.update(**_texts(Grid))
        Feature.objects.update(**_texts(Feature))
        Cell.objects.update(**_texts(Cell))
        for column in ("repo_description", "licence", "documentation_url"):
            Pin.objects.create(
                package=package, column=column, since=NOW, pinned=ADDRESS, upstream=HOSTILE, reason=HOSTILE[:200]
            )
    Pin.objects.update(**_texts(Pin))
    package.refresh_from_db()
    facts = {"package": package, "next_due": NOW, "last_success": NOW, "failures": 2, "error": HOSTILE[:300]}
    for source, target in (("repo", package.repo_key), ("pypi", package.pypi_name)):
        FetchState.objects.update_or_create(
            package=package, source=source, defaults={**facts, "outcome": "timeout", "target": target, "validators": {}}
        )
    Release.objects.create(**_texts(Release), package=package, uploaded_at=NOW)
    RepositoryAlias.objects.create(package=package, repo_url=ADDRESS, repo_key=HOSTILE, until=NOW)
    reason = {"rule": HOSTILE, "holds": True, "value": {HOSTILE: HOSTILE}, "threshold": {HOSTILE: [HOSTILE]}}
    health = {"package": package, "reasons": [reason], "warnings": [HOSTILE], "since": NOW}
    PackageHealth.objects.filter(package=package).delete()
    PackageHealth.objects.create(**health)
    Run.objects.update(**_texts(Run), sources=[HOSTILE], finished=NOW, exit_code=1)
    HostRateLimit.objects.update(**_texts(HostRateLimit))
    for logged in (AccessAttempt, AccessFailureLog, AccessLog, Advisory):
        logged.objects.update(**_texts(logged))
    User.objects.filter(username="other").update(**_texts(User, "password", "email"), email=HOSTILE[:254])
    Group.objects.filter(name="Others").update(name=HOSTILE[:150])
    EditBatch.objects.update(user_name=HOSTILE[:150], words=HOSTILE[:200])
    world.batch = EditBatch.objects.latest("pk")
    world.rows = {**world.rows, "editing.editbatch": world.batch.pk}


@pytest.fixture
def hostile(world: World) -> World:
    make_hostile(world)
    return world


def look(response: Any, name: str) -> int:
    """Look at a page, and return how many hostile texts it shows."""
    if not response.headers.get("Content-Type", "").startswith(("text/html", "image/svg")):
        return 0
    looked = Looked(response.content.decode())
    assert looked.faults == [], name
    return looked.texts


@pytest.mark.parametrize("name", PAGES)
def test_no_text_is_more_than_text(hostile: World, name: str) -> None:
    client = Client() if name == "login" else hostile.superuser
    response = client.get(url_of(name, hostile), follow=True)
    shows = look(response, name)
    parts = ("changelist", "change", "history", "delete", "editor", "why", "index")
    assert (
        shows
        or not name.endswith(parts)
        or response.status_code == 403
        or name.startswith("auth_")
        or name.endswith("password_change")
        or name in {"axes_accessattempt_delete", "axes_accessattempt_history"}  # which name the time alone
    ), name


@pytest.mark.parametrize("name", THINGS)
def test_no_text_is_more_in_what_a_deed_shows(hostile: World, name: str) -> None:
    may = THINGS[name]
    may.prepare(hostile)
    response: Any = may.deed(hostile, hostile.superuser)
    location = response.headers.get("Location")
    if location and not location.startswith("/admin/login"):
        response = hostile.superuser.get(location)
    look(response, name)


@pytest.mark.parametrize("kind", ["package", "grid", "feature", "cell", "category"])
def test_what_a_form_refuses_comes_back_as_text(hostile: World, kind: str) -> None:
    row = getattr(hostile, kind)
    fields = hostile.form(change_url(row), kind)
    # Not as the id of another row: Django's fields that complete a title are rendered with numbers alone.
    left_out = re.compile(r"initial-.*|csrf.*|.*_FORMS|(?:.*-)?(?:category|replaced_by|grid|package|feature)")
    typed = {name: [HOSTILE] for name in fields if not left_out.fullmatch(name)}
    response = hostile.superuser.post(change_url(row), fields | typed)
    assert look(response, kind) > 0 or kind == "cell"  # whose text may be anything
    # Two values, side by side
    type(row).objects.filter(pk=row.pk).update(**{"text" if kind == "cell" else "title": f"{HOSTILE[:50]} theirs"})
    response = hostile.superuser.post(change_url(row), fields | {"text" if kind == "cell" else "title": HOSTILE[:99]})
    assert look(response, kind) > 0


def test_a_popup_closes_with_text(hostile: World) -> None:
    fields: Any = {"title": HOSTILE[:99], "slug": "new", "title_plural": "x", "_popup": "1"}
    response = hostile.superuser.post("/admin/categories/category/add/", fields)
    assert Category.objects.filter(slug="new").exists()
    assert b"<img" not in response.content
    assert SCRIPT.encode() not in response.content


@pytest.mark.parametrize("field", ["category", "replaced_by"])
def test_autocompletes_respond_with_json(hostile: World, field: str) -> None:
    query = {"app_label": "packages", "model_name": "package", "field_name": field, "term": ""}
    response = hostile.superuser.get("/admin/autocomplete/", query)
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert SCRIPT in json.dumps(response.json())


@pytest.mark.parametrize("name", [name for name in PAGES if name.endswith("_changelist")])
def test_searches_and_filters_show_what_was_typed_as_text(world: World, name: str) -> None:
    for parameter in ("q", "who", "category__id__exact", HOSTILE):
        response = world.superuser.get(f"{url_of(name, world)}?{urlencode({parameter: HOSTILE})}", follow=True)
        assert response.status_code in {200, 400}, parameter
        look(response, f"{name} {parameter!r}")


def test_hostile_packages_are_looked_at(hostile: World) -> None:
    """The pages above are about them."""
    assert PackageFactory.create().title not in HOSTILE
    assert hostile.superuser.get(change_url(hostile.package)).content.count(b"owned()") > 20
