"""The answer of `pick`: each package with the reasons why it is there, and those that a condition left out."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from config.mcp_server.arguments import Level
from config.mcp_server.catalogue import Catalogue
from config.mcp_server.picking import Candidate, Conditions, pick
from config.mcp_server.texts import SHORT, day, fitted, number, slug, text, texts, without_nothing

_WHY_NOT = {
    "django": "does not say that it works with Django {}",
    "python": "does not say that it works with Python {}",
    "licence": "is not known to be under {}",
    "level": "its health is below the level {}",
}


def pick_packages(catalogue: Catalogue, about: str, conditions: Conditions, limit: int) -> str:
    """Return the answer."""
    picks = pick(catalogue, about, conditions)
    answer: dict[str, Any] = {
        "words": list(picks.words),
        "words_that_no_package_has": list(picks.unknown),
        "picks": [_picked(rank, each, conditions) for rank, each in enumerate(picks.picked[:limit], 1)],
        "left_out": [_left_out(each, conditions) for each in picks.left_out],
    }
    if len(picks.picked) > limit:
        answer["more"] = f"{len(picks.picked) - limit} more fit less well; raise limit for them."
    if not picks.picked:
        answer["hint"] = _hint(has_others=bool(picks.left_out))
    return fitted(answer, "picks", "left_out", more=lambda _: "a smaller limit, then get_package or compare")


def _hint(*, has_others: bool) -> str:
    if has_others:
        return "Packages of this kind are in left_out: drop or change the condition that they fail."
    return "Nothing has these words: use others, such as the words that packages of this kind use of themselves."


def _picked(rank: int, candidate: Candidate, conditions: Conditions) -> dict[str, Any]:
    document = candidate.document
    return {
        "rank": rank,
        "slug": slug(candidate.slug),
        "title": text(document["title"], SHORT),
        "description": text(document["repo_description"], 120),
        "licence": text(document["licence"], SHORT),
        "reasons": list(_reasons(candidate, conditions)),
    }


def _reasons(candidate: Candidate, conditions: Conditions) -> Iterator[str]:
    """Yield the reasons: words of the question, numbers, days, and words of closed sets; no text of the catalogue."""
    document = candidate.document
    if candidate.named:
        yield f"Name: has {_listed(candidate.named)}."
    if in_texts := candidate.words - candidate.named:
        yield f"Texts: have {_listed(in_texts)}."
    if in_grid := candidate.of_grid - candidate.words - candidate.named:
        yield f"Grid: it is in one about {_listed(in_grid)}."
    yield f"Health: {_health(document)}"
    yield f"Fit: {_fit(document, conditions)}"
    yield f"Use: {_use(document)}"


def _listed(words: set[str]) -> str:
    return ", ".join(sorted(words))


def _health(document: Mapping[str, Any]) -> str:
    health = document["health"] or {}
    parts = [f"{_word(health.get('verdict')) or 'unknown'} ({_word(health.get('level')) or 'none'})"]
    for name, key in (("released", "released"), ("last commit", "last_updated")):
        if days := _days_since(document[key]):
            parts.append(f"{name} {days}")
    return "; ".join(parts) + "."


def _word(value: Any) -> str | None:
    """Return a word of a closed set; None for anything else."""
    return value if isinstance(value, str) and value.isascii() and value.isalpha() and len(value) <= 20 else None


def _days_since(value: Any) -> str:
    try:
        days = (datetime.now(UTC).date() - date.fromisoformat(day(value) or "")).days
    except ValueError:
        return ""
    return f"{max(days, 0)} days ago"


def _fit(document: Mapping[str, Any], conditions: Conditions) -> str:
    asked = [f"works with Django {conditions.django}"] if conditions.django else []
    asked += [f"works with Python {conditions.python}"] if conditions.python else []
    asked += [f"is under {conditions.licence}"] if conditions.licence else []
    newest = [each for each in texts((document["django_versions"] or [])[-2:], 2, 6) if each.replace(".", "").isdigit()]
    if not conditions.django:
        asked.append(f"names Django {' and '.join(newest)}" if newest else "names no version of Django")
    return ", ".join(asked) + "."


def _use(document: Mapping[str, Any]) -> str:
    stars, downloads = number(document["repo_watchers"]), number(document["pypi_downloads"])
    parts = [f"{stars:,} stars"] if stars else ["stars not known"]
    parts += [f"{downloads:,} downloads a month"] if downloads else ["not on PyPI, or downloads not known"]
    return ", ".join(parts) + "."


def _left_out(candidate: Candidate, conditions: Conditions) -> dict[str, Any]:
    given = {"django": conditions.django, "python": conditions.python, "licence": conditions.licence}
    values = {**given, "level": _level_in_words(conditions.level)}
    health = candidate.document["health"] or {}
    return without_nothing(
        {
            "slug": slug(candidate.slug),
            "because": [_WHY_NOT[name].format(values[name]) for name in candidate.fails],
            "health": _word(health.get("verdict")),
            "django_versions": texts((candidate.document["django_versions"] or [])[-3:], 3, 6)
            if "django" in candidate.fails
            else None,
            "licence": text(candidate.document["licence"], SHORT) if "licence" in candidate.fails else None,
        }
    )


def _level_in_words(level: Level) -> str:
    return level.replace("_", " ")
