"""Adding one package by its address: it is looked up, and what is proposed is a form, which the editor saves."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import helpers
from django.contrib.messages.storage import default_storage
from django.db import IntegrityError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.html import format_html

from core import hooks
from core.admin import violations
from editing.adding.carried import carried, carry, sign, unsign
from editing.adding.known import Known, Proposal, provider_id
from editing.adding.lines import read_line
from editing.adding.look_up import Said, look_up, proposal
from editing.recorder import paused
from packages.facts import Fetched, RepositoryFacts
from packages.identity import derived
from packages.keys import pypi_project
from packages.models import Package
from packages.results import save_results

FIELDS = ("title", "slug", "category", "repo_url", "shared_repository", "pypi_url", "documentation_url")
TEMPLATE = "editing/adding_one.html"


class AddressForm(forms.Form):
    address = forms.CharField(
        label="Address",
        max_length=10_000,
        widget=forms.TextInput(attrs={"class": "vTextField", "autofocus": True}),
        help_text="The URL of a repository, the name of a project on PyPI, or its URL.",
    )

    def clean_address(self) -> str:
        line = read_line(self.cleaned_data["address"])
        if line.refusal:
            raise forms.ValidationError(line.refusal)
        self.line = line
        return line.text


def propose(model_admin: Any, request: HttpRequest, address: AddressForm) -> HttpResponseBase:
    """Look up a pasted address, and show the form with what is proposed. Nothing is stored yet."""
    found = look_up(address.line)
    known = Known([_key(found.repo_url), _key(found.former_url)], [found.title])
    proposed = proposal(found, known)
    form = _form_class(model_admin, request)(initial=_initial(proposed))
    if proposed.reason:
        # Help texts are HTML, and titles of categories are anybody's.
        form.fields["category"].help_text = format_html("Proposed: {}", proposed.reason)
    said = found.said
    if note := found.line.note:
        read_as = found.line.repo_url or found.line.pypi_name
        said = [Said("Read", found.line.text, f"{note.removesuffix('.')}. It is read as {read_as}"), *said]
    return _page(model_admin, request, form, known, said, facts=carry(found.attempts), former_url=found.former_url)


def save(model_admin: Any, request: Any) -> HttpResponseBase:
    """Save the form, with the facts that were fetched for it."""
    form_class = _form_class(model_admin, request)
    for _ in range(2):
        form = form_class(request.POST)
        try:
            with hooks.recording(request.user) as batch:
                request.batch = batch
                if form.is_valid():
                    return _saved(model_admin, request, form)
            break
        except IntegrityError as error:  # of another editor, who was faster: a second look sees what he has saved
            form_class.refusal = violations.message(error, [Package])
            request._messages = default_storage(request)  # an attempt that failed has said nothing
            form = form_class(request.POST)
    former_url = request.POST.get("former", "")
    known = Known([_key(request.POST.get("repo_url", "")), _key(former_url)], [])
    said = [Said(*each) for each in unsign("said", request.POST.get("said", "")) or ()]
    facts = request.POST.get("facts", "")
    return _page(model_admin, request, form, known, said, facts=facts, former_url=former_url)


def _saved(model_admin: Any, request: Any, form: Any) -> HttpResponseBase:
    package: Package = model_admin.save_form(request, form, change=False)
    model_admin.save_model(request, package, form, change=False)
    form.save_m2m()
    model_admin.log_addition(request, package, model_admin.construct_change_message(request, form, [], add=True))
    attempts = carried(request.POST.get("facts", ""), package.pk)
    with paused():
        sources = [attempt.source for attempt in attempts if save_results([attempt]).outcomes]
    response: HttpResponseBase = model_admin.response_add(request, package)
    words = {"repo": "the repository", "pypi": "PyPI"}
    fetched = " and ".join(words[source] for source in sources)
    rest = "The next refresh fetches what is missing."
    messages.info(request, f"Saved with the facts of {fetched}. {rest}" if fetched else f"Saved without facts. {rest}")
    return response


def _key(repo_url: str) -> str:
    """Return the key of a repository, as it is typed."""
    return derived("repo_url", repo_url.replace("\0", ""))["repo_key"]


def _id(facts: str, repo_key: str) -> str:
    """Return the id of the repository of which facts are carried, if it is the one with this key."""
    for attempt in carried(facts, 0):
        target, result = attempt.target, attempt.result
        if isinstance(result, Fetched) and isinstance(result.facts, RepositoryFacts):
            is_it = _key(f"https://{target.host}/{target.path}") == repo_key
            return provider_id(target.host, result.facts.repo_id) if is_it else ""
    return ""


def _form_class(model_admin: Any, request: HttpRequest) -> Any:
    """Return the form of packages, with the fields that are proposed."""
    return model_admin.get_form(request, None, fields=FIELDS)


def _initial(proposed: Proposal) -> dict[str, Any]:
    values = {name: getattr(proposed, name) for name in FIELDS if hasattr(proposed, name)}
    return {name: value for name, value in values.items() if value}


def _page(
    model_admin: Any, request: HttpRequest, form: Any, known: Known, said: list[Said], *, facts: str, former_url: str
) -> TemplateResponse:
    typed = {name: str(form[name].value() or "") for name in ("title", "repo_url", "pypi_url")}
    keys = [_key(typed["repo_url"]), _key(former_url)]
    adminform = helpers.AdminForm(form, [(None, {"fields": list(FIELDS)})], {}, model_admin=model_admin)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Add package by address",
        "opts": model_admin.opts,
        "media": model_admin.media + adminform.media,
        "adminform": adminform,
        "errors": form.errors,
        "said": said,
        "said_signed": sign("said", [list(each) for each in said]),
        "facts": facts,
        "former": former_url,
        "duplicates": known.duplicates(typed["title"], keys, pypi_project(typed["pypi_url"]), _id(facts, keys[0])),
    }
    return TemplateResponse(request, TEMPLATE, context)
