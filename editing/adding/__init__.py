"""Adding packages by their addresses, one or many at a time, and asking for what is fetched of them."""

from editing.adding import pages
from editing.adding.fetch_now import ACTIONS
from editing.adding.fetch_now import pages as fetching_pages

PAGES = (pages.pages, fetching_pages)

__all__ = ["ACTIONS", "PAGES"]
