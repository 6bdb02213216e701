"""Requests that gunicorn cannot read: a response in JSON that says how to mend them."""

import json
import socket

import pytest
from gunicorn import util

from config import gunicorn


def respond(status: int, reason: str) -> tuple[str, dict[str, str], bytes]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        util.write_error(ours, status, reason, "<script>")
        ours.shutdown(socket.SHUT_WR)
        head, _, body = theirs.makefile("rb").read().partition(b"\r\n\r\n")
    line, *headers = head.decode().split("\r\n")
    return line, dict(header.split(": ", 1) for header in headers), body


@pytest.mark.parametrize(
    ("status", "reason", "clue"),
    [
        (400, "Bad Request", "percent-encoded"),
        (414, "URI Too Long", "8190"),
        (431, "Request Header Fields Too Large", "at most 100 headers"),
    ],
)
def test_a_request_that_cannot_be_read_gets_json(status: int, reason: str, clue: str) -> None:
    line, headers, body = respond(status, reason)
    assert line == f"HTTP/1.1 {status} {reason}"
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert int(headers["Content-Length"]) == len(body)
    assert clue in json.loads(body)["detail"]
    assert b"<script>" not in body


def test_gunicorn_writes_its_errors_so() -> None:
    assert util.write_error is gunicorn.write_error
