"""The arguments of tools: types, with the descriptions by which a model chooses their values."""

from typing import Annotated, Literal

from pydantic import Field

VERSION = r"^[0-9]{1,2}(\.[0-9]{1,3})?$"

Words = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        description='What to look for: a few words, such as "rest framework". "Quotes" keep words side by side, a -word'
        " excludes.",
    ),
]
Reference = Annotated[
    str,
    Field(
        min_length=1, max_length=100, pattern=r"^[\w-]+$", description="A slug, as the tool search gives it; or an id."
    ),
]
References = Annotated[
    list[Reference], Field(min_length=2, max_length=10, description="The slugs of the packages, 2 to 10 of them.")
]
Type = Annotated[
    Literal["any", "package", "grid"],
    Field(description="Only packages, or only grids (tables of packages for one task)."),
]
Limit = Annotated[int, Field(ge=1, le=20, description="How many at most.")]
GridLimit = Annotated[int, Field(ge=1, le=100, description="How many packages at most; a long grid is cut anyway.")]
PickLimit = Annotated[int, Field(ge=1, le=10, description="How many packages at most.")]
Offset = Annotated[int, Field(ge=0, le=10_000, description="How many to skip: for the next part of a list.")]
Level = Literal["good", "fair", "not_poor", "any"]
LeastLevel = Annotated[
    Level,
    Field(
        description="How alive a package must be: good; fair (good or fair); not_poor (or nothing is known of it); any"
        " (unmaintained, deprecated and gone ones too)."
    ),
]
Order = Annotated[
    Literal["stars", "downloads", "health", "released", "title"],
    Field(
        description="What comes first: the most stars or downloads, the healthiest, the newest release; or by title."
    ),
]
About = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        description="What the package is to do, in the words that such packages use of themselves:"
        ' "JSON web token authentication", "image thumbnails". Two to six words work best.',
    ),
]
Django = Annotated[
    str | None, Field(pattern=VERSION, description='The version of Django that it must say it works with: "5.2".')
]
Python = Annotated[
    str | None, Field(pattern=VERSION, description='The version of Python that it must work with: "3.13".')
]
Licence = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=100,
        description='The licence that it must be under: an SPDX identifier ("MIT", "Apache-2.0") or a family: "BSD",'
        ' "GPL", "LGPL", "AGPL", "Apache".',
    ),
]
ColumnKey = Literal[
    "description",
    "category",
    "health",
    "repo_watchers",
    "repo_forks",
    "pypi_downloads",
    "commits_over_52",
    "last_updated",
    "pypi_version",
    "released",
    "django_versions",
    "python_versions",
    "licence",
    "development_status",
    "repo_url",
    "pypi_url",
    "documentation_url",
]
Columns = Annotated[
    list[ColumnKey] | None,
    Field(max_length=17, description="What to compare by, in this order; commits_over_52 is the commits of a year."),
]
Features = Annotated[bool, Field(description="Also show what the packages make of the features of the grid.")]
OfGrid = Annotated[
    Reference | None, Field(description="A grid that the packages are in: compares them by its features, too.")
]
# The levels of the API, for each that a tool accepts
LEVELS: dict[Level, str] = {
    "good": "good",
    "fair": "good,fair",
    "not_poor": "good,fair,none",
    "any": "good,fair,none,poor",
}
