"""The module in which Django looks for admin: the log of logins, which is of no kind of documents."""

from core.admin import logins

__all__ = ["logins"]
