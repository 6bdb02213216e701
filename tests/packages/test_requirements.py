"""The projects that a pasted requirements file names."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from packages.requirements import projects_in

FILE = """\
# what the site needs

Django>=5.2,<6          # the framework
django_filter
celery[redis, msgpack]~=5.4 ; python_version >= "3.11"
Zope.Interface (>=5,<7)
pytz>dev
pillow @ https://example.org/a,b/pillow.zip
gunicorn==23.0.0 \\
    --hash=sha256:ec400d38950de4dfd418cff8328b2c8faed0edb0d517d3394e457c317908ca4d \\
    --hash=sha256:f014447a0101dc57e294f6c18ca6b40227a4c90e9bdb586042628030cba004ec
https://pypi.org/project/Some_Thing/
django-filter==25.1
"""
NAMES = [
    *("django", "django-filter", "celery", "zope-interface", "pytz", "pillow", "gunicorn", "some-thing"),
]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_file(line_end: str) -> None:
    assert projects_in(FILE.replace("\n", line_end)) == NAMES


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Django", ["django"]),
        ("Django>=5,<6", ["django"]),
        ("Django>=5,<6,requests", ["django", "requests"]),
        ("Django>=5 , !=5.1, requests , celery[redis,msgpack]==5.*", ["django", "requests", "celery"]),
        ("q (>=1,<2),z", ["q", "z"]),
        ("a ; python_version in '3.8,3.9'", ["a"]),
        ("", []),
        ("# nothing\n\n  \n", []),
    ],
)
def test_commas(text: str, names: list[str]) -> None:
    assert projects_in(text) == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\n-r base.txt", "“-r base.txt” does not begin with the name of a project on PyPI: leave it out."),
        ("-e git+https://a.example/b", "“-e git+https://a.example/b” does not begin"),
        ("git+https://a.example/b", "“git+https://a.example/b” does not begin"),
        ("a b", "“a b” does not begin"),
        ("a,,b", "An empty value stands between two commas."),
        ("a,", "An empty value stands between two commas."),
    ],
)
def test_what_names_no_project(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"^") as error:
        projects_in(text)
    assert str(error.value).startswith(message)


NAME = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?", fullmatch=True)
AFTER = st.sampled_from(
    ["", " ", ">=1", " ==2.*,!=2.1", "[a]", "[a, b] <3", "~=1.4.2", " ; os_name == 'nt'", " @ https://x.example/y"]
)


@given(st.lists(st.tuples(NAME, AFTER), max_size=8), st.sampled_from(["\n", "\r\n", " # note\n", ","]))
def test_every_requirement_is_its_name(requirements: list[tuple[str, str]], between: str) -> None:
    if between == ",":  # a URL and a marker go on to the end of their line
        requirements = [(name, after) for name, after in requirements if not {"@", ";"} & set(after)]
    text = between.join(name + after for name, after in requirements)
    assert projects_in(text) == list(dict.fromkeys(canonicalize_name(name) for name, _ in requirements))


@given(st.text(max_size=60))
def test_no_text_fails_otherwise(text: str) -> None:
    try:
        assert all(canonicalize_name(name) == name for name in projects_in(text))
    except ValueError as error:
        assert str(error).endswith(("leave it out.", "between two commas."))


@pytest.mark.parametrize(
    "text", ["a," * 25_000 + "!", "a[" + "a," * 25_000, "a" + " " * 50_000 + "b", "!" + "[," * 25_000]
)
def test_a_long_line_is_read_once(text: str) -> None:
    begin = process_time()
    with pytest.raises(ValueError, match=r"stands between|does not begin"):
        projects_in(text)
    assert process_time() - begin < 5  # a walk along the rest of the line from each comma takes a minute
