"""The health of packages: what holds for any facts."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime

from hypothesis import assume, given
from hypothesis import strategies as st

from packages.health import health
from packages.health.facts import Facts, SourceState, Upload
from packages.health.rules import RULES
from packages.health.verdicts import Health, Verdict, WarningName
from tests.packages.health_facts import (
    DAY,
    LEVELS,
    NOW,
    SECOND,
    STATUSES,
    TODAY,
    ago,
    fetched,
    people,
    says,
    weeks,
)

BEST_FIRST = ("thriving", "maintained", "finished", "quiet", "unknown", "unmaintained", "deprecated", "gone")

# Days around the boundaries, and times that a careless clock has written into a commit.
boundaries = st.sampled_from((0, 30, 90, 180, 365, 730, 1096, 1460, 1826)).flatmap(
    lambda day: st.integers(day - 1, day + 1)
)
moments = st.builds(ago, boundaries | st.integers(-400, 4000), st.sampled_from((-1, 0, 1)))
odd_moments = st.sampled_from((datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)))
times = moments | odd_moments
past = moments.filter(lambda each: each <= NOW)
sources = st.builds(fetched, st.integers(0, 364)) | st.builds(
    SourceState, st.booleans(), st.none() | past, st.none() | past
)
versions = st.sampled_from(("0.1", "0.9", "1.0rc1", "1.0", "2.3.dev1", "4.2", "2026.1", "not a version", ""))
uploads = st.lists(
    st.builds(Upload, versions, st.none() | times, st.booleans()), max_size=5, unique_by=lambda each: each.at
)
classifiers = st.lists(
    st.sampled_from(
        [
            *says(django="any 1.11 3.2 4.2 5 5.2 6.0 99.0", python="2.7 3 3.4 3.9 3.10 3.12 3.99"),
            *(f"Development Status :: {each}" for each in STATUSES.values()),
            "Framework :: Django :: x",
            "",
        ]
    ),
    max_size=5,
)
logins = st.sampled_from((*people(4), "dependabot", "Renovate[BOT]", "x[bot]", ""))
facts_of_any_kind = st.builds(
    Facts,
    repo=sources,
    last_commit=st.none() | times,
    last_human_commit=st.none() | times,
    weeks=st.just(()) | st.integers(0, 52).map(weeks),
    participants=st.lists(logins, max_size=5, unique=True),
    archived=st.none() | st.booleans(),
    is_shared=st.booleans(),
    names_folder=st.booleans(),
    name_reused=st.booleans(),
    pypi=sources,
    uploads=uploads,
    latest_version=st.none() | versions,
    classifiers=classifiers,
    requires_python=st.sampled_from(("", ">=3.6", ">=3.10", "<3.8", "<2", "<3", ">=3.12,<3.10", ">=4", "three")),
    pypi_status=st.sampled_from(("", "active", "active", "active", "active", "archived", "quarantined", "deprecated")),
    downloads=st.none() | st.sampled_from((0, 999, 1000, 9999, 10_000, 10**9)),
    deprecated=st.sampled_from((*[False] * 7, True)),
    has_successor=st.sampled_from((*[False] * 7, True)),
    finished_until=st.none() | st.sampled_from((TODAY - DAY, TODAY, TODAY + 40 * DAY, date.min, date.max)),
    gone_since=st.sampled_from((*[None] * 7, NOW)),
)
facts_without_end = facts_of_any_kind.map(lambda facts: replace(facts, finished_until=None))


def fate(answer: Health) -> tuple[Verdict, list[WarningName]]:
    return answer.verdict, sorted(answer.warnings)


@given(facts_of_any_kind)
def test_there_is_one_answer_for_any_facts(facts: Facts) -> None:
    answer = health(facts, NOW)
    assert answer == health(facts, NOW)
    assert answer.level == LEVELS[answer.verdict]
    assert [each.rule for each in answer.reasons] == list(RULES[: len(answer.reasons)])
    assert [each.holds for each in answer.reasons] == [False] * (len(answer.reasons) - 1) + [True]
    assert len(set(answer.warnings)) == len(answer.warnings)
    json.dumps([(each.value, each.threshold) for each in answer.reasons], allow_nan=False)


@given(facts_of_any_kind)
def test_the_order_of_what_a_source_lists_is_of_no_weight(facts: Facts) -> None:
    turned = replace(
        facts, uploads=facts.uploads[::-1], participants=facts.participants[::-1], classifiers=facts.classifiers[::-1]
    )
    assert fate(health(turned, NOW)) == fate(health(facts, NOW))


@given(facts_of_any_kind, st.floats(0, 1))
def test_nothing_changes_before_valid_until_and_something_does_then(facts: Facts, share: float) -> None:
    answer = health(facts, NOW)
    end = answer.valid_until
    if end is None:
        for days in (1, 41, 91, 366, 4000):
            assert fate(health(facts, NOW + days * DAY)) == fate(answer)
    else:
        assert end >= NOW
        assert fate(health(facts, NOW + (end - SECOND - NOW) * share)) == fate(answer)
        assert fate(health(facts, end + SECOND)) != fate(answer)


def silent_at(source: SourceState, now: datetime) -> bool:
    told = source.last_success or source.asked_since
    return told is None or now - told > 365 * DAY


@given(facts_without_end, st.floats(0, 400))
def test_failures_move_no_verdict_while_the_sources_speak(facts: Facts, days: float) -> None:
    later = NOW + days * DAY
    assume(all(silent_at(each, NOW) == silent_at(each, later) for each in (facts.repo, facts.pypi)))
    assert health(facts, later).verdict == health(facts, NOW).verdict


@given(facts_without_end)
def test_after_400_days_of_failures_only_our_own_word_is_left(facts: Facts) -> None:
    expected = "gone" if facts.gone_since else "deprecated" if facts.deprecated or facts.has_successor else "unknown"
    assert health(facts, NOW + 400 * DAY).verdict == expected


@given(facts_of_any_kind, moments, st.integers(1, 4000), versions)
def test_a_newer_release_never_makes_it_worse(facts: Facts, older: datetime, days: int, version: str) -> None:
    """Of a package that has a release: the first one may tell of an archived package, which was unknown before."""
    before = replace(facts, uploads=[*facts.uploads, Upload("1.0", older)])
    newest = max(each.at for each in before.uploads if each.at and not each.yanked)
    assume(newest < NOW + 500 * DAY)
    after = replace(before, uploads=[*before.uploads, Upload(version, newest + days * DAY)])
    worse, better = health(before, NOW).verdict, health(after, NOW).verdict
    assert BEST_FIRST.index(better) <= BEST_FIRST.index(worse)
