"""Forms as no browser sends them: values, names and numbers of fields changed by a plan that a fuzz draws."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote_from_bytes

from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.test import Client
from hypothesis import strategies as st

BOUNDARY = "BoUnDaRyStRiNg"
Value = Any  # bytes, or a file
Pairs = list[tuple[str, Value]]
EDGES: tuple[bytes, ...] = (
    *(b"", b" ", b"\0", b"a\0b", b"\xff\xfe", b"\xed\xa0\x80", b"\r\n", "\u202e\u2066\ufeff".encode(), b"x" * 70_000),
    *(b"-1", b"0", b"1", b"2", b"3", b"2147483648", b"9223372036854775808", b"9" * 5000, b"1e400", b"NaN", b"1.5"),
    *("\u0661".encode(), b"None", b"null", b"on", b"true", b"[]", b"{}", b'{"a": [1]}', b"1,2", b"1,x", b",", b"%00"),
    *(b"2026-02-30", b"0000-00-00", b"99999-01-01", b"2026-01-01T25:00", b"12:00", b"javascript:alert(1)", b"//"),
    *(b"https://github.com/a/b", b"https://github.com/\0/b", b"http://[::1", b"https://pypi.org/project/\xff/"),
    *(b"https://127.0.0.1:1/a/b", b"ftp://x/y", b"github.com/a", "https://\ufdfa.test/".encode(), b"a" * 300 + b"/b"),
    # JSON in hidden fields
    *(b'{"1": "\\ud800"}', b'{"1": "\\u0000"}', b'{"999999999999999999999": "x"}', b"[" * 50_000, b'{"1":' * 5_000),
    *(b'{"1": {"a": []}}', b'"x"', b"7"),
    *(b"__all__", b"pk", b"../..", b"<script>", b"'; DROP TABLE x; --", b"new-1", b"new", b"ok", b"drop", b"finished"),
)
# Names that Django's admin and ours give a meaning to
NAMES = (
    *(
        "_popup",
        "_to_field",
        "_saveasnew",
        "_continue",
        "_addanother",
        "_save",
        "_changelist_filters",
        "post",
        "action",
    ),
    *("index", "select_across", "_selected_action", "ids", "into", "item", "about", "decision", "upload", "preview"),
    *("memberships-TOTAL_FORMS", "memberships-INITIAL_FORMS", "features-TOTAL_FORMS", "form-TOTAL_FORMS", "save"),
    *(
        "memberships-0-id",
        "memberships-0-grid",
        "memberships-0-package",
        "features-0-DELETE",
        "is_superuser",
        "password",
    ),
    *("user_permissions", "groups", "id", "pk", "created", "modified", "is_locked", "selection", "queue", "user"),
)
KINDS = ("replace", "replace", "replace", "remove", "double", "rename", "renumber", "swap", "count", "tamper", "add")


class Step(NamedTuple):
    kind: str
    place: int
    value: bytes
    name: str


Plan = Sequence[Step]
_values = st.one_of(
    st.sampled_from(EDGES),
    st.sampled_from(EDGES),
    st.text(max_size=20).map(lambda text: text.encode(errors="surrogatepass")),
    st.binary(max_size=20),
    st.integers(-5, 50).map(lambda number: str(number).encode()),
)
PLANS = st.lists(
    st.builds(Step, st.sampled_from(KINDS), st.integers(0, 199), _values, st.sampled_from(NAMES)),
    min_size=1,
    max_size=4,
)


def mutated(fields: Pairs, plan: Plan) -> Pairs:
    """Return the fields of a form as a plan changes them."""
    fields = list(fields)
    for step in plan:
        if not fields or step.kind == "add":
            fields.append((step.name, step.value))
            continue
        at = step.place % len(fields)
        if step.kind == "remove":
            del fields[at]
        elif step.kind == "double":
            fields.append((fields[at][0], step.value))
        elif step.kind == "swap":
            other = (at + 1) % len(fields)
            (name, value), (next_name, next_value) = fields[at], fields[other]
            fields[at], fields[other] = (name, next_value), (next_name, value)
        elif step.kind == "count":
            fields = [(name, step.value if name.endswith("_FORMS") else value) for name, value in fields]
        else:
            fields[at] = _changed(*fields[at], step)
    return fields


def _changed(name: str, value: Value, step: Step) -> tuple[str, Value]:
    if step.kind == "rename":
        return step.name, value
    if step.kind == "renumber":
        return "-".join(str(step.place) if each.isdigit() else each for each in name.split("-")), value
    return name, _tampered(value, step) if step.kind == "tamper" else step.value


def _tampered(value: Value, step: Step) -> Value:
    """Return a value with a character of it replaced: of a signature, or of a file."""
    if isinstance(value, UploadedFile):
        value.seek(0)
        content = value.read()
        value.seek(0)
        place = step.place % (len(content) + 1)
        return SimpleUploadedFile(
            value.name or "", content[:place] + step.value + content[place + 1 :], value.content_type or ""
        )
    place = step.place % (len(value) + 1)
    return value[:place] + step.value[:3] + value[place + 1 :]


def mutated_json(document: Any, plan: Plan) -> Any:
    """Return a document of JSON with values in it replaced, removed or nested as a plan has it."""
    for step in plan:
        places = list(_places(document))
        if not places:
            return _odd(step)
        parent, key = places[step.place % len(places)]
        if step.kind == "remove":
            del parent[key]
        elif step.kind == "double" and isinstance(parent, list):
            parent.append(parent[key])
        elif step.kind == "add" and isinstance(parent, dict):
            parent[step.name] = _odd(step)
        else:
            parent[key] = _odd(step)
    return document


def _places(node: Any) -> Iterable[tuple[Any, Any]]:
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        yield node, key
        yield from _places(node[key])


def _odd(step: Step) -> Any:
    odd: list[Any] = [
        None,
        True,
        -1,
        0,
        1,
        2**31,
        2**63,
        10**400,
        1.5,
        [],
        {},
        [[]],
        {"a": 1},
        "\0",
        "\ud800",
        "x" * 70_000,
        [1, 1],
    ]
    return step.value.decode(errors="surrogateescape") if step.place % 2 else odd[step.place // 2 % len(odd)]


def pairs(data: Any) -> Pairs:
    """Return the fields of a form that a test sends: its values are texts, numbers, files, or lists of these."""
    listed: Pairs = []
    for name, values in (data or {}).items():
        for value in values if isinstance(values, list | tuple | set) else [values]:
            listed.append((name, value if isinstance(value, UploadedFile) else _bytes(value)))
    return listed


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="surrogatepass")


def encoded(fields: Pairs) -> tuple[bytes, str]:
    """Return the body and its type. Text need not be text: Django's client would refuse to send that."""
    if not any(isinstance(value, UploadedFile) for _, value in fields):
        sent = "&".join(f"{quote_from_bytes(name.encode())}={quote_from_bytes(value)}" for name, value in fields)
        return sent.encode(), "application/x-www-form-urlencoded"
    parts = [_part(name, value) for name, value in fields]
    return b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()]), f"multipart/form-data; boundary={BOUNDARY}"


def _part(name: str, value: Value) -> bytes:
    head, content = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"', value
    if isinstance(value, UploadedFile):
        value.seek(0)
        content = value.read()
        head += f'; filename="{value.name}"\r\nContent-Type: text/csv'
    sent: bytes = head.encode() + b"\r\n\r\n" + content + b"\r\n"
    return sent


class FuzzedClient(Client):
    """The client of an editor, whose every form is changed by the plan, and whose responses are collected."""

    def __init__(self, of: Client, plan: Plan) -> None:
        super().__init__(raise_request_exception=False)
        self.cookies = of.cookies
        self.plan = plan
        self.responses: list[Any] = []

    def post(self, path: Any, data: Any = None, content_type: str = "", *_: Any, **extra: Any) -> Any:
        if content_type == "application/json":
            body = json.dumps(mutated_json(json.loads(data), self.plan)).encode()
        else:
            body, content_type = encoded(mutated(pairs(data), self.plan))
        return self.keep(super().generic("POST", path, body, content_type, **extra))

    def keep(self, response: Any) -> Any:
        self.responses.append(response)
        return response
