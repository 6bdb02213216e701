"""packages.licences: which licence a project's metadata tell, and by which names it is found."""

import re

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from packages import licences
from packages.licences import FAMILIES, licence_of, names, spdx
from packages.models import Package
from tests.factories import PackageFactory


def classified(*last_parts: str) -> list[str]:
    return [f"License :: OSI Approved :: {name}" for name in last_parts]


@pytest.mark.parametrize(
    ("expression", "text", "classifiers", "licence"),
    [
        # The expression first
        ("MIT", "BSD", classified("BSD License"), "MIT"),
        ("bsd-3-clause or mit", "", [], "BSD-3-Clause OR MIT"),
        ("LicenseRef-Own", "", [], "LicenseRef-Own"),
        ("Nonsense", "", [], "Nonsense"),
        # A text that is an SPDX expression
        ("", "BSD-3-Clause", classified("BSD License"), "BSD-3-Clause"),
        ("", "mit", [], "MIT"),
        ("", "GPL-3.0-or-later", classified("GNU General Public License v3 (GPLv3)"), "GPL-3.0-or-later"),
        ("", "Apache-2.0 with LLVM-exception", [], "Apache-2.0 WITH LLVM-exception"),
        (" ", "\n MIT \n", [], "MIT"),
        # The classifiers
        ("", "", classified("MIT License"), "MIT"),
        ("", "", classified("BSD License"), "BSD"),
        ("", "", classified("Apache Software License"), "Apache"),
        ("", "", classified("GNU General Public License v3 (GPLv3)"), "GPL"),
        ("", "", classified("GNU General Public License v3 or later (GPLv3+)"), "GPL-3.0-or-later"),
        ("", "", classified("GNU Lesser General Public License v2 or later (LGPLv2+)"), "LGPL"),
        ("", "", classified("GNU Affero General Public License v3"), "AGPL"),
        ("", "", ["License :: Public Domain"], "Public Domain"),
        ("", "", classified("MIT License", "Apache Software License"), "MIT, Apache"),
        ("", "", classified("BSD License", "MIT License", "BSD License"), "BSD, MIT"),
        ("", "Freeware", ["License :: Free To Use But Restricted"], "Free To Use But Restricted"),
        ("", "MIT License", ["License :: OSI Approved", "License :: DFSG approved"], "MIT"),
        ("", "New BSD", classified("BSD License"), "BSD"),
        ("", "", ["License :: OSI Approved :: Educational Community License, Version 2.0 (ECL-2.0)"], "ECL-2.0"),
        (
            "",
            "",
            [f"License :: {'x' * 190}", f"License :: {'y' * 190}", f"License :: {'z' * 190}"],
            f"{'x' * 190}, {'y' * 190}",
        ),
        # Any other short text: by its usual name
        ("", "GPLv3", [], "GPL"),
        ("", "GPLv3+", [], "GPL-3.0-or-later"),
        ("", "GNU GPL v2 or later", [], "GPL-2.0-or-later"),
        ("", "GNU General Public License v3.0", [], "GPL"),
        ("", "GPLv2 only", [], "GPL-2.0-only"),
        ("", "LGPLv2+", [], "LGPL"),
        ("", "LGPL 2.1 or any later", [], "LGPL-2.1-or-later"),
        ("", "GNU Affero GPL v3", [], "GNU Affero GPL v3"),
        ("", "AGPL", [], "AGPL"),
        ("", "BSD", [], "BSD"),
        ("", "BSD License", [], "BSD"),
        ("", "3-Clause BSD License", [], "BSD-3-Clause"),
        ("", "Modified BSD", [], "BSD-3-Clause"),
        ("", "Simplified BSD", [], "BSD-2-Clause"),
        ("", "MIT License", [], "MIT"),
        ("", "The MIT License (MIT)", [], "MIT"),
        ("", "MIT/X11", [], "MIT"),
        ("", "Apache License, Version 2.0", [], "Apache-2.0"),
        ("", "Apache Software License v2.0", [], "Apache-2.0"),
        ("", "Apache", [], "Apache"),
        ("", "MPL 2.0", [], "MPL-2.0"),
        ("", "ISC License", [], "ISC"),
        ("", "Public domain", [], "Public Domain"),
        ("", "License :: OSI Approved :: MIT License", [], "MIT"),
        ("", "Mozilla Public License 2.0 (MPL 2.0)", [], "MPL-2.0"),
        # as it is
        ("", "Proprietary", [], "Proprietary"),
        ("", "MIT, see LICENSE", [], "MIT, see LICENSE"),
        ("", "Dual MIT and GPL", [], "Dual MIT and GPL"),
        # None
        ("", "", [], ""),
        ("", "UNKNOWN", [], ""),
        ("unknown", " Unknown ", [], ""),
        ("", "MIT License\n\nPermission is hereby granted", [], ""),
        ("", "Permission is hereby granted, free of charge, " * 3, [], ""),
        ("", "OSI Approved", [], ""),
    ],
)
def test_the_licence(expression: str, text: str, classifiers: list[str], licence: str) -> None:
    assert licence_of(expression, text, classifiers) == licence


def test_what_is_called_spdx_is_spdx() -> None:
    known = {*licences._CLASSIFIERS.values(), *licences._USUAL_NAMES.values(), *sum(FAMILIES.values(), ())}
    assert [name for name in known - FAMILIES.keys() if name and spdx(name) != name] == []


@pytest.mark.parametrize(
    ("licence", "found_by"),
    [
        ("MIT", {"mit"}),
        ("MIT, BSD", {"mit, bsd", "mit", "bsd"}),
        ("MIT OR Apache-2.0", {"mit or apache-2.0", "mit", "apache-2.0", "apache"}),
        ("0BSD", {"0bsd"}),
        ("LGPL-3.0-only", {"lgpl-3.0-only", "lgpl"}),
        ("AGPL-3.0-or-later", {"agpl-3.0-or-later", "agpl"}),
        ("Unlicense", {"unlicense", "public domain"}),
        (
            "(MIT AND BSD-3-Clause) OR GPL-2.0-only WITH Classpath-exception-2.0",
            {
                *("(mit and bsd-3-clause) or gpl-2.0-only with classpath-exception-2.0", "mit", "bsd-3-clause", "bsd"),
                *("gpl-2.0-only with classpath-exception-2.0", "gpl-2.0-only", "gpl"),
            },
        ),
        ("", set()),
    ],
)
def test_the_names_of_a_licence(licence: str, found_by: set[str]) -> None:
    assert names(licence) == found_by


LICENCES = st.builds(
    licence_of,
    st.sampled_from(["", "MIT OR Apache-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"]) | st.text(max_size=30),
    st.sampled_from(["", "gplv3", "BSD", "MIT, or not", "(MIT)"]) | st.text(max_size=120),
    st.lists(
        st.sampled_from([f"License :: {name}" for name in licences._CLASSIFIERS])
        | st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"]), max_size=60).map(
            "License :: {}".format
        ),
        max_size=4,
    ),
)


@given(LICENCES)
def test_a_licence_is_one_line_that_can_be_stored(licence: str) -> None:
    assert len(licence) <= licences.MAX_LENGTH
    assert licence == licence.strip()
    assert not re.search("[\0\r\n\ud800-\udfff]", licence)


@pytest.mark.django_db
@given(licence=LICENCES.filter(bool))
@hypothesis_settings(max_examples=40, deadline=None)
def test_every_licence_that_is_shown_can_be_asked_for(licence: str) -> None:
    """And each of its parts finds the package."""
    package = PackageFactory.create(licence=licence)
    try:
        shown = Client().get(f"/api/v4/packages/{package.pk}/?fields=licence").json()["licence"]
        for wanted in (shown, *shown.split(", ")):
            answer = Client().get("/api/v4/packages/", {"licence": wanted, "fields": "id"})
            assert answer.status_code == 200, (wanted, answer.content)
            assert {"id": package.pk} in answer.json()["results"]
    finally:
        Package.objects.filter(pk=package.pk).delete()
