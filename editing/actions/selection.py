"""The rows that the page of a bulk action has shown, as it sends them back, signed: no others may be acted on."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2s
from typing import Any, Self

from django.core import signing

SALT = "editing.actions"


@dataclass(frozen=True)
class Selection:
    """The rows that a page has shown, each with a digest of what the page said of it, and the values of the form that
    it was shown for; none if the form was not filled in yet."""

    rows: Mapping[int, str]
    values: Mapping[str, str] | None = None

    def signed(self, *who: Any) -> str:
        """Return a text for a hidden input: of this action and this user alone."""
        content = [list(self.rows), list(self.rows.values()), self.values]
        return signing.dumps(content, salt=_salt(who), compress=True)

    @classmethod
    def read(cls, text: str, *who: Any) -> Self | None:
        """Return what was signed; none if the text is no such thing."""
        try:
            ids, digests, values = signing.loads(text, salt=_salt(who))
        except signing.BadSignature:
            return None
        return cls(dict(zip(ids, digests, strict=True)), values)


def digest(text: str) -> str:
    return blake2s(text.encode(), digest_size=6).hexdigest()


def _salt(who: tuple[Any, ...]) -> str:
    return ".".join([SALT, *(str(each) for each in who)])
