"""packages.advisories.severity: the levels of CVSS vectors, by examples of FIRST and GitHub with their scores."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packages.advisories.facts import SEVERITIES, place, worst
from packages.advisories.severity import score_of, severity_of

METRICS = {"AV": "NALP", "AC": "LH", "PR": "NLH", "UI": "NR", "S": "UC", "C": "NLH", "I": "NLH", "A": "NLH"}


@pytest.mark.parametrize(
    ("metrics", "score", "level"),
    [
        ("AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8, "critical"),
        ("AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0, "critical"),
        ("AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 7.5, "high"),
        ("AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1, "moderate"),
        ("AV:N/AC:H/PR:N/UI:N/S:C/C:H/I:N/A:N", 6.8, "moderate"),
        ("AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 7.8, "high"),
        ("AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4, "moderate"),
        ("AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1, "low"),
        ("AV:L/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N", 0.0, "low"),
        ("AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N/E:P/RL:O", 7.5, "high"),
    ],
)
def test_scores(metrics: str, score: float, level: str) -> None:
    assert score_of(f"CVSS:3.1/{metrics}") == score
    assert severity_of(f"CVSS:3.0/{metrics}") == level


@pytest.mark.parametrize(
    "vector",
    [
        *("", "9.8", "CVSS:3.1/", "CVSS:3.1/AV:N", "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"),
        *("AV:N/AC:L/Au:N/C:P/I:P/A:P", "CVSS:4.0/AV:N/AC:L/AT:N/PR:H/UI:N/VC:L/VI:L/VA:N/SC:N/SI:N/SA:N"),
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" + "/X:Y" * 100,
    ],
)
def test_no_vector_of_version_3(vector: str) -> None:
    assert severity_of(vector) == "unknown"


@given(st.fixed_dictionaries({name: st.sampled_from(values) for name, values in METRICS.items()}))
def test_every_vector_has_a_score(metrics: dict[str, str]) -> None:
    score = score_of("CVSS:3.1/" + "/".join(f"{name}:{value}" for name, value in metrics.items()))
    assert score is not None
    assert 0 <= score <= 10
    assert round(score, 1) == score


@given(st.text(max_size=60))
def test_any_text(text: str) -> None:
    assert severity_of(f"CVSS:3.1/{text}") in SEVERITIES


def test_the_worst() -> None:
    assert worst(["low", "critical", "unknown"]) == "critical"
    assert worst(["unknown"]) == worst([]) == "unknown"
    assert sorted(["unknown", "low", "critical"], key=place) == ["critical", "low", "unknown"]
