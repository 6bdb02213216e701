"""The former slugs of documents, for the folders that cannot import this one."""

from collections.abc import Collection

from changes.models import OldSlug
from core.kinds import Kind


class LoggedSlugs:
    """See core.hooks.FormerSlugs."""

    def owners(self, kind: Kind, slugs: Collection[str]) -> dict[str, int]:
        return dict(OldSlug.objects.filter(kind=kind, slug__in=slugs).values_list("slug", "object_id"))
