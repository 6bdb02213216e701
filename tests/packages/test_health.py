"""The health of packages: a table of packages and the verdicts that a reader of the rules expects."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time

import pytest

from packages.health import health
from packages.health.facts import Facts, Upload
from packages.health.rules import RULES
from packages.health.verdicts import Verdict, WarningName
from packages.support import DJANGO, PYTHON, is_supported
from tests.packages.health_facts import (
    DAY,
    DAY_AFTER_DJANGO_42,
    DAY_AFTER_PYTHON_310,
    LAST_OF_DJANGO_42,
    LAST_OF_PYTHON_310,
    LEVELS,
    NOW,
    SECOND,
    TODAY,
    ago,
    committed,
    fetched,
    fetched_at,
    finished,
    imported,
    maintained,
    moved,
    never_fetched,
    package,
    people,
    prerelease,
    quiet,
    released,
    released_at,
    released_only,
    repository_only,
    says,
    undated,
    weeks,
    word,
    yanked,
)

YESTERDAY = TODAY - DAY
BEGIN = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)

Case = tuple[str, Facts, Verdict, *tuple[WarningName, ...]]

# The id of a case, the facts, the verdict, and all warnings.
GONE: list[Case] = [
    ("not found on three days", package(gone_since=ago(1)), "gone"),
    ("quarantined", package(pypi_status="quarantined"), "gone"),
    ("active on PyPI", package(pypi_status="active"), "thriving"),
    ("PyPI's status is not known", package(pypi_status=""), "thriving"),
    ("not found, and nothing is known", Facts(gone_since=ago(1)), "gone"),
    ("gone before deprecated", package(gone_since=ago(1), deprecated=True), "gone"),
    ("quarantined before deprecated", package(pypi_status="quarantined", has_successor=True), "gone"),
    ("gone whatever the editor says", word(gone_since=ago(1)), "gone"),
    ("gone long ago", package(gone_since=ago(4000)), "gone"),
]
DEPRECATED: list[Case] = [
    ("an editor's flag", package(deprecated=True), "deprecated"),
    ("a successor", package(has_successor=True), "deprecated"),
    ("deprecated on PyPI", package(pypi_status="deprecated"), "deprecated"),
    ("deprecated before nothing known", Facts(deprecated=True), "deprecated"),
    ("deprecated before moved", moved(deprecated=True, last_commit=ago(110)), "deprecated"),
    ("deprecated before archived", quiet(deprecated=True, archived=True), "deprecated"),
    ("deprecated before inactive", quiet(has_successor=True, classifiers=says(status=7)), "deprecated"),
    ("deprecated whatever the editor says of finished", word(deprecated=True), "deprecated"),
]
NOTHING_KNOWN: list[Case] = [
    ("nothing at all", Facts(), "unknown"),
    ("asked, and nothing came yet", Facts(repo=never_fetched(1), pypi=never_fetched(1)), "unknown"),
    ("no commit and no release", package(last_commit=None, uploads=()), "unknown"),
    ("a release alone is something", released_only(), "quiet"),
    ("a commit alone is something", repository_only(last_commit=ago(900)), "quiet"),
    ("nothing known before archived", package(last_commit=None, uploads=(), archived=True), "unknown"),
    ("nothing known before inactive", package(last_commit=None, uploads=(), classifiers=says(status=7)), "unknown"),
    ("nothing known before the editor's word", Facts(finished_until=TODAY), "unknown"),
    ("a lonely shared repository", repository_only(is_shared=True), "unknown", "shared_repository"),
    ("a folder, and no release", repository_only(names_folder=True), "unknown", "shared_repository"),
    ("commits of bots, and no release", repository_only(participants=["renovate[bot]"]), "unknown"),
    ("all are yanked, and no commit", package(last_commit=None, uploads=(yanked(9),)), "unknown", "yanked_latest"),
    # The rules are silent: a release whose time is not known is no activity.
    ("a release without a time", released_only(uploads=(undated(),)), "unknown"),
]
REPOSITORY_LEFT: list[Case] = [
    ("moved", moved(), "maintained", "repository_probably_moved"),
    ("the repository is not archived", moved(archived=False), "thriving"),
    ("it is not known whether it is archived", moved(archived=None), "thriving"),
    ("a release 30 days after the last commit", moved(last_commit=ago(130)), "unmaintained"),
    ("a second later than that", moved(last_commit=ago(130, 1)), "maintained", "repository_probably_moved"),
    ("a release before the last commit", moved(last_commit=ago(90)), "unmaintained"),
    (
        "moved, a release 365 days ago",
        moved(last_commit=ago(600), uploads=released_at(ago(365))),
        "maintained",
        "repository_probably_moved",
    ),
    ("moved, a release a second older", moved(last_commit=ago(600), uploads=released_at(ago(365, 1))), "unmaintained"),
    ("moved, and archived on PyPI", moved(pypi_status="archived"), "unmaintained"),
    ("moved, and inactive", moved(classifiers=says(status=7)), "unmaintained"),
    ("moved, and only yanked since", moved(uploads=(yanked(100), *released(600))), "unmaintained", "yanked_latest"),
    ("moved before the editor's word", moved(finished_until=TODAY), "maintained", "repository_probably_moved"),
    (
        "a bot commits to the old place",
        moved(last_commit=ago(110), last_human_commit=ago(200)),
        "maintained",
        "repository_probably_moved",
    ),
    # The rules are silent: a release cannot be called later than a commit that is not known.
    ("archived, released, and no commit is known", moved(last_commit=None), "unmaintained"),
    (
        "moved, counted to the success of PyPI",
        moved(last_commit=ago(600), uploads=released(400), pypi=fetched(80)),
        "maintained",
        "repository_probably_moved",
    ),
]
ARCHIVED: list[Case] = [
    ("archived", quiet(archived=True), "unmaintained"),
    ("archived on PyPI", quiet(pypi_status="archived"), "unmaintained"),
    ("archived on PyPI though released", package(pypi_status="archived"), "unmaintained"),
    ("archived before thriving", package(archived=True, last_commit=ago(96)), "unmaintained"),
    ("archived though it looks finished", finished(archived=True), "unmaintained"),
    ("archived, and the editor's word on its day", word(archived=True), "finished"),
    ("archived on PyPI, and the editor's word", word(pypi_status="archived"), "finished"),
    ("archived, and the editor's word has passed", quiet(archived=True, finished_until=YESTERDAY), "unmaintained"),
    ("archived, and the word is refused", word(archived=True, classifiers=says(django="3.2")), "unmaintained"),
    ("inactive", package(classifiers=says(status=7)), "unmaintained"),
    ("inactive whatever the editor says", word(classifiers=says(status=7)), "unmaintained"),
    ("archived and inactive, and the word", word(archived=True, classifiers=says(status=7)), "unmaintained"),
    ("a shared repository is archived", quiet(archived=True, is_shared=True), "unmaintained", "shared_repository"),
    ("archived, with a commit and no release", repository_only(archived=True), "unmaintained"),
]
THRIVING: list[Case] = [
    ("thriving", package(), "thriving"),
    ("thriving whatever the editor says", package(finished_until=TODAY), "thriving"),
    ("two releases, the older is 365 days old", package(uploads=released_at(ago(9), ago(365))), "thriving"),
    ("the older is a second older", package(uploads=released_at(ago(9), ago(365, 1))), "maintained"),
    ("one release in the year", package(uploads=released(9, 800)), "maintained"),
    ("two releases in the year, one is yanked", package(uploads=(yanked(50), *released(9, 800))), "maintained"),
    ("two releases in the year, one is a prerelease", package(uploads=(prerelease(9), *released(50, 800))), "thriving"),
    ("commits in 12 weeks", package(weeks=weeks(12)), "thriving"),
    ("commits in 11 weeks", package(weeks=weeks(11)), "maintained"),
    ("many commits in 11 weeks", package(weeks=[0] * 41 + [99] * 11), "maintained"),
    ("the weeks are not known", package(weeks=()), "maintained"),
    ("3 people", package(participants=people(3)), "thriving"),
    ("2 people", package(participants=people(2)), "maintained"),
    ("2 people and a bot", package(participants=[*people(2), "dependabot[bot]"]), "maintained"),
    ("3 people and a bot", package(participants=[*people(3), "dependabot[bot]"]), "thriving"),
    ("no participants are known", package(participants=()), "maintained"),
    ("the oldest release is 180 days old", package(uploads=released_at(ago(9), ago(180))), "thriving"),
    ("the oldest is a second younger", package(uploads=released_at(ago(9), ago(180, -1))), "maintained"),
    ("the oldest upload is yanked", package(uploads=(*released(9, 50), yanked(800))), "maintained"),
    ("a shared repository does not thrive", package(is_shared=True), "maintained", "shared_repository"),
    (
        "a folder does not thrive: its commits are not known",
        package(names_folder=True),
        "maintained",
        "shared_repository",
    ),
    ("a year before the success of PyPI", package(pypi=fetched(80), uploads=released(90, 440, 800)), "thriving"),
    ("180 days before the success of PyPI", package(pypi=fetched(50), uploads=released(60, 100, 200)), "maintained"),
]
MAINTAINED: list[Case] = [
    ("a release in the year", maintained(last_commit=None), "maintained"),
    ("a release 365 days ago", released_only(uploads=released_at(ago(365))), "maintained"),
    ("a release a second more than 365 days ago", released_only(uploads=released_at(ago(365, 1))), "quiet"),
    ("a prerelease counts", quiet(uploads=(prerelease(9), *released(900))), "maintained"),
    ("a yanked upload does not", quiet(uploads=(yanked(9), *released(900))), "quiet", "yanked_latest"),
    ("maintained before finished", finished(uploads=released(364)), "maintained"),
    ("maintained before the editor's word", maintained(finished_until=TODAY), "maintained"),
    ("maintained though no Django is supported", maintained(classifiers=says(django="3.2")), "maintained"),
    ("a commit 365 days ago", committed(last_commit=ago(365)), "maintained"),
    ("a commit a second more than 365 days ago", committed(last_commit=ago(365, 1)), "quiet"),
    ("a commit, and a release 730 days ago", committed(uploads=released(730)), "maintained"),
    ("a commit, and a release a second older", committed(uploads=released_at(ago(730, 1))), "quiet"),
    ("the newest release is what counts", committed(uploads=released(2000, 700)), "maintained"),
    ("not on PyPI, a commit 365 days ago", repository_only(last_commit=ago(365)), "maintained"),
    ("not on PyPI, a commit a second older", repository_only(last_commit=ago(365, 1)), "quiet"),
    ("on PyPI, never asked, and a commit", repository_only(pypi=never_fetched(9), last_commit=ago(9)), "maintained"),
    ("on PyPI, nothing uploaded, and a commit", repository_only(pypi=fetched(), last_commit=ago(9)), "maintained"),
    ("all are yanked, and a commit", committed(uploads=(yanked(50),)), "maintained", "yanked_latest"),
    # The rules are silent: releases whose times are not known leave the word to the commit.
    ("a release without a time, and a commit", committed(uploads=(undated(),)), "maintained"),
    ("and another release with a time", committed(uploads=(undated(), *released(800))), "quiet"),
]
COMMITS_THAT_COUNT: list[Case] = [
    ("commits of a shared repository", committed(is_shared=True), "quiet", "shared_repository"),
    ("commits of humans in it", committed(last_human_commit=ago(9), is_shared=True), "quiet", "shared_repository"),
    ("commits outside of the folder", committed(names_folder=True), "quiet", "shared_repository"),
    ("all participants are bots", committed(participants=["x[bot]"]), "quiet"),
    *(
        (f"{login} is a bot", committed(participants=[login]), "quiet")
        for login in (
            "anything[bot]",
            "Anything[BOT]",
            "dependabot",
            "dependabot[bot]",
            "renovate",
            "pre-commit-ci",
            "github-actions",
            # The rules are silent: the logins of the list are in any case too, as GitHub's logins are.
            "Dependabot",
        )
    ),
    *(
        (f"{login} is a person", committed(participants=[login]), "maintained")
        for login in ("abbot", "robot", "[bot]ann", "renovated", "dependabotanist")
    ),
    ("one person among bots", committed(participants=["renovate", "ann", "x[bot]"]), "maintained"),
    ("no participants are known, the commit counts", committed(participants=()), "maintained"),
    ("the last commit of a human is old", committed(last_human_commit=ago(366)), "quiet"),
    ("the last commit of a human is young", committed(last_human_commit=ago(365)), "maintained"),
    ("no other commit is known", repository_only(last_commit=None, last_human_commit=ago(9)), "maintained"),
    # The rules are silent: where a commit of a human is known, the names of bots do not take it away.
    ("bots, and a commit of a human", committed(last_human_commit=ago(9), participants=["renovate"]), "maintained"),
]
FINISHED: list[Case] = [
    ("finished", finished(), "finished"),
    ("finished without a repository", released_only(downloads=1000), "finished"),
    ("activity 1,096 days ago", finished(uploads=released(1096), last_commit=None), "finished"),
    ("activity a second older", finished(uploads=released_at(ago(1096, 1)), last_commit=None), "unmaintained"),
    ("a commit is activity", finished(uploads=released(1200), last_commit=ago(1000)), "finished"),
    ("finished with commits in 11 weeks", finished(last_commit=ago(9), weeks=weeks(11)), "finished"),
    ("not finished with commits in 12 weeks", finished(last_commit=ago(9), weeks=weeks(12)), "quiet"),
    ("finished, and the weeks are not known", finished(weeks=()), "finished"),
    (
        "in a busy shared repository",
        finished(last_commit=ago(9), weeks=weeks(52), is_shared=True),
        "finished",
        "shared_repository",
    ),
    (
        "finished in a folder",
        finished(last_commit=ago(9), weeks=weeks(52), names_folder=True),
        "finished",
        "shared_repository",
    ),
    ("busy bots", finished(last_commit=ago(9), weeks=weeks(52), participants=["renovate[bot]"]), "finished"),
    ("1,000 downloads", finished(downloads=1000), "finished"),
    ("999 downloads", finished(downloads=999), "quiet"),
    ("downloads are not known", finished(downloads=None), "quiet"),
    *(
        (f"version {version}", finished(latest_version=version), "finished")
        for version in ("1.0", "1.0.post1", "1", "1.0+local", "10.0", "2026.1", "1!0.1", "v1.0")
    ),
    *(
        (f"version {version}", finished(latest_version=version), "quiet")
        for version in ("0.9", "0.99.9", "1.0rc1", "1.0.dev5", "1.0a1", "not a version", "", None)
    ),
    *(
        (
            f"version {version} of status {status}",
            finished(latest_version=version, classifiers=says(status=status)),
            "finished",
        )
        for version, status in (("0.9", 5), ("0.9", 6), ("not a version", 5), (None, 6), ("1.0", 4))
    ),
    ("version 0.9 of status 4", finished(latest_version="0.9", classifiers=says(status=4)), "quiet"),
    ("version 1.0 of status 7", finished(latest_version="1.0", classifiers=says(status=7)), "unmaintained"),
    ("names no Django", finished(classifiers=says(django="")), "finished"),
    ("names Django without a version", finished(classifiers=says(django="any")), "quiet"),
    ("names Django and a supported version", finished(classifiers=says(django="any 5.2")), "finished"),
    ("names a supported Django among others", finished(classifiers=says(django="3.2 5.2")), "finished"),
    ("names a whole Django with a supported version", finished(classifiers=says(django="5")), "finished"),
    ("names no supported Django", finished(classifiers=says(django="3.2 5.1")), "unmaintained"),
    ("names no supported Python", finished(classifiers=says(python="2.7 3.9"), requires_python=""), "quiet"),
    (
        "names a supported Python among others",
        finished(classifiers=says(python="2.7 3.11"), requires_python=""),
        "finished",
    ),
    ("names no Python", finished(classifiers=says(python=""), requires_python=""), "quiet"),
    (
        "names no Python, requires a supported one",
        finished(classifiers=says(python=""), requires_python=">=3.6"),
        "finished",
    ),
    ("requires an unsupported Python", finished(classifiers=says(python=""), requires_python="<3.8"), "quiet"),
    ("refuses the supported Python that it names", finished(requires_python="<3.12"), "quiet"),
]
EDITORS_WORD: list[Case] = [
    ("the word on its day", word(), "finished"),
    ("the word on the day after", quiet(finished_until=YESTERDAY), "quiet"),
    ("the word for years", quiet(finished_until=date(2030, 1, 1)), "finished"),
    ("the word for ever", quiet(finished_until=date.max), "finished"),
    ("the word on an old package", word(uploads=released(4000), last_commit=ago(4000)), "finished"),
    ("the word in busy weeks", finished(last_commit=ago(9), weeks=weeks(30), finished_until=TODAY), "finished"),
    ("the word on a repository alone", repository_only(last_commit=ago(900), finished_until=TODAY), "finished"),
    ("the word, and no Django is supported", word(classifiers=says(django="3.2")), "unmaintained"),
    ("the word, and one Django is", word(classifiers=says(django="3.2 5.2")), "finished"),
    ("the word, and Django without a version", word(classifiers=says(django="any")), "finished"),
    ("the word, and no Django is named", word(classifiers=says(django="")), "finished"),
    ("the word, and no Python is supported", word(classifiers=says(python="2.7 3.9"), requires_python=""), "quiet"),
    ("the word, and one Python is", word(classifiers=says(python="2.7 3.12"), requires_python=""), "finished"),
    # The rules are silent: a package that names no Python refuses none, as one that names no Django.
    ("the word, and no Python is named", word(classifiers=says(python=""), requires_python=""), "finished"),
    ("requires_python cannot be read", word(classifiers=says(python=""), requires_python="three"), "finished"),
    ("requires_python admits a supported one", word(classifiers=says(python=""), requires_python=">=3.6"), "finished"),
    ("requires_python admits unsupported ones", word(classifiers=says(python=""), requires_python="<3.8"), "quiet"),
    ("requires_python admits none", word(classifiers=says(python=""), requires_python="<2"), "quiet"),
    ("requires_python contradicts itself", word(requires_python=">=3.12,<3.10"), "quiet"),
    # The rules are silent: "admits none" is none that is supported.
    ("the named Python is refused", word(classifiers=says(python="3.12"), requires_python="<3"), "quiet"),
    ("told on the last day of a Python", word(classifiers=says(python="3.10"), pypi=LAST_OF_PYTHON_310), "finished"),
    ("told on the day after", word(classifiers=says(python="3.10"), pypi=DAY_AFTER_PYTHON_310), "quiet"),
    (
        "what refuses it was told too long ago",
        word(classifiers=says(django="3.2"), pypi=fetched(366)),
        "finished",
        "stale",
    ),
]
SUPPORT: list[Case] = [
    ("Python on its last day", finished(classifiers=says(python="3.10"), pypi=LAST_OF_PYTHON_310), "finished"),
    ("Python on the day after", finished(classifiers=says(python="3.10"), pypi=DAY_AFTER_PYTHON_310), "quiet"),
    (
        "Django on its last day",
        finished(uploads=released(1000), last_commit=None, classifiers=says(django="4.2"), pypi=LAST_OF_DJANGO_42),
        "finished",
        "stale",
    ),
    (
        "Django on the day after",
        finished(uploads=released(1000), last_commit=None, classifiers=says(django="4.2"), pypi=DAY_AFTER_DJANGO_42),
        "unmaintained",
        "stale",
    ),
    (
        "the success of the repository is of no weight",
        finished(classifiers=says(python="3.10"), repo=fetched(60)),
        "quiet",
    ),
    ("Django of the far future", finished(classifiers=says(django="10.0")), "finished"),
    ("Python of the far future", finished(classifiers=says(python="3.99")), "finished"),
    ("Django older than the table", finished(classifiers=says(django="1.8")), "unmaintained"),
    ("Django that never was", finished(classifiers=says(django="2.9")), "unmaintained"),
    ("Python older than the table", finished(classifiers=says(python="2.6"), requires_python=""), "quiet"),
    ("Python 3.4 is not newer than 3.14", finished(classifiers=says(python="3.4"), requires_python=""), "quiet"),
]
UNSUPPORTED_DJANGO: list[Case] = [
    ("730 days ago", released_only(uploads=released(730), classifiers=says(django="3.2")), "quiet"),
    ("a second older", released_only(uploads=released_at(ago(730, 1)), classifiers=says(django="3.2")), "unmaintained"),
    ("old, and one Django is supported", quiet(classifiers=says(django="3.2 5.2")), "quiet"),
    ("old, and no Django is named", quiet(classifiers=says(django="")), "quiet"),
    ("old, and Django without a version", quiet(classifiers=says(django="any")), "quiet"),
    ("old, and no Python is supported", quiet(classifiers=says(python="3.7"), requires_python=""), "quiet"),
    ("old, and a young commit", committed(uploads=released(1000), classifiers=says(django="3.2")), "quiet"),
    (
        "counted to the success of PyPI",
        released_only(uploads=released(800), classifiers=says(django="3.2"), pypi=fetched(80)),
        "quiet",
    ),
]
ACTIVITY: list[Case] = [
    ("a release 1,096 days ago", released_only(uploads=released(1096)), "quiet"),
    ("a release a second more than 1,096 days ago", released_only(uploads=released_at(ago(1096, 1))), "unmaintained"),
    ("a commit 1,096 days ago", repository_only(last_commit=ago(1096)), "quiet"),
    ("a commit a second more than 1,096 days ago", repository_only(last_commit=ago(1096, 1)), "unmaintained"),
    ("a commit later than the release", quiet(uploads=released(1500), last_commit=ago(1000)), "quiet"),
    (
        "a later commit that does not count",
        quiet(uploads=released(1500), last_commit=ago(1000), names_folder=True),
        "unmaintained",
        "shared_repository",
    ),
    ("a young commit, and a release 1,826 days ago", committed(uploads=released(1826)), "quiet"),
    ("a young commit, and a release a second older", committed(uploads=released_at(ago(1826, 1))), "unmaintained"),
    ("a commit and a release of the far future", package(last_commit=END, uploads=released_at(END)), "maintained"),
    ("a commit and a release of the far past", package(last_commit=BEGIN, uploads=released_at(BEGIN)), "unmaintained"),
    ("old", quiet(uploads=released(4000), last_commit=ago(4000)), "unmaintained"),
    ("old, whatever its downloads", finished(uploads=released(4000), last_commit=ago(4000)), "unmaintained"),
]
FRESHNESS: list[Case] = [
    (
        "a release counted to the success of PyPI",
        released_only(uploads=released(500), pypi=fetched(200)),
        "maintained",
        "stale",
    ),
    (
        "a release not counted to the success of the repository",
        quiet(uploads=released(500), last_commit=None, repo=fetched(200)),
        "quiet",
        "stale",
    ),
    (
        "a commit counted to the success of the repository",
        committed(last_commit=ago(500), repo=fetched(200)),
        "maintained",
        "stale",
    ),
    (
        "a commit not counted to the success of PyPI",
        committed(last_commit=ago(500), pypi=fetched(200)),
        "quiet",
        "stale",
    ),
    (
        "activity counted to the success of PyPI",
        released_only(uploads=released(1200), pypi=fetched(200)),
        "quiet",
        "stale",
    ),
    (
        "activity counted to the success of the repository",
        repository_only(last_commit=ago(1200), repo=fetched(200)),
        "quiet",
        "stale",
    ),
    # The rules are silent: of a commit and a release that were told at different times, the age that is smaller counts;
    # otherwise a new release could make a package worse.
    (
        "a commit that was younger when it was told",
        quiet(uploads=released(1200), last_commit=ago(1300), repo=fetched(300)),
        "quiet",
        "stale",
    ),
    ("PyPI speaks for 365 days", package(pypi=fetched(365), uploads=released(400, 500, 800)), "thriving", "stale"),
    ("PyPI says nothing a second later", released_only(pypi=fetched(365, 1)), "unknown", "stale"),
    ("the repository speaks for 365 days", package(repo=fetched(365)), "thriving", "stale"),
    ("the repository says nothing a second later", package(repo=fetched(365, 1)), "maintained", "stale"),
    ("a commit is told for 365 days", repository_only(repo=fetched(365), last_commit=ago(400)), "maintained", "stale"),
    (
        "a commit is not known a second later",
        repository_only(repo=fetched(365, 1), last_commit=ago(400)),
        "unknown",
        "stale",
    ),
    ("archived for 365 days", quiet(repo=fetched(365), archived=True), "unmaintained", "stale"),
    ("archived is not known a second later", quiet(repo=fetched(365, 1), archived=True), "quiet", "stale"),
    ("both say nothing", package(repo=fetched(366), pypi=fetched(366)), "unknown", "stale"),
    (
        "both, and the editor's word",
        package(repo=fetched(366), pypi=fetched(366), finished_until=TODAY),
        "unknown",
        "stale",
    ),
    (
        "both, and deprecated by an editor",
        package(repo=fetched(366), pypi=fetched(366), deprecated=True),
        "deprecated",
        "stale",
    ),
    ("both say nothing, gone", package(repo=fetched(366), pypi=fetched(366), gone_since=ago(300)), "gone", "stale"),
    # The rules are silent: with its dates, all that a source told is not known, the status on PyPI and classifiers too;
    # and no release is known, so that the commit is enough.
    ("PyPI says nothing, and a commit", package(pypi=fetched(366)), "maintained", "stale"),
    ("quarantined too long ago", package(pypi=fetched(366), pypi_status="quarantined"), "maintained", "stale"),
    ("deprecated on PyPI too long ago", package(pypi=fetched(366), pypi_status="deprecated"), "maintained", "stale"),
    ("inactive too long ago", package(pypi=fetched(366), classifiers=says(status=7)), "maintained", "stale"),
    (
        "an import speaks for 365 days",
        package(repo=imported(365), pypi=imported(), uploads=released(9, 50, 800)),
        "thriving",
    ),
    ("an import says nothing a second later", package(repo=imported(365, 1), pypi=imported(365, 1)), "unknown"),
    ("an import is counted to its fetch", released_only(uploads=released(500), pypi=imported(200)), "maintained"),
    ("never fetched: it says nothing", repository_only(repo=never_fetched(60), last_commit=ago(400)), "unknown"),
    (
        "never fetched for more than 365 days",
        repository_only(repo=never_fetched(365, 1), last_commit=ago(370)),
        "unknown",
        "stale",
    ),
]
WARNINGS: list[Case] = [
    ("the repository 90 days ago", maintained(repo=fetched(90)), "maintained"),
    ("the repository a second more than 90 days ago", maintained(repo=fetched(90, 1)), "maintained", "stale"),
    ("PyPI 90 days ago", maintained(pypi=fetched(90)), "maintained"),
    ("PyPI a second more than 90 days ago", maintained(pypi=fetched(90, 1)), "maintained", "stale"),
    ("never fetched for 90 days", Facts(repo=never_fetched(90)), "unknown"),
    ("never fetched for a second more than 90 days", Facts(repo=never_fetched(90, 1)), "unknown", "stale"),
    ("one never fetched, the other fresh", repository_only(pypi=never_fetched(91)), "maintained", "stale"),
    ("not asked, 200 days ago", maintained(repo=imported(200), pypi=imported(200)), "maintained"),
    ("stale and deprecated", package(repo=fetched(91), deprecated=True), "deprecated", "stale"),
    ("shared", maintained(is_shared=True), "maintained", "shared_repository"),
    ("shared and gone", maintained(is_shared=True, gone_since=ago(1)), "gone", "shared_repository"),
    ("the newest is yanked", maintained(uploads=(*released(95, 800), yanked(94))), "maintained", "yanked_latest"),
    ("the newest is listed first", maintained(uploads=(yanked(94), *released(95))), "maintained", "yanked_latest"),
    ("an older upload is yanked", maintained(uploads=(*released(95), yanked(96))), "maintained"),
    ("an older one is listed last", maintained(uploads=(*released(800, 95), yanked(96))), "maintained"),
    (
        "only prereleases",
        maintained(uploads=(prerelease(95), prerelease(99, "5.0b1"))),
        "maintained",
        "only_prereleases",
    ),
    ("only a development release", maintained(uploads=(prerelease(95, "5.0.dev1"),)), "maintained", "only_prereleases"),
    ("a prerelease and a release", maintained(uploads=(prerelease(95), *released(800))), "maintained"),
    ("a post-release is no prerelease", maintained(uploads=(prerelease(95, "5.0.post1"),)), "maintained"),
    ("and a yanked release", maintained(uploads=(prerelease(95), yanked(99))), "maintained", "only_prereleases"),
    (
        "only prereleases, the newest yanked",
        maintained(uploads=(prerelease(95), Upload("5.0rc2", ago(90), yanked=True))),
        "maintained",
        "only_prereleases",
        "yanked_latest",
    ),
    # The rules are silent: what is no version is no prerelease.
    ("an upload that is no version", maintained(uploads=(prerelease(95, "not a version"),)), "maintained"),
    ("no release, no warning", repository_only(pypi=fetched()), "maintained"),
    (
        "one person, 10,000 downloads",
        maintained(participants=people(1), downloads=10_000),
        "maintained",
        "single_person",
    ),
    ("one person, 9,999 downloads", maintained(participants=people(1), downloads=9999), "maintained"),
    ("two people, 10,000 downloads", maintained(participants=people(2), downloads=10_000), "maintained"),
    ("no participants, 10,000 downloads", maintained(participants=(), downloads=10_000), "maintained"),
    ("bots alone, 10,000 downloads", maintained(participants=["renovate", "x[bot]"], downloads=10_000), "maintained"),
    (
        "one person and bots",
        maintained(participants=["renovate", "ann", "X[Bot]"], downloads=10_000),
        "maintained",
        "single_person",
    ),
    ("one person, downloads are not known", maintained(participants=people(1), downloads=None), "maintained"),
    ("another repository now", maintained(name_reused=True), "maintained", "name_reused"),
    ("another repository now, and gone", maintained(name_reused=True, gone_since=ago(1)), "gone", "name_reused"),
    # The rules are silent: what a source warns of is not known once it says nothing; the warnings of our own stay.
    (
        "participants too long ago",
        maintained(repo=fetched(366), participants=people(1), downloads=10_000),
        "maintained",
        "stale",
    ),
    (
        "yanked too long ago",
        maintained(pypi=fetched(366), uploads=(yanked(400), *released(500))),
        "maintained",
        "stale",
    ),
    ("prereleases too long ago", maintained(pypi=fetched(366), uploads=(prerelease(400),)), "maintained", "stale"),
    (
        "shared, and the repository says nothing",
        maintained(repo=fetched(366), is_shared=True),
        "maintained",
        "shared_repository",
        "stale",
    ),
    (
        "all at once",
        moved(
            repo=fetched(91),
            name_reused=True,
            participants=people(1),
            downloads=10_000,
            uploads=(prerelease(95), Upload("5.0rc2", ago(92), yanked=True)),
        ),
        "maintained",
        "name_reused",
        "only_prereleases",
        "repository_probably_moved",
        "single_person",
        "stale",
        "yanked_latest",
    ),
]
SECTIONS = {
    "gone": GONE,
    "deprecated": DEPRECATED,
    "nothing known": NOTHING_KNOWN,
    "repository left": REPOSITORY_LEFT,
    "archived": ARCHIVED,
    "thriving": THRIVING,
    "maintained": MAINTAINED,
    "commits that count": COMMITS_THAT_COUNT,
    "finished": FINISHED,
    "editor's word": EDITORS_WORD,
    "support": SUPPORT,
    "unsupported Django": UNSUPPORTED_DJANGO,
    "activity": ACTIVITY,
    "freshness": FRESHNESS,
    "warnings": WARNINGS,
}


@pytest.mark.parametrize(
    ("facts", "verdict", "warnings"),
    [
        pytest.param(facts, verdict, warnings, id=f"{section}: {name}")
        for section, cases in SECTIONS.items()
        for name, facts, verdict, *warnings in cases
    ],
)
def test_the_table(facts: Facts, verdict: Verdict, warnings: list[WarningName]) -> None:
    answer = health(facts, NOW)
    assert answer.verdict == verdict
    assert sorted(answer.warnings) == sorted(warnings)
    assert answer.level == LEVELS[verdict]


# The last days of support, written down a second time: a slip of the pen in the table would call packages dead.
LAST_DAYS_OF_DJANGO = """
    1.11 2020-04-01  2.0 2019-04-01  2.1 2019-12-02  2.2 2022-04-11  3.0 2021-04-06  3.1 2021-12-07  3.2 2024-04-01
    4.0 2023-04-01  4.1 2023-12-01  4.2 2026-04-30  5.0 2025-04-02  5.1 2025-12-31  5.2 2028-04-30  6.0 2027-04-30
"""
LAST_DAYS_OF_PYTHON = """
    2.7 2020-01-01  3.5 2020-09-30  3.6 2021-12-23  3.7 2023-06-27  3.8 2024-10-07  3.9 2025-10-31  3.10 2026-10-31
    3.11 2027-10-31  3.12 2028-10-31  3.13 2029-10-31  3.14 2030-10-31
"""


@pytest.mark.parametrize(("table", "last_days"), [(DJANGO, LAST_DAYS_OF_DJANGO), (PYTHON, LAST_DAYS_OF_PYTHON)])
def test_each_version_is_supported_until_its_last_day(table: Mapping[str, date], last_days: str) -> None:
    versions, days = last_days.split()[::2], last_days.split()[1::2]
    assert versions == list(table)
    for version, last in zip(versions, map(date.fromisoformat, days), strict=True):
        assert is_supported(version, table, last)
        assert not is_supported(version, table, last + DAY)


@pytest.mark.parametrize(
    ("table", "prefix", "others"),
    [
        pytest.param(DJANGO, "Framework :: Django :: ", says(django="", python="3.99"), id="Django"),
        pytest.param(PYTHON, "Programming Language :: Python :: ", says(django="99.0", python=""), id="Python"),
    ],
)
def test_a_version_newer_than_the_newest_of_the_table(
    table: Mapping[str, date], prefix: str, others: list[str]
) -> None:
    major, minor = max(tuple(map(int, version.split("."))) for version in table)
    now = datetime.combine(max(table.values()) + 9 * DAY, time(), UTC)
    facts = finished(
        repo=fetched_at(now),
        pypi=fetched_at(now),
        last_commit=None,
        uploads=released_at(now - 400 * DAY),
        requires_python="",
    )
    newest = replace(facts, classifiers=[f"{prefix}{major}.{minor}", *others])
    newer = replace(facts, classifiers=[f"{prefix}{major}.{minor + 1}", *others])
    assert health(newest, now).verdict == "quiet"
    assert health(newer, now).verdict == "finished"


# The rule that decides, a package, and the verdict.
DECIDED_BY: list[tuple[str, Facts, Verdict]] = [
    ("gone", package(gone_since=ago(1)), "gone"),
    ("deprecated", package(deprecated=True), "deprecated"),
    ("nothing_known", Facts(), "unknown"),
    ("repository_left", moved(), "maintained"),
    ("archived", quiet(archived=True), "unmaintained"),
    ("archived", quiet(archived=True, finished_until=TODAY), "finished"),
    ("archived", package(classifiers=says(status=7)), "unmaintained"),
    ("thriving", package(), "thriving"),
    ("maintained", maintained(), "maintained"),
    ("finished", finished(), "finished"),
    ("finished", quiet(finished_until=TODAY), "finished"),
    ("unsupported_django", quiet(classifiers=says(django="3.2")), "unmaintained"),
    # Older than the 1,096 days too: the earlier rule decides.
    ("unsupported_django", released_only(uploads=released(4000), classifiers=says(django="3.2")), "unmaintained"),
    ("activity", quiet(), "quiet"),
    ("activity", quiet(uploads=released(4000), last_commit=None), "unmaintained"),
]


@pytest.mark.parametrize(("rule", "facts", "verdict"), DECIDED_BY)
def test_the_rules_that_were_tried_are_the_reasons(rule: str, facts: Facts, verdict: Verdict) -> None:
    answer = health(facts, NOW)
    assert answer.verdict == verdict
    assert [each.rule for each in answer.reasons] == list(RULES[: RULES.index(rule) + 1])
    assert [each.holds for each in answer.reasons] == [False] * RULES.index(rule) + [True]


# Of each rule, what it saw of a quiet package, and what it compared that with
COMPARED: dict[str, tuple[dict[str, object], dict[str, object] | None]] = {
    "gone": ({"not_found_since": None, "pypi_status": "active"}, {"pypi_status": "quarantined"}),
    "deprecated": (
        {"deprecated": False, "successor": False, "pypi_status": "active"},
        {"pypi_status": "deprecated"},
    ),
    "nothing_known": ({"commit": True, "releases": 2}, None),
    "repository_left": (
        {"archived": False, "days_from_commit_to_release": 0, "release_days": 900},
        {"archived": True, "days_from_commit_to_release": 30, "release_days": 365},
    ),
    "archived": ({"archived": False, "inactive": False, "finished": False}, None),
    "thriving": (
        {"release_days": 900, "releases": 0, "weeks": 0, "people": 4, "first_release_days": 950, "shared": False},
        {"release_days": 365, "releases": 2, "weeks": 12, "people": 3, "first_release_days": 180, "shared": False},
    ),
    "maintained": (
        {"release_days": 900, "commit_days": 900},
        {"release_days": 365, "commit_days": 365, "release_days_with_commit": 730},
    ),
    "finished": (
        {
            "editor": False,
            "activity_days": 900,
            "weeks": 0,
            "python": True,
            "django": True,
            "mature": True,
            "downloads": 999,
        },
        {
            "editor": True,
            "activity_days": 1096,
            "weeks": 12,
            "python": True,
            "django": True,
            "mature": True,
            "downloads": 1000,
        },
    ),
    "unsupported_django": ({"activity_days": 900, "django_versions": ["5.2"]}, {"activity_days": 730}),
    "activity": ({"activity_days": 900}, {"activity_days": 1096}),
}


def test_reasons_tell_what_was_compared() -> None:
    assert {each.rule: (each.value, each.threshold) for each in health(quiet(), NOW).reasons} == COMPARED


@pytest.mark.parametrize(
    ("rule", "facts", "values"),
    [
        ("nothing_known", Facts(), {"commit": False, "releases": 0}),
        ("repository_left", moved(), {"archived": True, "days_from_commit_to_release": 100, "release_days": 100}),
        ("thriving", maintained(uploads=released(365, 365.5, 800)), {"releases": 1}),
        ("thriving", repository_only(), {"release_days": None, "releases": 0, "first_release_days": None}),
        ("maintained", repository_only(), {"release_days": None, "commit_days": 100}),
        ("maintained", maintained(last_commit=None), {"release_days": 95, "commit_days": None}),
        ("finished", quiet(classifiers=says(django="")), {"django": True}),
        ("finished", quiet(classifiers=says(django="3.2")), {"django": False}),
        ("finished", quiet(downloads=None), {"downloads": None}),
    ],
)
def test_values_of_reasons(rule: str, facts: Facts, values: dict[str, object]) -> None:
    (value,) = (each.value for each in health(facts, NOW).reasons if each.rule == rule)
    assert isinstance(value, dict)
    assert value | values == value


def end_of(day: date) -> datetime:
    return datetime.combine(day + DAY, time(), UTC)


# The id, the facts, and the time at which time alone changes the verdict or a warning.
UNTIL: list[tuple[str, Facts, datetime | None]] = [
    ("fresh: until it is stale", package(), NOW + 90 * DAY),
    ("until the older source is stale", package(repo=fetched(30)), NOW + 60 * DAY),
    ("until a source that never answered is stale", Facts(repo=never_fetched(40)), NOW + 50 * DAY),
    ("deprecated: until it is stale", package(deprecated=True), NOW + 90 * DAY),
    ("gone: until it is stale", package(gone_since=ago(1)), NOW + 90 * DAY),
    ("until the editor's word ends", quiet(finished_until=TODAY), end_of(TODAY)),
    ("until the editor's word ends, later", quiet(finished_until=TODAY + 10 * DAY), end_of(TODAY + 10 * DAY)),
    ("archived, until the editor's word ends", quiet(archived=True, finished_until=TODAY), end_of(TODAY)),
    ("stale before the editor's word ends", quiet(finished_until=TODAY + 100 * DAY), NOW + 90 * DAY),
    ("stale before the end of time", quiet(finished_until=date.max), NOW + 90 * DAY),
    ("a word that ends without a change", finished(finished_until=TODAY), NOW + 90 * DAY),
    ("a word on a thriving package", package(finished_until=TODAY), NOW + 90 * DAY),
    ("a word that is refused", quiet(classifiers=says(django="3.2"), finished_until=TODAY), NOW + 90 * DAY),
    ("a word that has passed", quiet(finished_until=YESTERDAY), NOW + 90 * DAY),
    ("stale already: until a source says nothing", package(repo=fetched(100), pypi=fetched(91)), NOW + 265 * DAY),
    ("not asked: until it says nothing", released_only(pypi=imported(10)), NOW + 355 * DAY),
    (
        "the repository falls silent and changes nothing, then PyPI",
        maintained(repo=imported(100), pypi=imported()),
        NOW + 365 * DAY,
    ),
    (
        "archived until the repository says nothing",
        quiet(repo=imported(300), pypi=imported(), archived=True),
        NOW + 65 * DAY,
    ),
    ("nothing is known", Facts(), None),
    ("nothing is known, and a word", Facts(finished_until=TODAY), None),
    ("not asked, and deprecated", package(repo=imported(), pypi=imported(), deprecated=True), None),
    ("not asked, and gone", package(repo=imported(), pypi=imported(), gone_since=ago(1)), None),
    ("stale, and deprecated", package(repo=fetched(91), pypi=fetched(91), deprecated=True), None),
    ("both say nothing", package(repo=fetched(366), pypi=fetched(366)), None),
]


@pytest.mark.parametrize(("facts", "moment"), [pytest.param(*case, id=name) for name, *case in UNTIL])
def test_valid_until(facts: Facts, moment: datetime | None) -> None:
    valid_until = health(facts, NOW).valid_until
    if moment is None or valid_until is None:
        assert valid_until is moment
    else:  # "more than 90 days" begins no later than a second after 90 days
        assert moment <= valid_until <= moment + SECOND
