"""The weekly mail of the desk: what there is to do, how fresh the catalogue is, and the last runs, as plain text."""

import logging
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.dateformat import format as formatted

from changes.log import RETENTION
from core.words import counted
from editing.desk.chart import in_words
from editing.desk.counts import counts
from editing.desk.front import Card, cards_of
from editing.desk.lists import LISTS
from editing.desk.lists.base import MOST
from editing.desk.runs import last_runs
from editing.models import WeeklyMail

CLAIM = timedelta(hours=1)  # after which a run that has claimed the mail, and has not sent it, is taken for dead
logger = logging.getLogger(__name__)


def send(now: datetime) -> bool:
    """Send the mail of this week, unless it is sent or another run is sending it, and return whether it was sent.

    A mail server that fails is a line in the log: the next run tries again.
    """
    if not settings.DESK_MAIL:
        return False
    today = timezone.localdate(now)
    monday = today - timedelta(days=today.weekday())
    if not _claim(monday, now):
        return False
    week = WeeklyMail.objects.filter(monday=monday)
    try:
        _message(today, now).send()
    except Exception as error:  # noqa: BLE001 (of the network, of the server, or of Python's library of mail)
        week.update(claimed=None)
        logger.error("The weekly mail was not sent, and is tried by the next run: %s", type(error).__name__)  # noqa: TRY400
        return False
    week.update(sent=now)
    return True


def _claim(monday: date, now: datetime) -> bool:
    """Have the right to send the mail of a week, which one run has at a time."""
    WeeklyMail.objects.filter(monday__lt=monday - RETENTION).delete()
    WeeklyMail.objects.bulk_create([WeeklyMail(monday=monday)], ignore_conflicts=True)
    is_free = Q(claimed__isnull=True) | Q(claimed__lt=now - CLAIM)
    return bool(WeeklyMail.objects.filter(is_free, monday=monday, sent__isnull=True).update(claimed=now))


def _message(today: date, now: datetime) -> EmailMessage:
    cards = cards_of(LISTS, now)
    number = sum(min(card.number, MOST) for card in cards)
    items = f"more than {number:,} items" if any(card.number > MOST for card in cards) else counted(number, "item")
    subject = f"Package Grids: {items} to settle, {formatted(today, 'j F Y')}"
    return EmailMessage(subject, "\n".join(_lines(cards, now)), to=settings.DESK_MAIL)


def _lines(cards: list[Card], now: datetime) -> Iterator[str]:
    yield f"The desk: {_link(reverse('admin:index'))}"
    yield ""
    yield "To do"
    for card in cards:
        count = "it could not be read: see the log" if card.problem else card.count
        if card.number or card.problem:
            yield f"  {card.kind.title}: {count}  {_link(reverse('admin:desk_list', args=(card.kind.name,)))}"
    yield ""
    yield "Packages by source and host"
    for each in counts(now):
        yield f"  {each.name}: {in_words(each.states)}"
    yield ""
    yield "Last runs"
    for run in last_runs(now):
        yield f"  {run.words}"
    yield f"  {_link(reverse('admin:fetchers_run_changelist'))}"


def _link(path: str) -> str:
    return f"{settings.SITE_URL}{path}"
