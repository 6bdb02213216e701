"""The score of a package: its watchers, less a penalty for signs that nobody maintains it.

The penalty is a tenth of the watchers for every three months without a commit, and three tenths (1,000 at most) if the
package does not say that it works with Python 3; the score is never under -500. That is the rule of djangopackages.org.
The score falls as time passes, so it is never stored: `score` computes it from a row, and `by_score` computes the same
number in the database.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import BigIntegerField, Case, Func, Q, Value, When
from django.db.models.functions import Cast, Coalesce, Greatest, Least

from packages.compatibility import PYTHON

QUARTER = 7_889_400  # seconds: three months of a year of 365.25 days
LEAST = -500
MOST_WITHOUT_PYTHON3 = 1_000
BIG = BigIntegerField()  # products with the largest number of watchers overflow PostgreSQL's integers


def score(watchers: int, last_updated: datetime | None, python3: bool, now: datetime) -> int:
    # Whole seconds on both sides, as the databases count.
    age = int(now.timestamp()) - int(last_updated.timestamp()) if last_updated else 0
    without_commits = max(age, 0) // QUARTER * watchers // 10
    without_python3 = 0 if python3 else min(watchers * 3 // 10, MOST_WITHOUT_PYTHON3)
    return max(watchers - without_commits - without_python3, LEAST)


class _Epoch(Func):
    """A time as whole seconds since 1970."""

    output_field = BigIntegerField()
    arity = 1

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(
            compiler, connection, template="CAST(strftime('%%%%s', %(expressions)s) AS INTEGER)", **context
        )

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "CAST(floor(extract(epoch FROM %(expressions)s)) AS bigint)"
        return self.as_sql(compiler, connection, template=template, **context)


def by_score(now: datetime, admitting_python3: Collection[str]) -> Any:
    """The score as an expression, for packages that are annotated with the text of their classifiers as
    `classifier_text`. `admitting_python3` are the values of requires_python that admit a Python 3.
    """
    watchers = Cast("repo_watchers", BIG)
    age = Greatest(_whole(int(now.timestamp())) - _Epoch("last_updated"), _whole(0), output_field=BIG)
    quarters = Coalesce(age / _whole(QUARTER), _whole(0), output_field=BIG)
    python3 = Q(classifier_text__contains=f'"{PYTHON}3') | Q(requires_python__in=admitting_python3)
    without_python3 = Least(watchers * _whole(3) / _whole(10), _whole(MOST_WITHOUT_PYTHON3), output_field=BIG)
    penalty = Case(When(python3, then=_whole(0)), default=without_python3, output_field=BIG)
    return Greatest(watchers - quarters * watchers / _whole(10) - penalty, _whole(LEAST), output_field=BIG)


def _whole(number: int) -> Value:
    return Value(number, BIG)
