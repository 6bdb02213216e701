"""All lists of work."""

from collections.abc import Mapping

from editing.desk.lists.base import WorkList
from editing.desk.lists.grids import EmptyGrid, OneGood
from editing.desk.lists.projects import Duplicates, Flipped, NoProject, NoSuccessor
from editing.desk.lists.repositories import Moved, NameReused, OtherRepository, ProbablyMoved, Unreadable
from editing.desk.lists.words import PinMoved, ReplyEnding

LISTS: tuple[WorkList, ...] = (
    NameReused(),
    ProbablyMoved(),
    Moved(),
    OtherRepository(),
    Unreadable(),
    Duplicates(),
    NoProject(),
    NoSuccessor(),
    PinMoved(),
    ReplyEnding(),
    Flipped(),
    EmptyGrid(),
    OneGood(),
)
BY_NAME: Mapping[str, WorkList] = {each.name: each for each in LISTS}
