"""Signals by which lower folders call upper ones, which they cannot import."""

from django.dispatch import Signal

# Sent once a day or more often by refresh_packages, with the time as `now`: receivers delete what is too old, and
# return a sentence that says how much, or "".
housekeeping = Signal()

# Sent by refresh_packages when a run is over that was not of single packages, with the time as `now`. What receivers
# raise goes to the log: the run has ended.
refreshed = Signal()
