"""A reload (HUP): new code and settings without a lost request; wrong ones are reported, and the old go on."""

import os
import re
import shutil
import signal
import threading

import requests

from tests.config.conftest import NEW, OLD, Site, settings
from tests.servers import ROOT
from tests.threads import in_background


def test_a_reload_takes_new_code_and_settings_and_loses_no_request(site: Site) -> None:
    (site.folder / ".env").write_text(settings(NEW), encoding="utf-8")
    code = site.folder / "config" / "settings.py"
    code.write_text(code.read_text(encoding="utf-8").replace('VERSION = "', 'VERSION = "9.9.9-'), encoding="utf-8")
    links: list[str] = []
    ended = threading.Event()

    def request() -> None:
        while not ended.is_set():
            links.append(site.first_link())  # it raises for a lost request

    reader = in_background(request)
    site.reload()
    site.wait_for("Worker exiting")
    ended.set()
    reader.result()
    assert site.first_link().startswith(f"https://{NEW}/")
    schema = requests.get(f"{site.url}/api/v4/schema/", headers={"Accept": "application/json"}, timeout=30)
    assert "9.9.9" in schema.text
    assert {link.split("/")[2] for link in links} <= {OLD, NEW}


def test_a_new_worker_that_dies_does_not_end_the_site(site: Site) -> None:
    (site.folder / ".env").write_text(settings(NEW), encoding="utf-8")
    site.reload()
    site.wait_for("Booting worker with pid", times=2)
    os.kill(int(re.findall(r"Booting worker with pid: (\d+)", site.log)[1]), signal.SIGKILL)
    site.wait_for("SIGKILL")
    assert site.first_link().startswith(f"https://{OLD}/")


def test_a_mistake_is_reported_and_the_old_workers_go_on(site: Site) -> None:
    (site.folder / ".env").write_text(settings(NEW) + "PORT=http\n", encoding="utf-8")
    site.reload()
    site.wait_for("Not reloaded: Settings: PORT: Not a valid integer.")
    assert site.first_link().startswith(f"https://{OLD}/")
    (site.folder / ".env").write_text(settings(NEW), encoding="utf-8")
    (site.folder / "core" / "headers.py").write_text("def broken(:", encoding="utf-8")
    site.reload()
    site.wait_for("Not reloaded: SyntaxError")
    assert site.first_link().startswith(f"https://{OLD}/")
    shutil.copy(ROOT / "core" / "headers.py", site.folder / "core")
    site.reload()
    site.wait_for("Worker exiting")
    assert site.first_link().startswith(f"https://{NEW}/")
