"""Examples of responses: those of the sample catalogue, cut short. `python -m tests.clients.examples` writes them."""

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("examples.json")
# The documents that examples of a reference name, by the first word of the path: slug and id.
_REFERENCES = {
    "packages": ("ralph", "2647"),
    "grids": ("asset-management", "263"),
    "categories": ("apps", "1"),
    "features": ("12",),
}


def add_examples(paths: dict[str, Any]) -> None:
    """Give each response that has an example its own."""
    examples = json.loads(FILE.read_text(encoding="utf-8"))
    for operations in paths.values():
        for operation in operations.values():
            _name_a_document(operation)
            for status, response in operation["responses"].items():
                of_response = examples.get(operation["operationId"], {}).get(status, {})
                for media_type, content in response.get("content", {}).items():
                    if media_type in of_response:
                        content["examples"] = {"example": {"value": of_response[media_type]}}


def _name_a_document(operation: dict[str, Any]) -> None:
    """Have the examples of a reference name a document of the kind that the path has."""
    slug_and_id = _REFERENCES.get(operation["tags"][0], ())
    for each in operation["parameters"]:
        if each["name"] == "reference" and len(each.get("examples", ())) == len(slug_and_id):
            for example, value in zip(each["examples"].values(), slug_and_id, strict=True):
                example["value"] = value
