"""The columns of a category and the keys of its document, in the order of the contract."""

from core.documents import Column, Columns
from core.kinds import Kind

CATEGORY_COLUMNS = Columns(
    Kind.CATEGORY,
    Column("id", v4=True, logged=False, reason="A row with another id is logged as deleted and created."),
    Column("title", v4=True, edited=True),
    Column("slug", v4=True, edited=True),
    Column("description", v4=True, edited=True),
    Column("title_plural", v4=True, edited=True),
    Column("show_pypi", v4=True, edited=True),
    Column("created", v4=True, edited=True),
    Column("modified", v4=True, edited=True),
)
