"""Adding many packages by a pasted list: a preview of what each line names, and one edit that adds those ticked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.models import ADDITION, LogEntry
from django.db import IntegrityError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html

from categories.models import Category
from core.words import counted
from editing.adding.carried import sign, unsign
from editing.adding.known import MAX_TITLE, Duplicate, Known, bare_name, provider_id
from editing.adding.lines import Line, name_of, read_line, target_of
from editing.adding.outcomes import not_fetched, outcome_in_words
from editing.recorder import recording
from fetchers.forges.github_overview import Overview
from fetchers.network.http import FetchError
from fetchers.on_demand import OnDemand
from packages.facts import known as known_fact
from packages.identity import forges
from packages.keys import folder, repository
from packages.models import Package
from packages.results import HOSTS_FAULT

MOST_LINES = 200
TEMPLATE = "editing/adding_several.html"
UNASKED = "proposed from the name alone; the next refresh asks"
LONGEST_URL, LONGEST_NAME = 500, 255  # characters, of the columns
TOO_LONG = f"a repository URL has at most {LONGEST_URL} characters, a project on PyPI {LONGEST_NAME}"
OLD = "Nothing was added: this list is too old. Paste it again."


class ListForm(forms.Form):
    lines = forms.CharField(
        label="Addresses",
        max_length=MOST_LINES * 500,
        widget=forms.Textarea(attrs={"rows": 10, "class": "vLargeTextField"}),
        help_text=f"The same of several packages, one a line; {MOST_LINES} lines at most.",
    )

    def clean_lines(self) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data["lines"].splitlines() if line.strip()]
        if len(lines) > MOST_LINES:
            raise forms.ValidationError(f"These are {len(lines):,} lines; paste {MOST_LINES} at most.")
        return lines


class CategoryForm(forms.Form):
    category = forms.ModelChoiceField(
        Category.objects.order_by("title", "pk"), required=False, empty_label="as proposed for each"
    )


@dataclass
class Row:
    """A line of the list, and what is proposed for it; `duplicates` are packages that may be the same, and `refusal`
    says why it cannot be added. `like` is the number of an earlier line with nearly the same name, and `former_url` the
    address that was pasted of a repository that is elsewhere now."""

    number: int
    text: str
    note: str = ""
    words: str = ""
    refusal: str = ""
    title: str = ""
    slug: str = ""
    repo_url: str = ""
    former_url: str = ""
    provider_id: str = ""
    pypi_name: str = ""
    category: int | None = None
    category_title: str = ""
    is_missing: bool = False
    like: int = 0
    duplicates: list[Duplicate] = field(default_factory=list)

    @property
    def repo_key(self) -> str:
        return repository(self.repo_url, forges()).key if self.repo_url else ""

    @property
    def repo_keys(self) -> list[str]:
        """The keys of the repository's addresses, the present one first."""
        return [repository(url, forges()).key for url in (self.repo_url, self.former_url) if url]

    @property
    def is_new(self) -> bool:
        """True if it is proposed to add it."""
        return not (self.refusal or self.duplicates or self.is_missing or self.like)


def preview(model_admin: Any, request: HttpRequest, lines: Sequence[str]) -> HttpResponseBase:
    """Show what would be added. Nothing is stored."""
    rows = [_row(number, read_line(text)) for number, text in enumerate(lines, 1)]
    reason = _ask_github(rows)
    known = _known(rows)
    _propose(rows, known)
    return _page(model_admin, request, rows, CategoryForm(), reason=reason)


def _row(number: int, line: Line) -> Row:
    row = Row(number, line.text, line.note, "" if line.refusal else UNASKED, line.refusal)
    row.title, row.repo_url, row.pypi_name = line.name[:MAX_TITLE], line.repo_url, line.pypi_name
    return row


def _ask_github(rows: Iterable[Row]) -> str:
    """Take over what GitHub's batch query says of the repositories, and return why it does not say it of all."""
    wanted = {row.number: row for row in rows if row.repo_url and forges()[target_of(row.repo_url).host] == "github"}
    if not wanted:
        return ""
    overviews, reason = OnDemand().overviews([target_of(row.repo_url, number) for number, row in wanted.items()])
    for number, row in wanted.items():
        said = overviews.get(number)
        if isinstance(said, FetchError):
            row.words = outcome_in_words(said.outcome, str(said))
            row.is_missing = said.outcome not in HOSTS_FAULT
        elif said is None:
            row.words = not_fetched(reason or "GitHub did not answer")
        else:
            _take(row, said)
    return reason


def _take(row: Row, overview: Overview) -> None:
    address = known_fact(overview.url, row.repo_url)
    row.words = "found"
    row.provider_id = provider_id(target_of(row.repo_url).host, overview.repo_id)
    if repository(address, forges()).key != row.repo_key:
        row.words = f"found: it is at {address} now"
        row.former_url, row.repo_url = row.repo_url, address + folder(row.repo_url, forges())
    elif not folder(row.repo_url, forges()):
        row.repo_url = address
    if known_fact(overview.archived, None):
        row.words += "; archived"
    row.title = name_of(row.repo_url)[:MAX_TITLE]


def _known(rows: Iterable[Row]) -> Known:
    rows = list(rows)
    return Known([key for row in rows for key in row.repo_keys], [row.title for row in rows])


def _propose(rows: Iterable[Row], known: Known) -> None:
    first: dict[str, int] = {}
    names: dict[str, int] = {}
    for row in rows:
        if not row.refusal and (len(row.repo_url) > LONGEST_URL or len(row.pypi_name) > LONGEST_NAME):
            row.refusal = TOO_LONG
        if row.refusal:
            continue
        key = row.repo_url.lower() if folder(row.repo_url, forges()) else row.repo_key or f"pypi:{row.pypi_name}"
        if key in first:
            row.refusal = f"the same as line {first[key]}"
            continue
        first[key] = row.number
        earlier = names.setdefault(bare_name(row.title), row.number)
        row.like = earlier if earlier != row.number else 0
        row.slug = known.slug(row.title)
        row.duplicates = known.duplicates(row.title, row.repo_keys, row.pypi_name, row.provider_id)
        row.category, _ = known.category(row.title, is_on_pypi=True if row.pypi_name else None, is_for_django=None)
        row.category_title = known.categories.get(row.category, "") if row.category else ""


def _page(
    model_admin: Any,
    request: HttpRequest,
    rows: Sequence[Row],
    form: CategoryForm,
    *,
    ticked: Sequence[int] | None = None,
    reason: str = "",
) -> TemplateResponse:
    numbers = [row.number for row in rows if row.is_new] if ticked is None else ticked
    addable = [row for row in rows if not row.refusal]
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Add packages by a list",
        "opts": model_admin.opts,
        "rows": rows,
        "ticked": set(numbers),
        "form": form,
        "reason": reason,
        "is_useful": bool(addable),
        "signed": sign("rows", [_packed(row) for row in rows]),
        "counts": _counts(rows),
    }
    return TemplateResponse(request, TEMPLATE, context)


def _counts(rows: Sequence[Row]) -> str:
    new = sum(row.is_new for row in rows)
    unreadable = sum(bool(row.refusal) for row in rows)
    rest = len(rows) - new - unreadable
    parts = [f"{new:,} new", f"{rest:,} to look at", f"{unreadable:,} that cannot be added"]
    return f"{counted(len(rows), 'line')}: {', '.join(parts)}."


def _packed(row: Row) -> dict[str, Any]:
    return {**vars(row), "duplicates": [list(each) for each in row.duplicates]}


def _unpacked(content: Mapping[str, Any]) -> Row:
    return Row(**{**content, "duplicates": [Duplicate(*each) for each in content["duplicates"]]})


# Saving


def create(model_admin: Any, request: Any) -> HttpResponseBase:
    """Add the ticked lines of a preview, as it was shown, in one edit."""
    content = unsign("rows", request.POST.get("rows", ""))
    if content is None:
        messages.error(request, OLD)
        return redirect("admin:packages_package_add_by_address")
    rows = [_unpacked(each) for each in content]
    ticked = [row for row in rows if str(row.number) in request.POST.getlist("tick") and not row.refusal]
    form = CategoryForm(request.POST)
    if form.is_valid() and not ticked:
        form.add_error(None, "Tick at least one line.")
    elif form.is_valid() and not form.cleaned_data["category"]:
        without = [str(row.number) for row in ticked if row.category is None]
        if without:
            form.add_error("category", f"Choose one: for these lines none is proposed: {', '.join(without)}.")
    if not form.is_valid():
        return _page(model_admin, request, rows, form, ticked=[row.number for row in ticked])
    try:
        return _create(request, ticked, form.cleaned_data["category"])
    except IntegrityError:  # of another editor, who has taken a slug in this moment
        return _create(request, ticked, form.cleaned_data["category"])


def _create(request: Any, ticked: Sequence[Row], category: Category | None) -> HttpResponseBase:
    with recording(request.user) as batch:
        known = _known(ticked)
        packages, left = [], []
        for row in ticked:
            shown = {each.pk for each in row.duplicates}
            others = known.duplicates(row.title, row.repo_keys, row.pypi_name, row.provider_id)
            chosen = category.pk if category else row.category
            if any(each.is_same and each.pk not in shown for each in others) or chosen not in known.categories:
                left.append(row.title)
                continue
            packages.append(
                Package(
                    title=row.title,
                    slug=known.slug(row.title),
                    category_id=chosen,
                    repo_url=row.repo_url,
                    pypi_url=row.pypi_name,
                )
            )
        added = Package.objects.bulk_create(packages)
        batch.words = f"Added {counted(len(added), 'package')} of a pasted list"
        if added:
            LogEntry.objects.log_actions(request.user.pk, added, ADDITION, change_message="Added of a pasted list.")
            url = reverse("admin:editing_editbatch_change", args=(batch.batch.pk,))
            message = format_html('{}. The next refresh fetches their facts. <a href="{}">Undo</a>', batch.words, url)
            messages.success(request, message)
    if left:
        names = ", ".join(f"“{title}”" for title in left)
        messages.warning(request, f"Left out, for they were added, or their category deleted, meanwhile: {names}.")
    return redirect("admin:packages_package_changelist")
