"""nginx in front of the site, as the page about deployment has it: its file, with the places of a test in it."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tests.servers import ROOT, free_port, running

NAME = "localhost"  # a client names no address in a handshake of TLS, and nginx wants a name of ours there
DEPLOYED = ROOT / "deploy" / "nginx.conf"
_FOLDERS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Served(Protocol):
    @property
    def url(self) -> str: ...


def configuration(site: Served, folder: Path, ports: tuple[int, int]) -> str:
    """Return the documented configuration with other places in it, and without its bound of requests a second."""
    text = re.sub(r"listen \[::\][^;]+;", "", DEPLOYED.read_text(encoding="utf-8"))
    for port, other in zip((80, 443), ports, strict=True):
        text = re.sub(rf"listen {port}\b", f"listen 127.0.0.1:{other}", text)
    places = {
        "unix:/run/package-grids.sock": site.url.removeprefix("http://"),
        "packages.example.org": NAME,
        "/etc/nginx/package-grids/": f"{folder}/",
        "/srv/package-grids/": f"{ROOT}/",
        "/var/lib/package-grids/dumps/": f"{folder}/dumps/",
        "rate=20r/s": "rate=10000r/s",
    }
    for place, other_place in places.items():
        assert place in text, place
        text = text.replace(place, other_place)
    return text


def certificate(folder: Path) -> None:
    """Write a certificate that nobody has signed."""
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    names = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *names, *files]
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def nginx(site: Served, folder: Path, processes: str = "events {}") -> Iterator[str]:
    """Run nginx, with these directives for its processes, and yield the URL of its server that speaks TLS."""
    ports = free_port(), free_port()
    certificate(folder)
    file, user = folder / "nginx.conf", "user root;" if os.getuid() == 0 else ""
    folders = " ".join(f"{name}_temp_path {folder}/{name};" for name in _FOLDERS)
    file.write_text(
        f"daemon off; {user} pid {folder}/nginx.pid; error_log {folder}/error.log; {processes}\n"
        f"http {{ access_log off; types {{ text/css css; }} {folders}\n{configuration(site, folder, ports)} }}\n",
        encoding="utf-8",
    )
    with running(["nginx", "-e", f"{folder}/error.log", "-c", str(file)], f"http://{NAME}:{ports[0]}"):
        yield f"https://{NAME}:{ports[1]}"
