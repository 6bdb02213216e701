"""Signals by which lower folders call upper ones, which they cannot import."""

from django.dispatch import Signal

# Sent once a day or more often by refresh_packages, with the time as `now`: receivers delete what is too old.
housekeeping = Signal()
