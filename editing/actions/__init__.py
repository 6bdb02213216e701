"""Bulk actions on the packages that an editor has selected in admin: a page says what will change, then it is done."""

from editing.actions.categories import ChangeCategory
from editing.actions.deprecation import Deprecate
from editing.actions.memberships import AddToGrid, RemoveFromGrid
from editing.actions.projects import ClearProject

ACTIONS = (ChangeCategory(), AddToGrid(), RemoveFromGrid(), Deprecate(), ClearProject())
