"""The columns of a package and the keys of its document, in the order of the contract.

A fetched column is a fact of the repository, unless its `source` says otherwise: a fact of the project on PyPI, a word
about the fetches of the source that decides ("deciding"), or the key that facts are of.

A new column needs its field in packages.models with a migration, and one line here: from that follow the document and
its schema, the log of changes, what a fetch writes, admin, export and import.
"""

from typing import Any

import orjson

from core.caching.dependencies import DAY
from core.documents import CREATED, ID, MODIFIED, SLUG, TITLE, Column, Columns, Computed, Relation
from core.kinds import Kind
from packages import replies


def grid_ids(package: Any) -> list[int]:
    """The ids of the grids of a package that came from for_api(), in membership order."""
    return package.grid_ids or []


def grid_slugs(package: Any) -> list[str]:
    """The slugs of the same grids, in the same order; the row came from for_api() with them."""
    return list(orjson.loads(package.slugs_of_grids or "{}").values())


_COUNTED_DAILY = "It moves from day to day though the number itself, which is logged, does not."

PACKAGE_COLUMNS = Columns(
    Kind.PACKAGE,
    # Always shown
    Relation(
        "category",
        means="Its one category.",
        kind=Kind.CATEGORY,
        v4=True,
        foreign_key="category_id",
        select_related=True,
        edited=True,
    ),
    Relation(
        "grids",
        means="The grids that it is in, in the order in which it came into them; [] if it is in none.",
        kind=Kind.GRID,
        v4=True,
        ids=grid_ids,
    ),
    ID,
    TITLE,
    SLUG,
    Column(
        "last_updated",
        means="The time of the last commit on the default branch; null if it is not known, as where the repository"
        " cannot be fetched or is empty.",
        v4=True,
        fetched=True,
    ),
    Column(
        "last_fetched",
        means="When facts were last fetched successfully, from the repository, or from PyPI for a package whose"
        " repository cannot be fetched; null if never.",
        v4=True,
        fetched=True,
        source="deciding",
        logged=False,
        reason="Every fetch moves it, though it found no change.",
    ),
    Column(
        "repo_url",
        means='The URL of the repository, as it was typed or as the forge renamed it; "" if there is none.',
        v4=True,
        edited=True,
    ),
    Column(
        "pypi_version",
        means="The latest version on PyPI that is neither a pre-release nor yanked, if there is such a one; null if it"
        " is not known.",
        v4=True,
        fetched=True,
        source="pypi",
    ),
    CREATED,
    MODIFIED,
    Column("repo_forks", means="0 if there are none, or if the number is not known.", v4=True, fetched=True),
    Column(
        "repo_description",
        means='The description that the forge shows; "" if it has none, or if it is not known.',
        v4=True,
        fetched=True,
    ),
    Column(
        "pypi_url",
        means='The project on PyPI, as it was typed: a URL or a bare name; "" if there is none.',
        v4=True,
        edited=True,
    ),
    Column("documentation_url", means='"" or null if none is known; both mean the same.', v4=True, edited=True),
    Column(
        "repo_watchers",
        means="The stars of the repository; 0 if there are none, or if the number is not known.",
        v4=True,
        fetched=True,
    ),
    Column(
        "commits_over_52",
        means="52 weekly counts of commits, oldest first; [] if they are not known.",
        v4=True,
        fetched=True,
        preserialized=True,
    ),
    Column(
        "participants",
        means="Logins, most active first; [] if they are not known.",
        v4=True,
        fetched=True,
        preserialized=True,
    ),
    # Added by `fields=`
    Computed(
        "score",
        means="Watchers, less a tenth for every three months without a commit, less three tenths (1,000 at most)"
        " without Python 3; never under -500.",
        extended=True,
        columns=("repo_watchers", "last_updated", "classifiers", "requires_python"),
        ages=60,  # it falls with every quarter of a year without a commit
    ),
    Column(
        "licence",
        means='An SPDX expression, licences by their usual names with commas between them, or a short text as it is; ""'
        " if it is not known.",
        extended=True,
        fetched=True,
        source="pypi",
    ),
    Column(
        "requires_python",
        means='The versions of Python that the latest release accepts; "" if it says nothing.',
        extended=True,
        fetched=True,
        source="pypi",
    ),
    Column(
        "requires_django",
        means='The versions of Django that it requires, extras left out: "" for any, null if it requires none.',
        extended=True,
        fetched=True,
        source="pypi",
    ),
    Computed(
        "python_versions",
        means="The versions that it says it works with, by its classifiers and requires_python; [] if it names none.",
        extended=True,
        columns=("classifiers", "requires_python"),
    ),
    Computed(
        "django_versions",
        means="The versions that its classifiers name; [] if they name none.",
        extended=True,
        columns=("classifiers",),
    ),
    Column(
        "classifiers",
        means="As PyPI lists them; [] if there are none, or if they are not known.",
        extended=True,
        fetched=True,
        source="pypi",
    ),
    Column(
        "pypi_downloads",
        means="Downloads of the last 30 days; null if they are not known.",
        extended=True,
        fetched=True,
        source="pypi",
    ),
    Column(
        "stars_30d",
        means="The stars gained in 30 days up to the last successful fetch; null until there is enough history.",
        extended=True,
        fetched=True,
        logged=False,
        reason=_COUNTED_DAILY,
    ),
    Column(
        "stars_90d",
        means="The stars gained in 90 days up to the last successful fetch; null until there is enough history.",
        extended=True,
        fetched=True,
        logged=False,
        reason=_COUNTED_DAILY,
    ),
    Column(
        "downloads_30d",
        means="The downloads of the last 30 days, less those of the 30 days before; null until there is enough"
        " history.",
        extended=True,
        fetched=True,
        source="pypi",
        logged=False,
        reason=_COUNTED_DAILY,
    ),
    Column(
        "released",
        means="When the latest release was uploaded; null if it is not known.",
        extended=True,
        fetched=True,
        source="pypi",
    ),
    Column(
        "pypi_status",
        means='The status of the project on PyPI: active, archived, quarantined or deprecated; "" if it is not known.',
        extended=True,
        fetched=True,
        source="pypi",
    ),
    Column(
        "pypi_status_reason",
        means='The reason that PyPI gives for the status; "" if none.',
        extended=True,
        fetched=True,
        source="pypi",
    ),
    Column(
        "archived",
        means="True if the repository takes no more changes; null if it is not known.",
        extended=True,
        fetched=True,
    ),
    Column(
        "deprecated", means="True if an editor says that it should not be used any more.", extended=True, edited=True
    ),
    Relation(
        "replaced_by",
        means="The package to use instead; null if none is named.",
        kind=Kind.PACKAGE,
        extended=True,
        foreign_key="replaced_by_id",
        null=True,
        expandable=False,
        edited=True,
    ),
    Computed(
        "reply",
        means="The word of an editor on it: that it is finished, wants help, or seeks a maintainer; with a note, and"
        " the first and the last day on which it holds. null if there is none, or none any more.",
        extended=True,
        columns=replies.COLUMNS,
        ages=DAY,  # it ends with a day (UTC)
    ),
    Computed("gone", means="True if its source was not found on several days.", extended=True, columns=("gone_since",)),
    Computed(
        "freshness",
        means="The state of fetching each source; null for one that was never queried for this package as it is now.",
        extended=True,
        columns=("repo_key", "pypi_name"),
    ),
    Computed(
        "health", means="The verdict on the package, and the reasons for it.", extended=True, columns=("verdict_rank",)
    ),
    Computed(
        "pins",
        means="The columns that an editor has corrected, each with the day, the reason, and what upstream says; [] if"
        " there are none.",
        extended=True,
        reason="A change of a pin is logged, of its package.",
    ),
    Column(
        "vulnerable",
        means="True if an advisory affects the latest version; false also where none is known.",
        extended=True,
    ),
    Computed(
        "advisories",
        means="The known vulnerabilities of the project on PyPI, those of the latest version first, then the worst; []"
        " if none is known.",
        extended=True,
        reason="A change of a vulnerability is logged, of its package.",
    ),
    Computed(
        "category_slug",
        means="The slug of its category.",
        extended=True,
        shows=(Kind.CATEGORY,),
        reason="A new slug is a change of the category; another category is logged as the column of its id.",
    ),
    Computed(
        "grid_slugs",
        means="The slugs of its grids, in the order of the links; [] if it is in none.",
        extended=True,
        shows=(Kind.GRID,),
        reason="A new slug is a change of the grid; memberships are logged as themselves.",
    ),
    # Not shown as they are
    Column("gone_since", fetched=True, source="deciding"),
    Column("gone_reason", fetched=True, source="deciding"),
    Column("repo_host"),
    Column("repo_key", logged=False, reason="It follows from repo_url."),
    Column("pypi_name", logged=False, reason="It follows from pypi_url."),
    Column("repo_id", fetched=True),
    # The key that the facts of each source are of: written with them
    Column("repo_facts_of", fetched=True, source="key"),
    Column("pypi_facts_of", fetched=True, source="key"),
    Column("weeks_end", fetched=True),
    Column("stars_trend", fetched=True),
    Column("downloads_trend", fetched=True, source="pypi"),
    Column("last_human_commit", fetched=True),
    Column("pypi_repo_url", fetched=True, source="pypi"),
    Column("reply_kind", edited=True),
    Column("reply_note", edited=True),
    Column("reply_since"),
    Column("reply_until", edited=True),
    Column("verdict_rank"),
)
