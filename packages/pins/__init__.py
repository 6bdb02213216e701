"""Pins: facts that an editor has corrected. A refresh and an import write past them.

The column of the package has the pinned value, so that filters, orderings, search and verdicts need not know of pins;
the pin has what upstream says. The queryset of packages keeps every writer past the pins (packages.models); writers
that bring what upstream says use `past`, editors `write`.
"""
