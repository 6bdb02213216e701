"""The client behind proxies: nobody but a trusted one names it, whatever else a request says."""

import ipaddress
import logging
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from core import clients
from core.clients import Networks, parse_address, resolve

TRUSTED = ["127.0.0.1", "10.0.0.0/8", "2001:db8:1::/48", "unix"]
OUTSIDE = "198.51.100.7"


def resolved(peer: str, **headers: str) -> dict[str, Any]:
    meta: dict[str, Any] = {"REMOTE_ADDR": peer, **headers}
    resolve(meta)
    return meta


def client_of(peer: str, forwarded: str | None = None) -> str:
    headers = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return str(resolved(peer, **headers)["REMOTE_ADDR"])


@pytest.fixture(autouse=True)
def _trusted(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = TRUSTED


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        # Without a proxy, and a proxy that says nothing
        (OUTSIDE, None, OUTSIDE),
        ("127.0.0.1", None, "127.0.0.1"),
        ("", None, ""),
        # One proxy, two, and a client in the network of proxies
        ("127.0.0.1", "198.51.100.7", OUTSIDE),
        ("10.1.2.3", "198.51.100.7, 10.9.9.9", OUTSIDE),
        ("", "198.51.100.7", OUTSIDE),
        ("10.1.2.3", "10.7.7.7, 10.9.9.9", "10.7.7.7"),
        ("2001:db8:1::5", "2001:db8:2::7", "2001:db8:2::7"),
        # Forged: by a client of a proxy, and by one without
        ("127.0.0.1", "203.0.113.9, 198.51.100.7", OUTSIDE),
        ("127.0.0.1", "127.0.0.1, 198.51.100.7, 10.9.9.9", OUTSIDE),
        ("127.0.0.1", "<script>, 198.51.100.7", OUTSIDE),
        (OUTSIDE, "203.0.113.9", OUTSIDE),
        (OUTSIDE, "127.0.0.1", OUTSIDE),
        ("2001:db8:2::7", "127.0.0.1", "2001:db8:2::7"),
        # Bad entries: nobody before them is known
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.7,", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.7, _hidden, 10.9.9.9", "10.9.9.9"),
        ("127.0.0.1", "198.51.100.7, 1.2.3", "127.0.0.1"),
        ("127.0.0.1", "010.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "٣.1.1.1", "127.0.0.1"),
        ("", "unknown", ""),
        # Other spellings
        ("127.0.0.1", " 198.51.100.7 ", OUTSIDE),
        ("127.0.0.1", "198.51.100.7:4711", OUTSIDE),
        ("127.0.0.1", "::ffff:198.51.100.7", OUTSIDE),
        ("127.0.0.1", "[2001:DB8:2:0::7]:4711", "2001:db8:2::7"),
        ("127.0.0.1", "[2001:db8:2::7]", "2001:db8:2::7"),
        ("::ffff:127.0.0.1", "198.51.100.7", OUTSIDE),
        ("::ffff:198.51.100.7", "203.0.113.9", OUTSIDE),
        ("fe80::1%eth0", None, "fe80::1"),
    ],
)
def test_the_client(peer: str, forwarded: str | None, expected: str) -> None:
    assert client_of(peer, forwarded) == expected


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.0.0.1", "::1", "", OUTSIDE])
def test_nobody_is_trusted_unless_named(settings: Settings, peer: str) -> None:
    settings.TRUSTED_PROXIES = []
    assert client_of(peer, "203.0.113.9") == peer


@pytest.mark.parametrize("peer", ["nonsense", "localhost", "1.2.3.4.5"])
def test_a_peer_without_an_address_is_no_unix_socket(peer: str) -> None:
    assert client_of(peer, "203.0.113.9") == peer


addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
texts = st.text(alphabet=st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=30)


@given(forged=st.lists(st.one_of(addresses, texts, st.sampled_from(["127.0.0.1", "10.0.0.1"])), max_size=6))
def test_what_a_client_writes_itself_is_of_no_consequence(forged: list[str]) -> None:
    """A proxy appends the address that it has seen to whatever came."""
    seen = ", ".join([*forged, OUTSIDE])
    assert client_of("127.0.0.1", seen) == OUTSIDE
    assert client_of("10.1.1.1", f"{seen}, 10.2.2.2") == OUTSIDE
    assert client_of("203.0.113.5", ", ".join(forged)) == "203.0.113.5"


@given(chain=st.lists(addresses, min_size=1, max_size=6))
def test_the_last_that_is_no_proxy(chain: list[str]) -> None:
    """The client is the last of the list that is not trusted, or else the first."""
    trusted = Networks(TRUSTED)
    parsed = [parse_address(each) for each in chain]
    strangers = [each for each in parsed if not trusted.has(each)]
    assert client_of("127.0.0.1", ",".join(chain)) == str(strangers[-1] if strangers else parsed[0])


@given(text=texts)
def test_any_text_is_read_or_refused(text: str) -> None:
    address = parse_address(text)
    assert address is None or ipaddress.ip_address(str(address)) == address
    assert not str(address).startswith("::ffff:")


OF_PROXIES = ("HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST")
OF_NOBODY = ("HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_X_FORWARDED_PORT", "HTTP_X_FORWARDED_FOR", "HTTP_CLIENT_IP")


@pytest.mark.parametrize(("peer", "left"), [("127.0.0.1", {*OF_PROXIES}), (OUTSIDE, set()), ("", {*OF_PROXIES})])
def test_headers_of_proxies_are_removed(peer: str, left: set[str]) -> None:
    meta = resolved(peer, HTTP_ACCEPT="*/*", **dict.fromkeys((*OF_PROXIES, *OF_NOBODY), "198.51.100.9"))
    assert meta.keys() - {"REMOTE_ADDR", "HTTP_ACCEPT"} == left


@pytest.mark.django_db
@pytest.mark.parametrize(("peer", "scheme"), [("127.0.0.1", "https"), (OUTSIDE, "http")])
def test_scheme_and_host_are_a_trusted_proxys_word(client: Client, settings: Settings, peer: str, scheme: str) -> None:
    settings.USE_X_FORWARDED_HOST = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.ALLOWED_HOSTS = ["testserver", "packages.example.org"]
    headers = {"x-forwarded-proto": "https", "x-forwarded-host": "packages.example.org"}
    links = client.get("/api/v4/", headers=headers, REMOTE_ADDR=peer).json()
    host = "packages.example.org" if scheme == "https" else "testserver"
    assert links["packages"] == f"{scheme}://{host}/api/v4/packages/"


def test_a_proxy_that_is_not_named_is_logged_once(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.TRUSTED_PROXIES = []
    clients._warn_of.cache_clear()
    with caplog.at_level(logging.WARNING, "core.clients"):
        for peer in ("127.0.0.1", "127.0.0.1", "192.168.7.7", "", "8.8.8.8", "2600::1"):
            client_of(peer, "203.0.113.9")
    assert [each.getMessage().split(",")[0].removeprefix("X-Forwarded-For comes from ") for each in caplog.records] == [
        "127.0.0.1",
        "192.168.7.7",
        "the UNIX socket (unix)",
    ]
