"""A backup of SQLite and its restore, as deploy/README.md has them, while the site serves what is then lost."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.deploy.page import section
from tests.servers import Site, sample_site

pytestmark = pytest.mark.more
LINES = re.findall(r"^ +(python3 -c .*)$", section("Another way"), re.MULTILINE)


def copy(line: str, folder: Path) -> None:
    subprocess.run(["sh", "-c", line], cwd=folder, check=True)


def get(site: Site, path: str) -> Any:
    return requests.get(f"{site.url}/api/v4/{path}", timeout=30).json()


def test_what_was_written_after_the_backup_is_gone(tmp_path: Path) -> None:
    backup, restore = LINES
    with sample_site(tmp_path) as site:
        copy(backup, tmp_path)
        before = get(site, "categories/")
        code = "from categories.models import Category; Category.objects.create(title='Lost', slug='lost')"
        site.manage("shell", "-v0", "-c", code)
        assert get(site, "categories/")["count"] == before["count"] + 1
        read = get(site, "changes/?limit=1")["newest"]

        copy(restore, tmp_path)
        site.manage("migrate", "-v0")
        site.manage("after_restore")
        assert get(site, "categories/") == before
        response = requests.get(f"{site.url}/api/v4/changes/?since={read}", timeout=30)
        assert (response.status_code, response.json()["newest"] > read) == (410, True)
