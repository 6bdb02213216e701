"""The server: the tools with their arguments, as the SDK offers them to a model."""

import json
import logging
from collections.abc import Callable
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations

from config.mcp_server import arguments as a
from config.mcp_server import tools
from config.mcp_server.catalogue import Catalogue, CatalogueError
from config.mcp_server.picked import pick_packages
from config.mcp_server.picking import Conditions
from config.mcp_server.texts import QUOTED, text

logger = logging.getLogger(__name__)
LONGEST_ERROR = 600
INSTRUCTIONS = (
    "A catalogue of reusable packages for Django, compared side by side in grids. Use pick to choose packages for a"
    " task; search to find packages and grids by words; get_package for what is known of one, with the verdict on its"
    " health; get_grid for the packages of one task side by side; compare for any packages side by side. Slugs in"
    f" answers are the arguments of other tools. {QUOTED}"
)
_READ_ONLY = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)


class Tools:
    """The tools over a catalogue. Their docstrings are what a model reads of them."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def search(self, query: a.Words, type: a.Type = "any", limit: a.Limit = 10, offset: a.Offset = 0) -> str:  # noqa: A002 (the API's name)
        """Search for packages and grids that have all the words, best first."""
        return self._told(tools.search, query, type, limit, offset)

    def get_package(self, package: a.Reference) -> str:
        """Get what is known of a package: the verdict on its health with the rule that decided, what it fits, how much
        it is used, its links, and when that was fetched."""
        return self._told(tools.get_package, package)

    def get_grid(
        self,
        grid: a.Reference,
        level: a.LeastLevel = "not_poor",
        order: a.Order = "stars",
        limit: a.GridLimit = 40,
        offset: a.Offset = 0,
        features: a.Features = False,
    ) -> str:
        """Get a grid: the packages for one task side by side, a row each, with health, use, versions and licence."""
        return self._told(tools.get_grid, grid, level, order, limit, offset, features=features)

    def compare(self, packages: a.References, columns: a.Columns = None, grid: a.OfGrid = None) -> str:
        """Compare packages side by side, a row each. `best` names the best ones of each column."""
        return self._told(tools.compare, packages, columns, grid)

    def pick(
        self,
        about: a.About,
        django: a.Django = None,
        python: a.Python = None,
        licence: a.Licence = None,
        level: a.LeastLevel = "not_poor",
        limit: a.PickLimit = 5,
    ) -> str:
        """Pick packages for a task, best first, each with the reasons: the words it has, its health, what it fits, how
        much it is used. What a condition leaves out is named, too."""
        return self._told(pick_packages, about, Conditions(django, python, licence, level), limit)

    def _told(self, tool: Callable[..., str], *values: Any, **named: Any) -> str:
        """Return a tool's answer; ToolError says in one line what is wrong and how to correct it."""
        try:
            return tool(self.catalogue, *values, **named)
        except CatalogueError as error:
            raise ToolError(_in_words(error)) from error
        except (AttributeError, IndexError, KeyError, TypeError) as error:
            logger.exception("%s: a response has another form than expected", self.catalogue.origin)
            raise ToolError(
                "The catalogue responded in another form than this server knows: they may be of different versions."
            ) from error
        finally:
            self.catalogue.close()


def _in_words(error: CatalogueError) -> str:
    """Return what is wrong; the words of the API in quotes, as they may be a stranger's."""
    said = text(error.said, LONGEST_ERROR)
    return f"{error} It says: {json.dumps(said, ensure_ascii=False)}" if said else str(error)


def server_of(catalogue: Catalogue) -> MCPServer[Any]:
    """Return the server of a catalogue."""
    of_catalogue = Tools(catalogue)
    functions = (
        of_catalogue.pick,
        of_catalogue.search,
        of_catalogue.get_package,
        of_catalogue.get_grid,
        of_catalogue.compare,
    )
    tools = [_strict(Tool.from_function(each, annotations=_READ_ONLY, structured_output=False)) for each in functions]
    return MCPServer("package-grids", instructions=INSTRUCTIONS, tools=tools, log_level="WARNING")


def _strict(tool: Tool) -> Tool:
    """Return a tool that refuses arguments which it does not have: the SDK would drop a wrong name without a word."""
    model = tool.fn_metadata.arg_model
    model.model_config["extra"] = "forbid"
    model.model_rebuild(force=True)
    tool.parameters["additionalProperties"] = False
    return tool
