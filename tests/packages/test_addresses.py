"""Typed addresses: accepted, or refused with a reason and the right spelling; and what never enters the database."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from packages.addresses import (
    ADDRESSES,
    CREDENTIALS,
    LINE_BREAK,
    TRACKING,
    USER,
    AddressColumn,
    Cleaned,
    Refusal,
    clean,
    read,
)
from packages.keys import KNOWN_HOSTS, pypi_project, repository
from tests.packages.test_keys import ANY_TEXT, PIECES

WORDS = (
    *PIECES,
    *(
        "user:secret@",
        "ssh://git:secret@",
        "https:/",
        "http://https://",
        "?utm_source=x",
        "&token=abc",
        "ref=a",
        "\r\n",
    ),
    *("pip install ", "==1.0", ".whl", "-1.0.tar.gz", "owner", "/tree/main/a", "example.org", "mailto:", "[", "\u2028"),
)
TEXT = st.lists(st.sampled_from(WORDS), max_size=8).map("".join) | ANY_TEXT
COLUMNS = st.sampled_from(ADDRESSES)


@pytest.mark.parametrize(
    ("column", "typed", "reason", "suggestion"),
    [
        ("pypi_url", "https://github.com/owner/repo", "This is a repository URL", ""),
        ("pypi_url", "django-foo==1.0", "more than the name", "django-foo"),
        ("pypi_url", "Django_Foo[all]>=1,<2; python_version > '3'", "more than the name", "Django_Foo"),
        ("pypi_url", "django-foo @ git+https://github.com/a/b", "more than the name", "django-foo"),
        ("pypi_url", "“django-x”", "more than the name", "django-x"),
        ("pypi_url", "django-x/", "more than the name", "django-x"),
        ("pypi_url", "pip install django-x", "This is a command", "django-x"),
        ("pypi_url", "$ python3 -m pip install -U django-x==2", "This is a command", "django-x"),
        ("pypi_url", "uv add django-x", "This is a command", "django-x"),
        ("pypi_url", "pip install django-x other", "This is a command", ""),
        (
            "pypi_url",
            "https://pypi.org/project/x/https://github.com/o/r",
            "two addresses",
            "https://pypi.org/project/x/",
        ),
        (
            "pypi_url",
            "http://pypi.python.org/pypi/xhttp://pypi.python.org/pypi/x",
            "two addresses",
            "http://pypi.python.org/pypi/x",
        ),
        ("pypi_url", "https://pypi.org/project/x/ y", "blanks", "https://pypi.org/project/x/"),
        ("pypi_url", "http://https://pypi.org/project/x/", "two schemes", "https://pypi.org/project/x/"),
        ("pypi_url", "django_foo-1.0-py3-none-any.whl", "name of a file", "django-foo"),
        ("pypi_url", "django-foo-1.0.tar.gz", "name of a file", "django-foo"),
        ("pypi_url", "pypi.org", "no project's page", ""),
        ("pypi_url", "https://pypi.org/user/someone/", "no project's page", ""),
        ("pypi_url", "https://test.pypi.org/project/x/", "no project's page", ""),
        ("pypi_url", "https://example.org/x", "No project can be read", ""),
        ("pypi_url", "two words", "No project can be read", ""),
        ("pypi_url", "javascript:alert(1)", "must be a name or begin with http:// or https://", ""),
        ("repo_url", "not a url at all", "blanks", ""),
        ("repo_url", "nonsense", "No repository can be read", ""),
        ("repo_url", "setup.py", "No repository can be read", ""),
        ("repo_url", "https://github.com/owner", "names an owner at github.com", ""),
        ("repo_url", "https://github.com/owner/", "names an owner at github.com", ""),
        ("repo_url", "https://gitlab.com", "names only the host", ""),
        ("repo_url", "https://github.com/orgs/jazzband/repositories", "a page of github.com", ""),
        ("repo_url", "http://https://github.com/o/r", "two schemes", "https://github.com/o/r"),
        ("repo_url", "https://https://user:pw@github.com/o/r", "user name or password", "https://github.com/o/r"),
        ("repo_url", "https://pypi.org/project/x/", "an address of PyPI", ""),
        ("repo_url", "pypi.org/project/x", "an address of PyPI", ""),
        ("repo_url", "owner/repo", "No repository can be read", "https://github.com/owner/repo"),
        ("repo_url", "https://github.com:owner/repo", "No repository can be read", "https://github.com/owner/repo"),
        ("repo_url", "git.example.org/a/b", "No repository can be read", "https://git.example.org/a/b"),
        ("repo_url", "git clone https://github.com/o/r.git", "blanks", "https://github.com/o/r.git"),
        ("repo_url", "github.com:o/r", "must be an http(s), git or ssh address", "git@github.com:o/r"),
        ("repo_url", "https:/github.com/o/r", "misspelled", "https://github.com/o/r"),
        ("repo_url", "https//github.com/o/r", "misspelled", "https://github.com/o/r"),
        ("repo_url", "https://github.com/o/rhttps://github.com/o/r", "two addresses", "https://github.com/o/r"),
        (
            "repo_url",
            "https://web.archive.org/web/2020/https://github.com/o/r",
            "two addresses",
            "https://github.com/o/r",
        ),
        ("repo_url", "https://raw.githubusercontent.com/o/r/main/README.md", "a file", "https://github.com/o/r"),
        ("repo_url", "javascript:alert(1)", "must be an http(s), git or ssh address", ""),
        ("repo_url", "user:pw@github.com/o/r", "user name or password", "https://github.com/o/r"),
        ("repo_url", "ssh://git:pw@github.com/o/r", "user name or password", "ssh://git@github.com/o/r"),
        ("documentation_url", "www.example.org/x", "must begin with http:// or https://", "https://www.example.org/x"),
        ("documentation_url", "ftp://a.test/", "must begin with http:// or https://", ""),
        ("documentation_url", "http://https://a.test/", "two schemes", "https://a.test/"),
        ("documentation_url", "https://", "no host", ""),
        ("documentation_url", "https://[x", "no host", ""),
        ("documentation_url", "https://a.test/ and more", "blanks", "https://a.test/"),
        ("documentation_url", "https://me:pw@a.test/?gclid=1", "user name or password", "https://a.test/"),
    ],
)
def test_refused(column: AddressColumn, typed: str, reason: str, suggestion: str) -> None:
    refusal = read(column, typed)
    assert isinstance(refusal, Refusal)
    assert reason in refusal.reason
    assert refusal.suggestion == suggestion


def test_the_suggestion_is_told() -> None:
    assert str(read("pypi_url", "django-foo==1.0")) == (
        "This is more than the name of a project. Did you mean “django-foo”?"
    )


@pytest.mark.parametrize(
    ("column", "typed"),
    [
        ("repo_url", ""),
        ("repo_url", "https://github.com/Owner/Repo.git"),
        ("repo_url", "https://github.com/o/r/tree/main/packages/a?tab=readme#top"),
        ("repo_url", "github.com/o/r"),
        ("repo_url", "git@github.com:o/r.git"),
        ("repo_url", "ssh://git@github.com:o/r"),
        ("repo_url", "git+https://github.com/o/r@main#egg=x&subdirectory=a"),
        ("repo_url", "http://code.google.com/p/sorethumb/"),
        ("repo_url", "https://git.example.org/cgit?r=A&b=C"),
        ("repo_url", "https://gitlab.com/group/sub/project/-/tree/main"),
        ("pypi_url", "zope.interface"),
        ("pypi_url", "http://pypi.python.org/pypi/ralph"),
        ("pypi_url", "https://pypi.org/project/ralph/2.0/#history"),
        ("documentation_url", "https://readthedocs.org/projects/x?highlight=a%40b"),
        ("documentation_url", "https://web.archive.org/web/2020/https://a.test/"),
        ("documentation_url", "https://github.com/a/b#readme"),
    ],
)
def test_accepted(column: AddressColumn, typed: str) -> None:
    assert read(column, f" {typed} ") == typed


def test_a_host_of_the_site_is_read() -> None:
    hosts = {**KNOWN_HOSTS, "git.example.org": "forgejo"}
    refusal = read("repo_url", "https://git.example.org/owner", hosts)
    assert refusal == Refusal("This names an owner at git.example.org, no repository.")


@pytest.mark.parametrize(
    ("address", "cleaned", "dropped"),
    [
        ("https://user:pw@github.com/o/r", "https://github.com/o/r", (USER,)),
        ("https://ghp_token@github.com/o/r.git", "https://github.com/o/r.git", (USER,)),
        ("git+https://oauth2:pw@gitlab.com/o/r@main", "git+https://gitlab.com/o/r@main", (USER,)),
        ("https://a@b:c@d@github.com/o/r", "https://github.com/o/r", (USER,)),
        ("https:///a:b@github.com/o/r", "https:///github.com/o/r", (USER,)),
        ("//a:b@pypi.org/project/x/", "//pypi.org/project/x/", (USER,)),
        ("me@github.com/o/r", "github.com/o/r", (USER,)),
        ("ssh://git:pw@github.com/o/r", "ssh://git@github.com/o/r", (USER,)),
        ("git+ssh://git@github.com/o/r", "git+ssh://git@github.com/o/r", ()),
        ("git@github.com:o/r", "git@github.com:o/r", ()),
        ("https://a.test/?next=https://a:b@c.test/", "https://a.test/?next=https://c.test/", (USER,)),
        ("https://a.test/@scope/pkg@1.0", "https://a.test/@scope/pkg@1.0", ()),
        ("https://a.test/?private_token=x&a=1", "https://a.test/?a=1", (CREDENTIALS,)),
        ("https://a.test/?API%5FKEY=x", "https://a.test/", (CREDENTIALS,)),
        ("https://a.test/#access_token=x&state=1", "https://a.test/#state=1", (CREDENTIALS,)),
        ("https://a.test/?utm_source=x&UTM_Medium=y#top", "https://a.test/#top", (TRACKING,)),
        ("https://a.test/?a=1;fbclid=x&gclid=y&ref=z", "https://a.test/?a=1", (TRACKING,)),
        ("https://a.test/?p=a;a=summary&ref_type=heads", "https://a.test/?p=a;a=summary&ref_type=heads", ()),
        ("https://a.test/x\r\nSet-Cookie: a", "https://a.test/x", (LINE_BREAK,)),
        ("\r\nhttps://a.test/\r\n", "https://a.test/", (LINE_BREAK,)),
        ("\r\n", "", (LINE_BREAK,)),
        (" https://a.test/ ", " https://a.test/ ", ()),
    ],
)
def test_cleaned(address: str, cleaned: str, dropped: tuple[str, ...]) -> None:
    assert clean(address) == Cleaned(cleaned, dropped)


@given(TEXT)
@example("user@user@github.com/o/r")
@example("https://a.test/?token=1?token=2#token=3")
@example("http://a:b@//c:d@e")
def test_clean_addresses_are_left_alone_and_never_longer(text: str) -> None:
    cleaned, dropped = clean(text)
    assert clean(cleaned) == (cleaned, ())
    assert (cleaned == text) == (not dropped)
    assert len(cleaned) <= len(text)
    assert not {"\r", "\n"} & set(cleaned)


@given(st.sampled_from(["https", "http", "git+https"]), st.from_regex(r"[\w.:@~!%-]+", fullmatch=True), COLUMNS)
def test_no_userinfo_passes(scheme: str, userinfo: str, column: AddressColumn) -> None:
    secret = f"{scheme}://{userinfo}@github.com/o/r"
    assert clean(secret).address == f"{scheme}://github.com/o/r"
    assert isinstance(read(column, secret), Refusal)


@given(COLUMNS, TEXT)
@example("repo_url", "http://https//http://https://x")
@example("pypi_url", "pip install pip install x")
def test_any_text_is_an_address_or_is_refused_with_a_spelling_that_is_accepted(
    column: AddressColumn, text: str
) -> None:
    result = read(column, text)
    if isinstance(result, Refusal):
        assert result.reason
        assert read(column, result.suggestion) == result.suggestion
        return
    assert result == text.strip()
    assert clean(result).dropped == ()
    if not result:
        return
    if column == "pypi_url":
        assert pypi_project(result)
    elif column == "documentation_url":
        assert result.lower().startswith(("http://", "https://"))
    else:
        found = repository(result)
        assert found.host
        assert found.host not in KNOWN_HOSTS or "/" in found.path
