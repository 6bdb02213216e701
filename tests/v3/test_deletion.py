"""V3 can be deleted whole: the files that name it are few, and README lists them."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IMPORTS_V3 = re.compile(r"\b(?:import|from) v3\b")
NAMES_V3 = re.compile(rf"""["'./]v3["'./]|{IMPORTS_V3.pattern}""")
CODE = {"config/settings.py", "config/urls.py", "pyproject.toml"}
ALLOWED = CODE | {"README.md", "CHANGELOG.md", "Makefile", "config/templates/pages/guide.html"}


def test_few_files_name_it() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [each for each in listed.split() if not each.startswith(("v3/", "tests/v3/"))]
    assert "core/headers.py" in files
    naming = {
        each
        for each in files
        if each.endswith((".py", ".toml", ".md", ".html", "Makefile"))
        and (ROOT / each).exists()
        # Other tests may have its URLs as examples of wrong ones.
        and (IMPORTS_V3 if each.startswith("tests/") else NAMES_V3).search((ROOT / each).read_text(encoding="utf-8"))
    }
    assert naming <= ALLOWED, naming - ALLOWED
    assert naming >= CODE
    of_urls = [line for line in (ROOT / "config/urls.py").read_text(encoding="utf-8").splitlines() if "v3" in line]
    assert of_urls == ['    path("", include("v3.urls")),']
