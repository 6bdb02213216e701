"""Indented JSON: the text that DRF writes, whatever the document and the indentation."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.api.renderers import FastJSONRenderer

NUMBERS = st.integers(-(2**53), 2**53)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\u2028\u2029"), max_size=12)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(DOCUMENTS.filter(lambda document: document is not None), st.integers(1, 8))
def test_indented_json_is_as_python_writes_it(document: Any, indent: int) -> None:
    written = FastJSONRenderer().render(document, f"application/json; indent={indent}")
    assert json.loads(written) == document
    assert written.decode() == json.dumps(document, indent=indent, ensure_ascii=False)


def test_indentation_by_four() -> None:
    written = FastJSONRenderer().render({"weeks": [1, 0], "none": [], "empty": {}}, "application/json; indent=4")
    assert written == b'{\n    "weeks": [\n        1,\n        0\n    ],\n    "none": [],\n    "empty": {}\n}'
