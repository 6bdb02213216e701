"""`manage.py mcp` as a client of a language model starts it: the SDK's own client, over the pipes of a process."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from django.core.management import CommandError, call_command
from mcp import Client, StdioServerParameters

from config.management.commands import mcp as command
from config.mcp_server.texts import MOST_TOKENS, QUOTED, tokens
from tests.servers import ROOT, SECRET_KEY, server

# Each tool with arguments, and the slug that its answer has.
CALLS: dict[str, tuple[dict[str, Any], str]] = {
    "pick": ({"about": "REST API", "django": "5.2"}, "djangorestframework"),
    "search": ({"query": "thumbnails", "type": "package"}, "sorl-thumbnail"),
    "get_package": ({"package": "django-otp"}, "django-otp"),
    "get_grid": ({"grid": "rest-apis", "features": True}, "django-ninja"),
    "compare": ({"packages": ["wagtail", "django-cms"], "columns": ["health"]}, "wagtail"),
}

# In one process, which imports Django once
LOAD = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("load_sample", verbosity=0)
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of processes that have the sample catalogue in an SQLite file."""
    database = tmp_path_factory.mktemp("mcp") / "db.sqlite3"
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": SECRET_KEY,
        "DATABASE_URL": f"sqlite:///{database}",
        "ALLOWED_HOSTS": "packages.example.org,127.0.0.1",
    }
    subprocess.run([sys.executable, "-c", LOAD], cwd=ROOT, env=environment, check=True)
    yield environment
    database.unlink()


class Session:
    """The tools that a client was offered, and the answers by the name of the call."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def call(self, name: str, **arguments: Any) -> tuple[bool, str]:
        """Call a tool, and return whether the answer is an error, with its one text."""
        result = await self.client.call_tool(name, arguments)
        [content] = result.content
        return bool(result.is_error), content.text


def started(environment: dict[str, str], *arguments: str) -> Client:
    command = StdioServerParameters(
        command=sys.executable, args=["manage.py", "mcp", *arguments], env=environment, cwd=ROOT
    )
    return Client(command)


def test_the_client_of_the_sdk_lists_the_tools_and_calls_each(environment: dict[str, str]) -> None:
    async def check() -> None:
        async with started(environment) as client:
            tools = (await client.list_tools()).tools
            assert [tool.name for tool in tools] == list(CALLS)
            for tool in tools:
                _check_description(tool)
            session = Session(client)
            for name, (arguments, slug) in CALLS.items():
                is_error, answer = await session.call(name, **arguments)
                assert not is_error, answer
                assert json.loads(answer)["quoted"] == QUOTED
                assert f'"{slug}"' in answer
                assert tokens(answer) <= MOST_TOKENS
            await _check_errors(session)

    anyio.run(check)


def _check_description(tool: Any) -> None:
    """Every tool and every argument says what it is for, and no tool writes."""
    assert len(tool.description) > 40
    assert (tool.annotations.read_only_hint, tool.annotations.destructive_hint) == (True, False)
    for name, argument in tool.input_schema["properties"].items():
        assert argument.get("description"), f"{tool.name}: {name}"
    assert tool.input_schema["additionalProperties"] is False
    assert tool.output_schema is None, "the same answer twice would cost twice as many tokens"


async def _check_errors(session: Session) -> None:
    """Errors are answers that say how to mend them; the server goes on."""
    for name, arguments, message in (
        ("get_package", {"package": "djnago-otp"}, "spelled alike: django-otp."),
        ("get_package", {"package": "../grids/forms"}, "String should match pattern"),
        ("pick", {"about": "maps", "level": "great"}, "Input should be 'good', 'fair', 'not_poor' or 'any'"),
        ("pick", {"about": "maps", "licence": "MITT"}, "Did you mean “MIT”?"),
        ("pick", {"about": "maps", "django": "5.2; DROP"}, "String should match pattern"),
        ("compare", {"packages": ["wagtail"]}, "List should have at least 2 items"),
        ("search", {"query": "maps", "limit": 1_000}, "Input should be less than or equal to 20"),
        ("search", {"query": "maps", "page": 2}, "Extra inputs are not permitted"),
        ("delete_package", {"package": "wagtail"}, "delete_package"),
    ):
        is_error, answer = await session.call(name, **arguments)
        assert is_error, answer
        assert message in answer
        assert len(answer) < 1_000
    assert not (await session.call("get_package", package="wagtail"))[0]


def test_another_site_by_its_url(environment: dict[str, str], tmp_path: Path) -> None:
    """The server reads it by HTTP, and needs no database of its own."""

    async def check(url: str) -> None:
        without = {**environment, "DATABASE_URL": f"sqlite:///{tmp_path / 'none.sqlite3'}"}
        async with started(without, "--url", url) as client:
            session = Session(client)
            for name, (arguments, slug) in CALLS.items():
                is_error, answer = await session.call(name, **arguments)
                assert not is_error, answer
                assert f'"{slug}"' in answer
            assert (await session.call("get_grid", grid="no-such"))[0]

    with server(DATABASE_URL=environment["DATABASE_URL"], ALLOWED_HOSTS="127.0.0.1") as url:
        anyio.run(check, url)
    assert not (tmp_path / "none.sqlite3").exists()


def test_without_the_sdk_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find_spec", lambda _: None)
    with pytest.raises(CommandError, match=r"^The Python SDK of MCP is not installed: pip install '\.\[mcp\]' [^\n]*$"):
        call_command("mcp")


@pytest.mark.parametrize("url", ["ftp://x", ""])
def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(CommandError, match=rf"^{url}: must begin with http:// or https://, followed by a host$"):
        call_command("mcp", "--url", url)


def test_it_ends_at_once_when_it_is_interrupted(environment: dict[str, str]) -> None:
    """Nothing but the protocol is on stdout, and nothing on stderr."""
    client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client}
    with subprocess.Popen(
        [sys.executable, "manage.py", "mcp"],
        cwd=ROOT,
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as server:
        assert server.stdin
        assert server.stdout
        server.stdin.write(json.dumps(hello) + "\n")
        server.stdin.flush()
        answer = json.loads(server.stdout.readline())
        assert answer["result"]["instructions"].endswith(QUOTED)
        server.send_signal(signal.SIGINT)
        rest, errors = server.communicate(timeout=20)
    assert (server.returncode, rest, errors) == (-signal.SIGINT, "", "")
