"""nginx in front of the site, as the page about deployment has it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import ROOT, Site, free_port, running

DEPLOYED = ROOT / "deploy" / "nginx.conf"
_BASE = """daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}
http {{ access_log off; {folders}
{servers}
}}
"""


def configuration(site: Site, folder: Path, port: int) -> str:
    """Return the documented configuration with the places of a test in it."""
    temporary = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = " ".join(f"{name}_temp_path {folder}/{name};" for name in temporary)
    return _BASE.format(folder=folder, folders=folders, servers=_servers(site, folder, port))


def _servers(site: Site, folder: Path, port: int) -> str:
    if DEPLOYED.exists():
        text = DEPLOYED.read_text(encoding="utf-8")
    else:
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        locations = "".join(re.findall(r"^    location \S+ \{\n(?:     .*\n)+    \}\n", readme, re.MULTILINE))
        text = f"server {{ listen 80;\n{locations} }}"
    return _moved(text, site, folder, port)


def _moved(text: str, site: Site, folder: Path, port: int) -> str:
    text = re.sub(r"listen [^;]+;", f"listen 127.0.0.1:{port};", text)
    text = text.replace("/srv/dumps/", f"{folder}/dumps/")
    return text.replace("http://127.0.0.1:8000", site.url)


@contextmanager
def nginx(site: Site, folder: Path) -> Iterator[str]:
    port = free_port()
    file = folder / "nginx.conf"
    file.write_text(configuration(site, folder, port), encoding="utf-8")
    for each in (folder, *folder.parents[:2]):  # started by root, it becomes another user
        each.chmod(0o755)
    url = f"http://127.0.0.1:{port}"
    with running(["nginx", "-e", f"{folder}/error.log", "-c", str(file)], url):
        yield url
