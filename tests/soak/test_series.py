"""Growth of what a server holds, as make soak judges it."""

import pytest

from tests.soak.series import MOST_MORE_MB, growth, slope


def series(*values: float) -> list[tuple[float, float]]:
    return [(float(second), value) for second, value in enumerate(values)]


def test_a_warm_up_is_no_growth() -> None:
    grown = growth(series(*range(50, 80), *([80.0] * 60)))
    assert (grown.before, grown.after, grown.more, grown.most) == (80, 80, 0, 80)
    assert grown.hourly == pytest.approx(0)


def test_a_leak_is() -> None:
    grown = growth(series(*(80 + second / 3 for second in range(90))))
    assert grown.more > MOST_MORE_MB
    assert grown.hourly == pytest.approx(1200)


def test_noise_is_not() -> None:
    grown = growth(series(*(80 + second % 7 for second in range(180))))
    assert abs(grown.more) <= 1


def test_few_samples() -> None:
    assert growth(series(1, 2)).more == 0
    assert slope(series(5)) == 0
