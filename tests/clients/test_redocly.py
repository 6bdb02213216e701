"""Redocly's linter has nothing to say of the schema by its recommended rules."""

import json
from pathlib import Path

import pytest

from core.api.docs import document
from tests.clients.node import run

pytestmark = pytest.mark.more
# Paths of v4 end with a slash, as in the catalogue whose API this is: clients have such URLs, and others redirect.
RULES = """
extends: [recommended]
rules:
  no-path-trailing-slash: off
"""


def test_the_schema_follows_all_recommended_rules_but_one(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text(json.dumps(document()), encoding="utf-8")
    (tmp_path / "redocly.yaml").write_text(RULES, encoding="utf-8")
    linted = run(tmp_path, "redocly", "lint", "--config=redocly.yaml", "--format=json", "schema.json")
    report = json.loads(linted[linted.index('{\n  "totals"') : linted.rindex("}") + 1])
    assert report["problems"] == []
    assert report["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}
