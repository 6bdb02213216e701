"""Admin under forms that no browser sends, by each role: every form of every page, every deed and every action.

No response is a 5xx, nothing is saved that breaks a rule of the database or a page, and nobody but a superuser changes
users. `make fuzz` sends many more.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.signals import got_request_exception
from django.db import connection, transaction
from django.test import Client
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from editing.tables import EDITED
from tests.editing.test_roles import ACTIONS, DEEDS, PAGES, May
from tests.editing.world import WHO, World, build, url_of
from tests.fuzz import budget
from tests.fuzz.html_forms import Form, forms_of
from tests.fuzz.mutations import EDGES, NAMES, PLANS, FuzzedClient, Plan, encoded, mutated

pytestmark = [pytest.mark.more, pytest.mark.django_db]
THINGS = {**DEEDS, **ACTIONS}
SENDERS = st.sampled_from([*WHO, "editor", "moderator", "superuser", "superuser"])
fuzzed = settings(suppress_health_check=[*HealthCheck], deadline=None, database=None, max_examples=budget.FORMS)
# What the API and admin show of everything that can be saved
SHOWN = (
    *("/api/v4/packages/?fields=all&expand=category", "/api/v4/grids/?fields=all", "/api/v4/categories/"),
    *("/api/v4/packages/?format=api", "/api/v4/grids/?format=api", "/api/v4/changes/", "/api/v4/feeds/packages.atom"),
    *("/admin/packages/package/", "/admin/grids/grid/", "/admin/grids/cell/", "/admin/editing/editbatch/", "/admin/"),
)
sent: Counter[int] = Counter()


@pytest.fixture
def world(db: None) -> World:
    return build()


@pytest.fixture(scope="module", autouse=True)
def _report() -> Iterator[None]:
    yield
    lines = ", ".join(f"{status}: {number:,}" for status, number in sorted(sent.items()))
    sys.stderr.write(f"\n{sent.total():,} forms and pages of admin ({lines})\n")


@contextmanager
def exceptions() -> Iterator[list[Any]]:
    """Collect the exceptions of views; a response tells nothing of them."""
    raised: list[Any] = []

    def collect(**_: Any) -> None:
        raised.append(sys.exc_info())

    got_request_exception.connect(collect)
    try:
        yield raised
    finally:
        got_request_exception.disconnect(collect)


def users() -> list[Any]:
    """Return what only a superuser may change, but for one's own password."""
    columns = ("pk", "username", "is_staff", "is_superuser", "is_active", "email", "first_name", "last_name")
    rights = User.objects.order_by("pk").values_list("pk", "groups", "user_permissions")
    of_groups = Group.objects.order_by("pk").values_list("pk", "name", "permissions")
    return [*User.objects.order_by("pk").values_list(*columns), *rights, *of_groups]


def has_no_nul() -> None:
    """Check what SQLite would store, and PostgreSQL would not."""
    for table in EDITED:
        for row in table.model._base_manager.values():
            assert "\0" not in str(row), (table.name, row)


def judge(client: FuzzedClient, raised: list[Any], world: World, before: list[Any] | None) -> None:
    """Check what a deed led to. `before` has the users as they were, unless a superuser was at work."""
    sent.update(response.status_code for response in client.responses)
    for _, error, _ in raised:
        raise error
    assert [response.status_code for response in client.responses if response.status_code >= 500] == []
    connection.check_constraints()
    if before is not None:
        assert users() == before
    if any(response.status_code == 302 for response in client.responses):
        has_no_nul()
        for url in SHOWN:
            assert world.superuser.get(url).status_code in {200, 302, 404, 410}, url


def attempt(world: World, who: str, plan: Plan, deed: Callable[[FuzzedClient], object]) -> None:
    """Do something as one of WHO, with forms changed by the plan, judge the outcome, and take it back."""
    with transaction.atomic(), exceptions() as raised:
        client = FuzzedClient(world.clients[who], plan)
        before = None if who == "superuser" else users()
        # The deed's own steps may not find in a page what they look for.
        with suppress(AssertionError, LookupError, TypeError, ValueError, AttributeError):
            deed(client)
        judge(client, raised, world, before)
        transaction.set_rollback(True)


@pytest.mark.parametrize("name", THINGS)
def test_deeds(world: World, name: str) -> None:
    may: May = THINGS[name]

    @seed(budget.SEED)
    @fuzzed
    @given(who=SENDERS, plan=PLANS)
    def check(who: str, plan: Plan) -> None:
        with transaction.atomic():
            may.prepare(world)
            attempt(world, who, plan, lambda client: may.deed(world, client))
            transaction.set_rollback(True)

    check()


def send(client: FuzzedClient, page: str, form: Form, plan: Plan) -> None:
    """Send a form of a page: in the address, if it is to be sent so."""
    url = urljoin(page, form.action)
    if urlsplit(url).netloc:
        return
    if form.method == "get":
        query = urlencode(mutated(list(form.fields), plan))
        client.keep(client.get(f"{urlsplit(url).path}?{query}"))
        return
    fields: dict[str, Any] = {}
    for name, value in form.fields:
        fields.setdefault(name, []).append(value)
    if form.has_files:
        fields["file"] = SimpleUploadedFile("file.csv", plan[0].value, "text/csv")
    client.post(url, fields)


@pytest.mark.parametrize("name", PAGES)
def test_forms(world: World, name: str) -> None:
    """All forms of each page as a superuser sees them, whoever sends them then."""
    url = url_of(name, world)
    page = world.superuser if name != "login" else Client()
    response = page.get(url, follow=True)
    is_page = response.headers.get("Content-Type", "").startswith("text/html")
    forms = forms_of(response.content.decode()) if is_page else []
    forms.append(Form("", url, "post"))

    @seed(budget.SEED)
    @fuzzed
    @given(who=SENDERS, form=st.sampled_from(range(len(forms))), plan=PLANS)
    def check(who: str, form: int, plan: Plan) -> None:
        attempt(world, who, plan, lambda client: send(client, url, forms[form], plan))

    check()


def odd_url(url: str, plan: Plan) -> str:
    """Return the URL of a page with its ids, or a part of its path, replaced, and with an odd query."""
    path, parts = url.partition("?")[0], [step.value for step in plan]
    pieces = path.split("/")
    ids = [at for at, piece in enumerate(pieces) if piece.isdigit()]
    for at in ids if plan[0].place % 3 else ids[:1]:
        pieces[at] = urlencode({"": parts[0][:300]})[1:]
    query = encoded([(step.name, step.value[:1000]) for step in plan[1:]])[0].decode()
    return "/".join(pieces) + (f"?{query}" if query else "")


LOOKUPS = (
    *("q", "o", "p", "all", "e", "_facets", "category__id__exact", "repo_host", "is_locked__exact", "user__id__exact"),
    *(
        "id__in",
        "title__regex",
        "password__startswith",
        "category__title",
        "date__gte",
        "who",
        "kind",
        "source",
        "text",
    ),
    *("app_label", "model_name", "field_name", "term", "page", "ids", "into", "next", "grid", "grid__id__exact"),
)
_steps = st.builds(
    lambda step, name: step._replace(name=name), PLANS.map(lambda plan: plan[0]), st.sampled_from([*LOOKUPS, *NAMES])
)
_values = st.sampled_from(EDGES)


@pytest.mark.parametrize("name", PAGES)
def test_addresses(world: World, name: str) -> None:
    """Other ids in the path, and any parameters."""
    url = url_of(name, world)

    @seed(budget.SEED)
    @fuzzed
    @given(who=SENDERS, plan=st.lists(_steps, min_size=1, max_size=4))
    def check(who: str, plan: Plan) -> None:
        attempt(world, who, plan, lambda client: client.keep(client.get(odd_url(url, plan))))

    check()
