"""Counts of packages that are ready for a version of Django or of Python: those that say that they work with it, that
refuse it, that name other versions only, or that say nothing."""
