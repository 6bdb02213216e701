"""The columns of a category and the keys of its document, in the order of the contract."""

from core.documents import CREATED, ID, MODIFIED, SLUG, TITLE, Column, Columns, Computed
from core.kinds import Kind

CATEGORY_COLUMNS = Columns(
    Kind.CATEGORY,
    ID,
    TITLE,
    SLUG,
    Column("description", means='"" if there is none.', v4=True, edited=True),
    Column(
        "title_plural",
        means='The title for many packages: apps, frameworks; "" if none was typed.',
        v4=True,
        edited=True,
    ),
    Column("show_pypi", means="True if packages of this category are expected to be on PyPI.", v4=True, edited=True),
    CREATED,
    MODIFIED,
    # Added by `fields=`
    Computed(
        "package_count",
        means="The number of its packages.",
        extended=True,
        shows=((Kind.PACKAGE, "category_id"),),
        reason="A package that comes, goes or changes its category is logged as that.",
    ),
    Computed(
        "last_updated_median",
        extended=True,
        means="The median time of the last commit of its packages, the earlier of the two in the middle; null if it is"
        " known of none.",
        shows=(Kind.PACKAGE,),
        reason="A commit is a change of its package.",
    ),
)
