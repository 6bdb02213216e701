"""The columns of a category and the keys of its document, in the order of the contract."""

from core.documents import ID, Column, Columns
from core.kinds import Kind

CATEGORY_COLUMNS = Columns(
    Kind.CATEGORY,
    ID,
    Column("title", v4=True, edited=True),
    Column("slug", v4=True, edited=True),
    Column("description", v4=True, edited=True),
    Column("title_plural", v4=True, edited=True),
    Column("show_pypi", v4=True, edited=True),
    Column("created", v4=True, edited=True),
    Column("modified", v4=True, edited=True),
)
