"""Identities parsed from typed text: one key for every spelling, and no text that breaks the parser."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from packages.keys import KNOWN_HOSTS, NOWHERE, Repository, folder, pypi_project, repository

HOSTS = sorted(KNOWN_HOSTS)
# `text()` leaves out surrogates by default; a sloppy JSON source may contain them.
ANY_TEXT = st.text(st.characters())
# Texts that get far into the patterns, which random characters seldom do.
PIECES = (
    *("https://", "git+", "ssh://", "git@", "www.", "github.com", "gitlab.com", "bitbucket.org", "example.org"),
    *("pypi.org", "pypi.python.org", "/pypi/", "/project/", "?name=", ":8443", ":22", "-/tree", ".git"),
    *(
        "/",
        ":",
        ".",
        "..",
        "@",
        "#",
        "?",
        "%",
        "%2e",
        "%2F",
        "%41",
        "a",
        "B-_.",
        "1.0",
        "\x00",
        "\ud800",
        "٣",
        "é",
        " ",
    ),
)
URL_TEXT = st.lists(st.sampled_from(PIECES), max_size=9).map("".join)
NAMES = st.from_regex(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,10}[A-Za-z0-9])?", fullmatch=True).filter(
    lambda name: not name.lower().endswith(".git")
)
# The words of GitLab's own pages end a path, so no project can have such a name.
GITLAB_NAMES = NAMES.map(lambda name: f"x{name}")

# host:123/x without a scheme reads as a port; see test_an_owner_of_digits_in_an_scp_address.
OWNERS = NAMES.filter(lambda name: not name.isdigit())
PATHS = st.lists(
    st.sampled_from([*"aZ09-_.~/@?#", "%2e", "%2F", "%25", "%41", ".git", "/-/", "/tree/", "main", "git@"]), max_size=9
).map("".join)

SPELLINGS = (
    "https://{host}/{path}",
    "http://{host}/{path}",
    "HTTPS://{host}/{path}",
    "https://www.{host}/{path}",
    "http://WWW.{host}/{path}/",
    "https://{host}./{path}",
    "https://{host}/{path}.git",
    "https://{host}/{path}.GIT",
    "https://{host}/{path}.git/",
    "https://{host}/{path}/",
    "https://{host}//{path}//",
    "https://{host}/{path}?tab=readme",
    "https://{host}/{path}#installation",
    "https://{host}/{path}/?a=b#c/d",
    "https://{host}:443/{path}",
    "http://{host}:80/{path}",
    "https://someone@{host}/{path}",
    "https://someone:secret@{host}/{path}.git",
    "git+https://{host}/{path}.git@main",
    "git+https://{host}/{path}@v1.0",
    "git+https://{host}/{path}.git@main#egg=x",
    "git+ssh://git@{host}/{path}.git",
    "git://{host}/{path}.git",
    "ssh://git@{host}/{path}.git",
    "ssh://git@{host}:22/{path}.git",
    "ssh://git@ssh.{host}:443/{path}.git",
    "ssh://git@{host}:{path}.git",
    "git+ssh://git@{host}:{path}.git@main#egg=x",
    "ssh://{host}:{path}",
    "git@{host}:{path}.git",
    "git@{host}:{path}",
    "git@{host}:/{path}.git",
    "{host}:{path}.git",
    "{host}/{path}",
    "www.{host}/{path}/",
    "  https://{host}/{path}\r\n",
)
PAGES = ("/tree/main", "/src", "/src/branch/main", "/issues", "/wiki/Home", "/blob/main/README.md?plain=1#L1")
GITLAB_PAGES = ("/-/tree/main", "/tree/main", "/-/issues", "/issues/1", "/blob/main/README.md", "/wikis/home")


def upper(text: str) -> str:
    return text.replace("{host}", "{HOST}").replace("{path}", "{PATH}")


@pytest.mark.parametrize("spelling", [*SPELLINGS, *map(upper, SPELLINGS)])
@pytest.mark.parametrize("host", HOSTS)
def test_every_spelling_gives_one_key(host: str, spelling: str) -> None:
    path = "Some-One/Their.Repo_1"
    url = spelling.format(host=host, path=path, HOST=host.upper(), PATH=path.upper())
    assert repository(url) == Repository(host, path.lower())
    assert repository(url).key == f"{host}/some-one/their.repo_1"


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("host", [host for host in HOSTS if KNOWN_HOSTS[host] != "gitlab"])
def test_a_page_of_a_repository_means_the_repository(host: str, page: str) -> None:
    assert repository(f"https://{host}/Owner/Repo{page}").key == f"{host}/owner/repo"


@pytest.mark.parametrize("page", ["", ".git", "/", *GITLAB_PAGES])
@pytest.mark.parametrize("path", ["Group/Project", "Group/Sub/Project", "group/sub/subsub/project"])
def test_gitlab_groups_nest(path: str, page: str) -> None:
    assert repository(f"https://gitlab.com/{path}{page}").key == f"gitlab.com/{path.lower()}"
    assert repository(f"git@gitlab.com:{path}.git").key == f"gitlab.com/{path.lower()}"


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://bitbucket.org/Manfre/django-mssql/src", "bitbucket.org/manfre/django-mssql"),
        ("http://code.google.com/p/sorethumb/", "code.google.com/p/sorethumb"),
        ("http://code.google.com/p/sorethumb", "code.google.com/p/sorethumb"),
        ("https://github.com/allegro/ralph/", "github.com/allegro/ralph"),
        ("git+https://github.com/django/django.git@main", "github.com/django/django"),
        ("https://gitlab.com/gitlab-org/gitlab-runner/-/tree/main", "gitlab.com/gitlab-org/gitlab-runner"),
        ("https://codeberg.org/Forgejo/forgejo/src/branch/forgejo", "codeberg.org/forgejo/forgejo"),
        ("https://github.com/someone", "github.com/someone"),
        ("https://github.com", "github.com"),
        # A name that is only the suffix stays: nothing else is left of it.
        ("https://github.com/someone/.git", "github.com/someone/.git"),
        ("https://github.com/someone/x%2Dy", "github.com/someone/x-y"),
    ],
)
def test_real_urls(url: str, key: str) -> None:
    assert repository(url).key == key


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("https://Git.Example.org/Some/Repo", "git.example.org", "Some/Repo"),
        ("http://www.git.example.org/Some/Repo#top", "git.example.org", "Some/Repo"),
        ("https://git.example.org/cgit?r=A&b=C", "git.example.org", "cgit?r=A&b=C"),
        ("https://git.example.org:8443/Some/Repo", "git.example.org:8443", "Some/Repo"),
        ("https://git.example.org:443/Some/Repo", "git.example.org", "Some/Repo"),
        ("ssh://git@git.example.org:2222/Some/Repo", "git.example.org", "Some/Repo"),
        ("git@git.example.org:Some/Repo", "git.example.org", "Some/Repo"),
        ("git.example.org/Some/Repo/tree/main", "git.example.org", "Some/Repo/tree/main"),
        ("http://localhost:8000/x", "localhost:8000", "x"),
        # Not GitHub, although it looks like it.
        ("https://github.com.example.org/a/b", "github.com.example.org", "a/b"),
        ("https://notgithub.com/A/b", "notgithub.com", "A/b"),
        ("https://gist.github.com/A/b", "gist.github.com", "A/b"),
        ("https://example.org/?https://github.com/a/b", "example.org", "?https://github.com/a/b"),
    ],
)
def test_unknown_hosts_keep_path_query_and_port(url: str, host: str, path: str) -> None:
    assert repository(url) == Repository(host, path)


def test_an_ssh_url_without_a_port_is_an_scp_address_on_any_host() -> None:
    assert repository("ssh://git@git.example.org:Some/Repo") == Repository("git.example.org", "Some/Repo")
    assert repository("ssh://git@git.example.org:22/Some/Repo") == Repository("git.example.org", "Some/Repo")
    assert repository("https://github.com:owner/repo") == NOWHERE


@pytest.mark.parametrize(
    ("url", "end"),
    [
        ("https://github.com/o/r/tree/main/packages/a/", "/tree/main/packages/a"),
        ("https://GitHub.com/o/r.git/tree/main/a%20b?x=1#y", "/tree/main/a%20b"),
        ("https://gitlab.com/g/s/p/-/tree/main/a", "/-/tree/main/a"),
        ("https://gitlab.com/g/p/tree/main/a", "/tree/main/a"),
        ("https://bitbucket.org/o/r/src/master/a/b", "/src/master/a/b"),
        ("https://codeberg.org/o/r/src/branch/main/a", "/src/branch/main/a"),
        ("git+https://github.com/o/r.git@v1#egg=x&subdirectory=packages/a", "#egg=x&subdirectory=packages/a"),
        ("https://github.com/o/r", ""),
        ("https://github.com/o/r/tree/main", ""),
        ("https://github.com/o/r/issues/1/a", ""),
        ("https://github.com/o/r/blob/main/README.md", ""),
        ("https://bitbucket.org/o/r/src", ""),
        ("https://codeberg.org/o/r/src/branch/main", ""),
        ("https://git.example.org/o/r/tree/main/a", ""),
        ("git@github.com:o/r.git", ""),
        ("nonsense", ""),
    ],
)
def test_the_folder_that_a_url_names(url: str, end: str) -> None:
    assert folder(url) == end


@given(ANY_TEXT | URL_TEXT)
def test_any_text_has_a_folder_no_longer_than_itself(text: str) -> None:
    assert len(folder(text)) <= len(text)


@given(st.sampled_from(HOSTS), PATHS)
def test_the_folder_is_no_part_of_the_key(host: str, path: str) -> None:
    url = f"https://{host}/{path}"
    end = folder(url)
    if end:
        assert repository(f"https://{repository(url).key}{end}").key == repository(url).key
        assert folder(f"https://{repository(url).key}{end}") == end


def test_a_host_can_be_added() -> None:
    parsed = repository("https://Git.Example.org/A/B/tree/main", {"git.example.org": "forgejo"})
    assert parsed == Repository("git.example.org", "a/b")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "nonsense",
        "two words",
        "/owner/repo",
        "owner/repo",
        "http://",
        "https:///path",
        "://github.com/a/b",
        "git@",
        "git@:a/b",
        "ftp://example.org/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://no host/x",
        "http://.",
        "\x00",
        "\ud800",
    ],
)
def test_nonsense_is_nowhere(text: str) -> None:
    assert repository(text) == NOWHERE
    assert repository(text).key == ""


@given(ANY_TEXT | URL_TEXT)
@example("\x00")
@example("\ud800.\udfff/\ud800")
@example("github.com/\x00/\ud800")
@example("http://[::1")
@example("git@github.com:22/a/b")
def test_any_text_has_a_key_no_longer_than_itself(text: str) -> None:
    """The column is as long as that of the URL."""
    assert len(repository(text).key) <= len(text)
    assert len(repository(text).host) <= len(text)


@given(ANY_TEXT | URL_TEXT)
@example("\x00")
@example("pypi.org/project/\ud800/")
@example("pypi.org/pypi?name=%ff\x00")
def test_any_text_has_a_pypi_name_no_longer_than_itself(text: str) -> None:
    name = pypi_project(text)
    assert len(name) <= len(text)
    assert pypi_project(name) == name


@given(st.sampled_from(HOSTS), PATHS)
@example("github.com", "a/b%2Egit")
@example("github.com", "a/b@c/d")
@example("gitlab.com", "a/b/-/tree")
@example("gitlab.com", "a/-@")
@example("gitlab.com", "a/b/tree.git@x")
def test_the_key_is_a_spelling_of_itself(host: str, path: str) -> None:
    key = repository(f"https://{host}/{path}").key
    assert repository(key).key == key
    assert repository(f"https://{key}").key == key


@pytest.mark.parametrize("path", ["a/b /tree", "%%341/x", ":"])
def test_the_key_of_a_strange_path_is_a_spelling_of_itself(path: str) -> None:
    key = repository(f"https://github.com/{path}").key
    assert repository(key).key == key


@given(st.data(), st.sampled_from(HOSTS), st.sampled_from(SPELLINGS))
def test_generated_names_have_one_key_each(data: st.DataObject, host: str, spelling: str) -> None:
    names = GITLAB_NAMES if KNOWN_HOSTS[host] == "gitlab" else NAMES
    owner, name = data.draw(OWNERS), data.draw(names)
    path = f"{owner}/{name}"
    spelt = data.draw(st.sampled_from([path, path.upper(), path.lower(), path.swapcase()]))
    url = spelling.format(host=host, path=spelt)
    assert repository(url).key == f"{host}/{path.lower()}"


@pytest.mark.parametrize("spelling", ["git@{host}:{path}", "git@{host}:{path}.git"])
def test_an_owner_of_digits_in_an_scp_address(spelling: str) -> None:
    assert repository(spelling.format(host="github.com", path="007/repo")).key == "github.com/007/repo"


@given(OWNERS, NAMES, OWNERS, NAMES, st.sampled_from(SPELLINGS), st.sampled_from(SPELLINGS))
@example("a", "b-c", "a-b", "c", SPELLINGS[0], SPELLINGS[0])
@example("a", "b.c", "a", "b-c", SPELLINGS[0], SPELLINGS[0])
def test_different_repositories_have_different_keys(
    owner: str, name: str, other_owner: str, other_name: str, spelling: str, other_spelling: str
) -> None:
    path, other = f"{owner}/{name}", f"{other_owner}/{other_name}"
    one = repository(spelling.format(host="github.com", path=path)).key
    two = repository(other_spelling.format(host="github.com", path=other)).key
    assert (one == two) == (path.lower() == other.lower())


@given(NAMES, NAMES)
def test_one_name_on_two_hosts_is_two_repositories(owner: str, name: str) -> None:
    assert len({repository(f"https://{host}/x{owner}/x{name}").key for host in HOSTS}) == len(HOSTS)


PYPI_SPELLINGS = (
    "{name}",
    " {name}\n",
    "http://pypi.python.org/pypi/{name}",
    "http://pypi.python.org/pypi/{name}/",
    "https://pypi.python.org/pypi/{name}/1.0.2",
    "https://pypi.python.org/pypi/{name}/1.0.2/",
    "https://pypi.python.org/pypi/{name}?version=1",
    "https://pypi.python.org/pypi?name={name}",
    "https://pypi.python.org/pypi?:action=display&name={name}&version=1",
    "https://pypi.org/pypi/{name}/json",
    "https://pypi.org/project/{name}",
    "https://pypi.org/project/{name}/",
    "https://pypi.org/project/{name}/2.0/",
    "http://pypi.org/project/{name}/#history",
    "HTTPS://PyPI.org/Project/{name}/",
    "https://www.pypi.org/project/{name}/",
    "https://pypi.org/simple/{name}/",
    "https://pypi.org/p/{name}",
    "//pypi.org/project/{name}/",
    "pypi.org/project/{name}/",
    "pypi.python.org/pypi/{name}",
)


@pytest.mark.parametrize("spelling", PYPI_SPELLINGS)
@pytest.mark.parametrize("name", ["Zope.Interface", "zope_interface", "ZOPE-._-interface"])
def test_every_spelling_of_a_project(spelling: str, name: str) -> None:
    assert pypi_project(spelling.format(name=name)) == "zope-interface"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("http://pypi.python.org/pypi/ralph", "ralph"),
        ("https://pypi.org/project/django-cms/", "django-cms"),
        ("django_extensions", "django-extensions"),
        ("x", "x"),
        ("", ""),
        (" ", ""),
        ("two words", ""),
        ("-x", ""),
        ("x.", ""),
        ("é", ""),
        ("٣", ""),
        ("https://pypi.org/", ""),
        ("https://pypi.org/project/", ""),
        ("https://pypi.python.org/pypi", ""),
        ("https://pypi.org/user/someone/", ""),
        ("https://pypi.org/project/two words/", ""),
        ("https://pypi.org.example.org/project/x/", ""),
        ("https://example.org/pypi/x", ""),
        ("https://github.com/a/b", ""),
        ("javascript:alert(1)", ""),
    ],
)
def test_real_projects(text: str, name: str) -> None:
    assert pypi_project(text) == name


@given(NAMES, st.sampled_from(PYPI_SPELLINGS), st.data())
def test_names_are_normalised_as_pep_503_has_it(name: str, spelling: str, data: st.DataObject) -> None:
    normal = re.sub(r"[-_.]+", "-", name).lower()
    runs = st.text("-_.", min_size=1, max_size=3)
    spelt = "".join(data.draw(runs) if part == "-" else part for part in re.split(r"(-)", normal))
    assert pypi_project(spelling.format(name=name)) == normal
    assert pypi_project(spelling.format(name=spelt)) == normal
    assert pypi_project(spelling.format(name=name.swapcase())) == normal
