"""The admin of documents: what all kinds of them share. And the log of logins, which Django finds here."""

from core.admin import logins as logins
