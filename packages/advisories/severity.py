"""The severity of an advisory by its CVSS vector.

Source: FIRST's specification of CVSS 3.1, chapter 7.1 (base score) and 5 (levels, whose "medium" GitHub's advisories
call moderate). Version 4 has no formula but a table of 270 rows, and GitHub's advisories with it name their level too.
"""

import math
import re
from collections.abc import Mapping

from packages.advisories.facts import Severity

_WEIGHTS: Mapping[str, Mapping[str, float]] = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    **{key: {"H": 0.56, "L": 0.22, "N": 0.0} for key in ("C", "I", "A")},
}
_PRIVILEGES = {"U": {"N": 0.85, "L": 0.62, "H": 0.27}, "C": {"N": 0.85, "L": 0.68, "H": 0.5}}
_LEVELS: tuple[tuple[float, Severity], ...] = ((9.0, "critical"), (7.0, "high"), (4.0, "moderate"), (0.0, "low"))


def severity_of(vector: str) -> Severity:
    """Return the level of a CVSS vector; "unknown" of one that is not of version 3, or not whole."""
    score = score_of(vector)
    return next((level for least, level in _LEVELS if score is not None and score >= least), "unknown")


def score_of(vector: str) -> float | None:
    """Return the base score of a CVSS vector of version 3."""
    if len(vector) > 300 or not re.match(r"CVSS:3\.[01]/", vector):
        return None
    metrics = dict(part.split(":", 1) for part in vector.split("/")[1:] if ":" in part)
    try:
        weights = {name: of[metrics[name]] for name, of in _WEIGHTS.items()}
        scope = metrics["S"]
        privileges = _PRIVILEGES[scope][metrics["PR"]]
    except KeyError:
        return None
    hit = 1 - (1 - weights["C"]) * (1 - weights["I"]) * (1 - weights["A"])
    impact = 6.42 * hit if scope == "U" else 7.52 * (hit - 0.029) - 3.25 * (hit - 0.02) ** 15
    if impact <= 0:
        return 0.0
    ease = 8.22 * weights["AV"] * weights["AC"] * privileges * weights["UI"]
    return _rounded_up(min((impact + ease) * (1.0 if scope == "U" else 1.08), 10.0))


def _rounded_up(score: float) -> float:
    """Round up to one decimal, past the errors of floats (appendix A)."""
    whole = round(score * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (math.floor(whole / 10_000) + 1) / 10
