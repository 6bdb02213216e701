"""The servers that `make bench` loads, gunicorn as in production, and wrk, which loads them and checks responses."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import requests

from tests.bench.catalogue import ROOT, environment, query
from tests.bench.endpoints import WrongResponseError

CONNECTIONS = 4
WARM_UP = 0.3
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def is_postgresql(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").startswith("postgres")
    except OSError:
        return False


@dataclass(frozen=True)
class Server:
    """gunicorn with two workers, and its figures in /proc."""

    port: int
    master: int
    url: str
    application: str

    def workers(self) -> list[int]:
        listed = Path(f"/proc/{self.master}/task/{self.master}/children").read_text(encoding="ascii")
        return [int(pid) for pid in listed.split()]

    def backends(self) -> list[int]:
        """Return the ids of the PostgreSQL processes that serve it; none if PostgreSQL runs on another machine."""
        rows = query(self.url, f"SELECT pid FROM pg_stat_activity WHERE application_name = '{self.application}'")
        return [pid for (pid,) in rows if isinstance(pid, int) and is_postgresql(pid)]

    def cpu_used(self) -> dict[int, float]:
        return {pid: cpu_seconds(pid) for pid in [*self.workers(), *self.backends()]}

    def peak_memory(self) -> int:
        """Return the most memory that a worker has held, in MB."""
        peaks = []
        for pid in self.workers():
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
            peaks += [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
        return max(peaks) // 1024


@contextmanager
def server(name: str, url: str, **settings: str) -> Iterator[Server]:
    """Serve the site, or the yardsticks, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    application = f"bench-{name}-{os.getpid()}"  # so that PostgreSQL can list this server's connections
    environ = {**environment(f"{url}?application_name={application}"), "PORT": str(port), **settings}
    command = [sys.executable, "-m", "gunicorn", "--config=config/gunicorn.py", "--log-level=error", "--max-requests=0"]
    if name == "yardstick":
        environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.yardstick"
        command.append("tests.bench.yardstick")
    with subprocess.Popen(command, cwd=ROOT, env=environ) as process:
        try:
            _await(process, port)
            yield Server(port, process.pid, url, application)
        finally:
            process.terminate()


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(400):
        try:
            requests.get(f"http://127.0.0.1:{port}/", timeout=60, allow_redirects=False)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
        if process.poll() is not None:
            break
    sys.exit("gunicorn does not start")


@dataclass(frozen=True)
class Load:
    """The figures of one load: the number of responses, seconds, latencies in ms, seconds of CPU."""

    responses: int
    seconds: float
    p50: float
    p99: float
    cpu: float
    database_cpu: float | None

    @property
    def rate(self) -> float:
        return self.responses / self.seconds


# The requests are composed before the load. A response is right if it has the expected status, as many bytes as its
# Content-Length, and a length that one of the paths had when it was fetched and checked before. For large responses,
# handing each body to the script would cost wrk more than any server spends on sending it. There, wrk's own parser
# checks the Content-Length and counts statuses of errors, and the total must be at least the number of responses times
# the shortest length.
LARGE = 100_000
SCRIPT = """
local threads = {}
function setup(thread) threads[#threads + 1] = thread end

wrong, shortest = 0, math.huge
local requests, lengths, expected, n = {}, {}, 0, 0
function init(args)
    local headers = {}
    expected, n = tonumber(args[2]), tonumber(args[3])
    if args[4] then headers["If-None-Match"] = args[4] end
    for line in io.lines(args[1]) do
        local length, path = line:match("^(%d+) (.*)$")
        lengths[tonumber(length)] = true
        shortest = math.min(shortest, tonumber(length))
        requests[#requests + 1] = wrk.format("GET", path, headers)
    end
end

function request()
    n = n % #requests + 1
    return requests[n]
end

-- RESPONSE
function response(status, headers, body)
    local length = #body
    if status ~= expected or not lengths[length]
        or (status ~= 304 and tonumber(headers["Content-Length"]) ~= length) then wrong = wrong + 1 end
end
-- END

function done(summary, latency)
    local mistakes, errors = 0, summary.errors
    for _, thread in ipairs(threads) do
        mistakes = mistakes + thread:get("wrong")
        if summary.bytes < summary.requests * thread:get("shortest") then mistakes = mistakes + 1 end
    end
    mistakes = mistakes + errors.status
    io.write(string.format('{"responses": %d, "us": %d, "wrong": %d, "broken": %d, "p50": %f, "p99": %f}\\n',
        summary.requests, summary.duration, mistakes, errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50), latency:percentile(99)))
end
"""


class Wrk:
    def __init__(self, folder: Path) -> None:
        self.paths, self.script, self.script_of_large = (folder / name for name in ("paths", "all.lua", "large.lua"))
        self.script.write_text(SCRIPT, encoding="ascii")
        self.script_of_large.write_text(re.sub("-- RESPONSE.*-- END\n", "", SCRIPT, flags=re.DOTALL), encoding="ascii")
        self.random = Random(3)

    def load(self, server: Server, lines: list[str], seconds: int, status: int = 200, etag: str = "") -> Load:
        """Run some seconds of load. Raise WrongResponseError if a response is not as it should be."""
        before = server.cpu_used()
        command = self._command(server, lines, seconds, status, etag)
        ran = subprocess.run(command, check=True, capture_output=True, text=True)
        summary, after = json.loads(ran.stdout.strip().splitlines()[-1]), server.cpu_used()
        if not summary["responses"] or summary["wrong"] or summary["broken"]:
            wrong, broken = summary["wrong"], summary["broken"]
            raise WrongResponseError(
                f"{wrong} of {summary['responses']} responses wrong, {broken} broken off: {lines[0]}"
            )
        spent = {pid: used - before.get(pid, 0.0) for pid, used in after.items()}
        workers = spent.keys() & server.workers()
        return Load(
            summary["responses"],
            summary["us"] / 1e6,
            summary["p50"] / 1000,
            summary["p99"] / 1000,
            sum(spent[pid] for pid in workers),
            sum(spent[pid] for pid in spent.keys() - workers) if len(spent) > len(workers) else None,
        )

    def warm_up(self, server: Server, lines: list[str], status: int = 200, etag: str = "") -> None:
        """Run the same load for a moment, unmeasured. wrk takes whole seconds only, so it is interrupted."""
        command = self._command(server, lines, 5, status, etag)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            time.sleep(WARM_UP)
            process.send_signal(signal.SIGINT)

    def _command(self, server: Server, lines: list[str], seconds: int, status: int, etag: str) -> list[str]:
        self.paths.write_text("\n".join(lines) + "\n", encoding="ascii")
        is_large = int(lines[0].split(" ", 1)[0]) >= LARGE
        script = self.script_of_large if is_large else self.script
        options = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout=30s", "-s", str(script)]
        start = str(self.random.randrange(len(lines)))
        arguments = [str(self.paths), str(status), start, *([etag] if etag else [])]
        return ["wrk", *options, f"http://127.0.0.1:{server.port}", "--", *arguments]
