"""The servers that `make bench` loads, gunicorn as in production, and wrk, which loads them and checks every answer."""

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

from tests.bench.catalogue import ROOT, asked, environment
from tests.bench.endpoints import AnswerError

CONNECTIONS = 4
WARM_UP = 0.3
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """What a process has had of the CPU; nothing, if it has ended."""
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
    """gunicorn with two workers, and what can be seen of it in /proc."""

    port: int
    master: int
    url: str
    application: str

    def workers(self) -> list[int]:
        listed = Path(f"/proc/{self.master}/task/{self.master}/children").read_text(encoding="ascii")
        return [int(pid) for pid in listed.split()]

    def backends(self) -> list[int]:
        """PostgreSQL's processes that work for it; none that can be seen, if PostgreSQL runs elsewhere."""
        rows = asked(self.url, f"SELECT pid FROM pg_stat_activity WHERE application_name = '{self.application}'")
        return [pid for (pid,) in rows if isinstance(pid, int) and is_postgresql(pid)]

    def spent(self) -> dict[int, float]:
        return {pid: cpu_seconds(pid) for pid in [*self.workers(), *self.backends()]}

    def peak_memory(self) -> int:
        """The most memory that a worker has held, in MB."""
        found = []
        for pid in self.workers():
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
            found += [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
        return max(found) // 1024


@contextmanager
def server(name: str, url: str, **settings: str) -> Iterator[Server]:
    """Serves the site, or the yardsticks, for as long as it is wanted, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    application = f"bench-{name}-{os.getpid()}"  # by which PostgreSQL tells its connections from others'
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
            requests.get(f"http://127.0.0.1:{port}/", timeout=5, allow_redirects=False)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
        if process.poll() is not None:
            break
    sys.exit("gunicorn does not start")


@dataclass(frozen=True)
class Load:
    """One load: how many answers there were in how many seconds, latencies in ms, seconds of CPU."""

    answers: int
    seconds: float
    p50: float
    p99: float
    cpu: float
    database_cpu: float | None

    @property
    def rate(self) -> float:
        return self.answers / self.seconds


# The requests are put together before the load. An answer is right if it has the status, all the bytes that it says it
# has, and a length that one of the paths had when it was fetched and read before. For large ones wrk would be busier
# with handing bodies to the script than any server with sending them: of these it is known that wrk's parser has found
# as many bytes as were announced, that none had a status of an error, and that all of them together have as many bytes
# as so many of the shortest.
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
    local found, errors = 0, summary.errors
    for _, thread in ipairs(threads) do
        found = found + thread:get("wrong")
        if summary.bytes < summary.requests * thread:get("shortest") then found = found + 1 end
    end
    found = found + errors.status
    io.write(string.format('{"answers": %d, "us": %d, "wrong": %d, "broken": %d, "p50": %f, "p99": %f}\\n',
        summary.requests, summary.duration, found, errors.connect + errors.read + errors.write + errors.timeout,
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
        """Some seconds of load. AnswerError if an answer is not as it should be."""
        before = server.spent()
        command = self._command(server, lines, seconds, status, etag)
        ran = subprocess.run(command, check=True, capture_output=True, text=True)
        told, after = json.loads(ran.stdout.strip().splitlines()[-1]), server.spent()
        if not told["answers"] or told["wrong"] or told["broken"]:
            raise AnswerError(
                f"{told['wrong']} of {told['answers']} answers wrong, {told['broken']} broken off: {lines[0]}"
            )
        spent = {pid: used - before.get(pid, 0.0) for pid, used in after.items()}
        workers = spent.keys() & server.workers()
        return Load(
            told["answers"],
            told["us"] / 1e6,
            told["p50"] / 1000,
            told["p99"] / 1000,
            sum(spent[pid] for pid in workers),
            sum(spent[pid] for pid in spent.keys() - workers) if len(spent) > len(workers) else None,
        )

    def warm_up(self, server: Server, lines: list[str], status: int = 200, etag: str = "") -> None:
        """A moment of the same load, which nobody looks at. wrk knows whole seconds only, so it is ended."""
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
