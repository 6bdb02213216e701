"""The order of work: what concerns the most people, is the oldest, and contradicts the most, comes first."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, F, FloatField, Q, Value, When
from django.db.models.functions import Coalesce, Ln

from packages.health.verdicts import LEVELS, VERDICTS, rank

STAR = 10  # a star counts as so many downloads a month, where these are not known
GOOD = [rank(verdict) for verdict in VERDICTS if LEVELS[verdict] == "good"]
# The age of the last successful fetch, and its factor; older ones, and packages never fetched, have OLDEST.
STALENESS = ((timedelta(days=7), 1.0), (timedelta(days=30), 1.5), (timedelta(days=365), 2.0))
OLDEST = 3.0


def weight(contradiction: float, now: datetime) -> Any:
    """Return the weight of packages as an expression: users * staleness * contradiction.

    Users: ln(10 + downloads a month), or stars * 10 where downloads are not known. Staleness: 1 to 3 by the age of the
    last successful fetch. Contradiction: that of the list, twice that for a package of level good, which the catalogue
    recommends.
    """
    users = Ln(Value(10.0) + Coalesce("pypi_downloads", F("repo_watchers") * STAR), output_field=FloatField())
    staleness = Case(
        *(When(last_fetched__gt=now - age, then=Value(factor)) for age, factor in STALENESS),
        default=Value(OLDEST),
        output_field=FloatField(),
    )
    recommended = Case(When(Q(verdict_rank__in=GOOD), then=Value(2.0)), default=Value(1.0), output_field=FloatField())
    return users * staleness * recommended * Value(contradiction)
