"""A small internet on the loopback: GitHub (GraphQL and REST), PyPI, pypistats and OSV, with latency and faults to set.

The world is the truth that a refreshed catalogue must equal. The server serves it, with the faults it is set to.
"""

import hashlib
import json
import re
import socket
import struct
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.fetchers.advisories.feed import Feed, document

Json = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]  # status, headers, body


@dataclass
class Repo:
    """A repository on GitHub; `weeks` are its 52 counts, `head` moves with every commit."""

    number: int
    name: str
    stars: int = 10
    forks: int = 2
    description: str = "Does things."
    archived: bool = False
    head: str = "0" * 40
    committed: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0) - timedelta(days=3))
    people: tuple[str, ...] = ("anna", "bert")
    weeks: tuple[int, ...] = (1,) * 52


@dataclass
class Project:
    """A project on PyPI, and the repository that it names."""

    name: str
    serial: int = 1
    version: str = "1.0"
    downloads: int = 100
    source: str = ""


@dataclass
class World:
    """Everything that the server serves. `fault` may name, for a path, the fault of its response; `alter` makes every
    document another one.

    `strangers` is the number of projects in PyPI's index that belong to no package. With `strict`, GitHub enforces its
    secondary limits, and PyPI one of 20 requests a second; `limited` counts the requests that were over them.
    """

    repos: dict[str, Repo] = field(default_factory=dict)
    projects: dict[str, Project] = field(default_factory=dict)
    advisories: Feed = field(default_factory=lambda: Feed().put(document("X-2026-1", "nobody")))
    latency: float = 0.0
    fault: Callable[[str], str | None] = lambda _path: None
    alter: Callable[[Any], Any] = lambda document: document
    limit: int = 5_000
    clock: Callable[[], float] = time.time
    strangers: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    points: int = 0
    strict: bool = False
    limited: Counter[str] = field(default_factory=Counter)
    most_in_flight: int = 0
    in_flight: int = 0
    windows: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def admit(self, path: str) -> Iterator[float]:
        """Take in a request, and yield the seconds for which its client must pause: 0 if it is within the limits."""
        of_github = path == "/graphql" or path.startswith("/repos/")
        name, most, seconds = {True: ("rest", 900, 60), False: ("pypi", 20, 1)}[of_github]
        if path == "/graphql":
            name, most = "graphql", 2_000
        with self.lock:
            now, window = time.monotonic(), self.windows[name]
            while window and window[0] <= now - seconds:
                window.popleft()
            window.append(now)
            self.in_flight += of_github
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            over = self.strict and (len(window) > most or self.in_flight > 8)
            self.limited[name] += over
        try:
            yield seconds if over else 0
        finally:
            with self.lock:
                self.in_flight -= of_github

    def commit(self, repo: Repo) -> None:
        """Push a commit to the default branch, and change the numbers."""
        repo.head = hashlib.sha1(repo.head.encode()).hexdigest()  # noqa: S324 (a commit id, not a secret)
        repo.committed = datetime.now(UTC).replace(microsecond=0)
        repo.stars += 1
        repo.weeks = (*repo.weeks[:-1], repo.weeks[-1] + 1)

    def release(self, project: Project) -> None:
        project.serial += 1
        project.version = f"1.{project.serial}"


def _etag(document: object) -> str:
    return f'W/"{hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()}"'


def _when(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _limited(pause: float) -> Response:
    return 429, {"Retry-After": str(pause)}, b'{"message": "a secondary rate limit"}'


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Server"

    def log_message(self, *_: object) -> None:
        """Print nothing: the tests read the world's counters."""

    def do_GET(self) -> None:
        self._serve(None)

    def do_POST(self) -> None:
        self._serve(json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0)))))

    def _serve(self, payload: Any) -> None:
        world, path = self.server.world, unquote(urlsplit(self.path).path)
        with world.admit(path) as pause:
            if world.latency:
                time.sleep(world.latency)
            status, headers, body = self._route(world, path, payload) if not pause else _limited(pause)
        match world.fault(path):
            case "500":
                status, headers, body = 500, {}, b"{}"
            case "502":
                status, headers, body = 502, {"Content-Type": "text/html"}, b"<html>Bad gateway</html>"
            case "401":
                status, headers, body = 401, {}, b'{"message": "Bad credentials"}'
            case "404":
                status, headers, body = 404, {}, b'{"message": "Not Found"}'
            case "nonsense":
                status, headers, body = 200, {}, b'{"id": -1, "stargazers_count": "many", "data": []}'
            case "not json":
                status, headers, body = 200, {}, b"<html>"
            case "cut":
                headers = {**headers, "Content-Length": str(len(body) + 10)}
            case "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
                return
        self._send(status, headers, body)

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        if headers.get("Content-Length"):
            self.close_connection = True

    def _route(self, world: World, path: str, payload: Any) -> Response:
        kinds: tuple[tuple[str, Callable[[re.Match[str]], Response]], ...] = (
            (r"/graphql", lambda _: self._graphql(world, payload)),
            (r"/repos/([^/]+/[^/]+)(/.*)?", lambda match: self._rest(world, match[1], match[2] or "")),
            (r"/simple/", lambda _: self._index(world)),
            (r"/simple/([^/]+)/", lambda match: self._status(world, match[1])),
            (r"/pypi/([^/]+)/json", lambda match: self._project(world, match[1])),
            (r"/packages/([^/]+)/recent", lambda match: self._recent(world, match[1])),
            (r"/PyPI/(.*)", lambda match: world.advisories.respond(match[1], dict(self.headers))),
        )
        for pattern, respond in kinds:
            if match := re.fullmatch(pattern, path):
                return respond(match)
        return 404, {}, b'{"message": "Not Found"}'

    def _json(self, document: object, headers: dict[str, str] | None = None, status: int = 200) -> Response:
        """Return the document with its ETag, or a 304 if the client has it."""
        document = self.server.world.alter(document)
        etag = _etag(document)
        if status == 200 and self.headers.get("If-None-Match") == etag:
            return 304, {"ETag": etag, **(headers or {})}, b""
        return status, {"ETag": etag, **(headers or {})}, json.dumps(document).encode()

    def _quota(self, world: World, resource: str) -> dict[str, str]:
        used = world.requests[resource]
        reset = int(world.clock() // 3600 * 3600 + 3600)
        left = max(0, world.limit - used)
        return {
            "X-RateLimit-Limit": str(world.limit),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(reset),
        }

    def _graphql(self, world: World, payload: Json) -> Response:
        world.requests["graphql"] += 1
        world.points += 1
        data: Json = {"rateLimit": {"limit": world.limit, "remaining": world.limit - world.points}}
        data["rateLimit"]["resetAt"] = _when(datetime.now(UTC) + timedelta(hours=1))
        errors: list[Json] = []
        wanted = re.findall(r"(\w+)\s*:\s*repository\(\s*owner:\s*\$(\w+),\s*name:\s*\$(\w+)", payload["query"])
        for alias, owner, name in wanted:
            path = f"{payload['variables'][owner]}/{payload['variables'][name]}".lower()
            repo = world.repos.get(path)
            if world.fault(f"/graphql/{path}") == "502":
                return 502, {}, b""
            if repo is None or world.fault(f"/graphql/{path}") == "404":
                data[alias] = None
                errors.append({"type": "NOT_FOUND", "path": [alias], "message": "Could not resolve to a Repository"})
            else:
                data[alias] = self._node(repo)
        return self._json({"data": data, **({"errors": errors} if errors else {})})

    @staticmethod
    def _node(repo: Repo) -> Json:
        return {
            "id": f"R_{repo.number}",
            "databaseId": repo.number,
            "nameWithOwner": repo.name,
            "url": f"https://github.com/{repo.name}",
            "description": repo.description,
            "homepageUrl": None,
            "stargazerCount": repo.stars,
            "forkCount": repo.forks,
            "isArchived": repo.archived,
            "isEmpty": False,
            "isFork": False,
            "isPrivate": False,
            "pushedAt": _when(repo.committed),
            "licenseInfo": None,
            "defaultBranchRef": {
                "name": "main",
                "target": {"oid": repo.head, "committedDate": _when(repo.committed)},
            },
        }

    def _rest(self, world: World, name: str, rest: str) -> Response:
        world.requests["rest"] += 1
        quota = self._quota(world, "rest")
        repo = world.repos.get(name.lower())
        if repo is None:
            return 404, quota, b'{"message": "Not Found"}'
        commit = {"sha": repo.head, "commit": {"committer": {"date": _when(repo.committed)}}}
        documents: dict[str, object] = {
            "": self._repository(repo),
            "/commits": [commit],
            "/contributors": [
                {"login": login, "id": place, "type": "User", "contributions": 9}
                for place, login in enumerate(repo.people, 1)
            ],
            "/stats/participation": {"all": list(repo.weeks), "owner": [0] * 52},
        }
        return self._json(documents[rest], quota) if rest in documents else (404, quota, b"{}")

    @staticmethod
    def _repository(repo: Repo) -> Json:
        return {
            "id": repo.number,
            "full_name": repo.name,
            "html_url": f"https://github.com/{repo.name}",
            "description": repo.description,
            "stargazers_count": repo.stars,
            "forks_count": repo.forks,
            "archived": repo.archived,
            "fork": False,
            "private": False,
            "default_branch": "main",
            "pushed_at": _when(repo.committed),
            "size": 1,
        }

    def _index(self, world: World) -> Response:
        world.requests["pypi index"] += 1
        projects = [{"_last-serial": each.serial, "name": each.name} for each in world.projects.values()]
        projects += [{"_last-serial": 10**7 + n, "name": f"some-strange-project-{n}"} for n in range(world.strangers)]
        return self._json({"meta": {"_last-serial": 9, "api-version": "1.4"}, "projects": projects})

    def _status(self, world: World, name: str) -> Response:
        world.requests["pypi status"] += 1
        if name not in world.projects:
            return 404, {}, b"Not Found"
        status = {"status": "active"}
        return self._json({"meta": {"api-version": "1.4"}, "name": name, "project-status": status, "files": []})

    def _project(self, world: World, name: str) -> Response:
        world.requests["pypi json"] += 1
        project = world.projects.get(name)
        if project is None:
            return 404, {}, b'{"message": "Not Found"}'
        file = {
            "upload_time_iso_8601": "2026-01-02T03:04:05.678901Z",
            "yanked": False,
            "requires_python": ">=3.11",
            "filename": f"{name}-{project.version}.tar.gz",
        }
        info = {
            "name": project.name,
            "version": project.version,
            "requires_python": ">=3.11",
            "classifiers": ["Framework :: Django"],
            "license_expression": "MIT",
            "license": None,
            "project_urls": {
                "Documentation": f"https://{name}.example.org/",
                **({"Source": project.source} if project.source else {}),
            },
            "yanked": False,
        }
        return self._json({"info": info, "last_serial": project.serial, "releases": {project.version: [file]}})

    def _recent(self, world: World, name: str) -> Response:
        world.requests["pypistats"] += 1
        project = world.projects.get(name)
        if project is None:
            return 404, {}, b"Not Found"
        data = {"last_day": 1, "last_week": 7, "last_month": project.downloads}
        return self._json({"data": data, "package": name, "type": "recent_downloads"})


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, world: World) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.world = world

    def handle_error(self, *_: object) -> None:
        """Ignore connections that clients break: tests kill them on purpose."""


@contextmanager
def serving(world: World) -> Iterator[str]:
    """Serve `world` and yield the base URL."""
    with Server(world) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def environment(base: str) -> dict[str, str]:
    """Return the settings that make the server at `base` every upstream."""
    return {
        "ALLOW_PRIVATE_HOSTS": "true",
        "GITHUB_API_URL": base,
        "GITHUB_GRAPHQL_URL": f"{base}/graphql",
        "GITHUB_TOKEN": "token",
        "GITLAB_API_URL": f"{base}/gitlab",
        "BITBUCKET_API_URL": f"{base}/bitbucket",
        "CODEBERG_API_URL": f"{base}/codeberg",
        "PYPI_URL": base,
        "PYPISTATS_URL": base,
        "OSV_URL": base,
    }
