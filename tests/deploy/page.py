"""The commands of deploy/README.md, as the page has them."""

import re

from tests.servers import ROOT, SECRET_KEY

FOLDER = ROOT / "deploy"
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")


def headings() -> list[str]:
    return re.findall(r"^## (.*)$", PAGE, re.MULTILINE)


STEPS = [heading for heading in headings() if heading[0].isdigit()]


def section(heading: str) -> str:
    """Return what stands below a heading."""
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def commands(heading: str) -> list[str]:
    """Return the blocks of commands below a heading, in order."""
    blocks: list[str] = re.findall(r"^```sh\n(.*?)^```$", section(heading), re.MULTILINE | re.DOTALL)
    assert blocks, f"no commands below {heading!r}"
    return blocks


def settings_of_page(site: str = "packages.example.org") -> str:
    """Return the `.env` that the page writes, with a key of tests for what it draws by lot."""
    [text] = re.findall(r"<<SETTINGS\n(.*?)^SETTINGS$", PAGE, re.MULTILINE | re.DOTALL)
    return re.sub(r"\$\(.*\)", SECRET_KEY.replace(" ", "-"), text).replace("$SITE", site)
