"""Licences: the one line that tells a project's licence, and the names by which it is found.

A licence is an SPDX expression where the project's metadata name one, else the family in plain words (BSD, GPL …) that
an ambiguous classifier means, else a short text as it is; several classifiers are joined by commas.

Sources: PEP 639, "Mapping License Classifiers to SPDX Identifiers"; SPDX 2.3, annex D (expressions ignore letter case).
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

MAX_LENGTH = 500
MAX_PLAIN = 100  # of a text that is no SPDX expression: a longer one is a licence, not its name

# The families, and the SPDX identifiers of their members besides those that begin with the family's name.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "AFL": (),
    "AGPL": (),
    "APSL": (),
    "Apache": (),
    "Artistic": (),
    "BSD": (),
    "GFDL": (),
    "GPL": (),
    "LGPL": (),
    "Public Domain": ("CC0-1.0", "CC-PDDC", "LicenseRef-Public-Domain", "PDDL-1.0", "Unlicense"),
}

# What the licence classifiers mean, by their last part: an SPDX identifier, or the family of an ambiguous one. "" means
# nothing. The text of any other classifier stands for itself.
_CLASSIFIERS: Mapping[str, str] = {
    "OSI Approved": "",
    "DFSG approved": "",
    "Academic Free License (AFL)": "AFL",
    "Aladdin Free Public License (AFPL)": "Aladdin",
    "Apache Software License": "Apache",
    "Apple Public Source License": "APSL",
    "Artistic License": "Artistic",
    "Attribution Assurance License": "AAL",
    "BSD License": "BSD",
    "Blue Oak Model License (BlueOak-1.0.0)": "BlueOak-1.0.0",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "CEA CNRS Inria Logiciel Libre License, version 2.1 (CeCILL-2.1)": "CECILL-2.1",
    "CMU License (MIT-CMU)": "MIT-CMU",
    "CeCILL-B Free Software License Agreement (CECILL-B)": "CECILL-B",
    "CeCILL-C Free Software License Agreement (CECILL-C)": "CECILL-C",
    "Common Development and Distribution License 1.0 (CDDL-1.0)": "CDDL-1.0",
    "Common Public License": "CPL-1.0",
    "Eclipse Public License 1.0 (EPL-1.0)": "EPL-1.0",
    "Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    "Educational Community License, Version 2.0 (ECL-2.0)": "ECL-2.0",
    "European Union Public Licence 1.0 (EUPL 1.0)": "EUPL-1.0",
    "European Union Public Licence 1.1 (EUPL 1.1)": "EUPL-1.1",
    "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    "GNU Affero General Public License v3": "AGPL",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU Free Documentation License (FDL)": "GFDL",
    "GNU General Public License (GPL)": "GPL",
    "GNU General Public License v2 (GPLv2)": "GPL",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 (LGPLv2)": "LGPL",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "GNU Library or Lesser General Public License (LGPL)": "LGPL",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
    "IBM Public License": "IPL-1.0",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "MirOS License (MirOS)": "MirOS",
    "Motosoto License": "Motosoto",
    "Mozilla Public License 1.0 (MPL)": "MPL-1.0",
    "Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Mulan Permissive Software License v2 (MulanPSL-2.0)": "MulanPSL-2.0",
    "NASA Open Source Agreement v1.3 (NASA-1.3)": "NASA-1.3",
    "Nethack General Public License": "NGPL",
    "Nokia Open Source License": "Nokia",
    "Nokia Open Source License (NOKOS)": "Nokia",
    "Open Group Test Suite License": "OGTSL",
    "Open Software License 3.0 (OSL-3.0)": "OSL-3.0",
    "PostgreSQL License": "PostgreSQL",
    "Public Domain": "Public Domain",
    "Python License (CNRI Python License)": "CNRI-Python",
    "Python Software Foundation License": "PSF-2.0",
    "Qt Public License (QPL)": "QPL-1.0",
    "Ricoh Source Code Public License": "RSCPL",
    "SIL Open Font License 1.1 (OFL-1.1)": "OFL-1.1",
    "Sleepycat License": "Sleepycat",
    "Sun Public License": "SPL-1.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "Universal Permissive License (UPL)": "UPL-1.0",
    "University of Illinois/NCSA Open Source License": "NCSA",
    "Vovida Software License 1.0": "VSL-1.0",
    "W3C License": "W3C",
    "Zero-Clause BSD (0BSD)": "0BSD",
    "zlib/libpng License": "Zlib",
}

# The usual names that are no SPDX identifiers, as sets of the words that _words() leaves of them. Those of the GNU
# licences are parsed by _gnu().
_USUAL_NAMES: Mapping[frozenset[str], str] = {
    frozenset(words.split()): name
    for name, spellings in {
        "0BSD": ("bsd 0 clause", "bsd zero clause"),
        "Apache": ("apache", "asl"),
        "Apache-2.0": ("apache 2", "apache 2.0", "apache2", "apache2.0", "asl 2", "asl 2.0"),
        "Artistic": ("artistic",),
        "BSD": ("bsd", "bsd style"),
        "BSD-2-Clause": ("bsd 2 clause", "bsd 2", "bsd two clause", "bsd simplified", "bsd 2 clause simplified"),
        "BSD-3-Clause": (
            *("bsd 3 clause", "bsd 3", "bsd3", "bsd three clause", "bsd new", "bsd modified", "bsd revised"),
            *("bsd 3 clause new", "bsd 3 clause modified", "bsd 3 clause revised", "bsd 3 clause new or revised"),
        ),
        "BSL-1.0": ("boost", "boost 1.0"),
        "CC0-1.0": ("cc0",),
        "ISC": ("isc iscl", "iscl"),
        "MIT": ("mit x11", "expat", "mit expat"),
        "MPL-2.0": ("mpl 2", "mpl2", "mpl2.0", "mozilla public 2.0", "mozilla public 2.0 mpl"),
        "PSF-2.0": ("psf", "psfl", "python foundation"),
        "Public Domain": ("public domain",),
        "ZPL-2.1": ("zope public 2.1",),
        "Zlib": ("zlib libpng",),
    }.items()
    for words in spellings
}
_NOT_TOLD = {"", "unknown"}


def licence_of(expression: str, text: str, classifiers: Iterable[str]) -> str:
    """Return a project's licence by its licence expression, its licence text and its classifiers; "" if none tells it.

    A text that is an SPDX expression is more exact than the classifiers, and they are more than any other text.
    """
    expression, text = expression.strip(), text.strip()
    return spdx(expression) or _named(expression) or spdx(text) or _classified(classifiers) or _named(text)


def spdx(text: str) -> str:
    """Return an SPDX expression in its canonical spelling; "" if `text` is none."""
    try:
        canonical = canonicalize_license_expression(text) if 0 < len(text) <= MAX_LENGTH else ""
    except InvalidLicenseExpression:
        return ""
    return canonical if len(canonical) <= MAX_LENGTH else ""


def _classified(classifiers: Iterable[str]) -> str:
    named = [each.rsplit(" :: ", 1)[1].strip() for each in classifiers if each.startswith("License :: ")]
    known = [_CLASSIFIERS.get(name, name) for name in named if name.isprintable()]
    text = ", ".join(dict.fromkeys(filter(None, known)))
    return text if len(text) <= MAX_LENGTH else text[:MAX_LENGTH].rpartition(", ")[0]


def _named(text: str) -> str:
    """Return the licence that a short text usually means, else the text; "" if it tells none, or is a whole licence."""
    if text.lower() in _NOT_TOLD or len(text) > MAX_PLAIN or not text.isprintable():
        return ""
    name = text.rsplit(" :: ", 1)[-1]
    if name in _CLASSIFIERS:
        return _CLASSIFIERS[name]
    words = _words(text)
    return _USUAL_NAMES.get(frozenset(words)) or _gnu(" ".join(words)) or spdx("-".join(words)) or text


def _words(text: str) -> list[str]:
    """Return the words of a licence's name in lower case, without those that distinguish no licence."""
    spaced = re.sub(r"v\.?(?=[0-9])", " ", text.lower())  # GPLv3, v2.0
    words = dict.fromkeys(word.strip(".") for word in re.findall(r"[a-z0-9.]+|\+", spaced))
    return [word for word in words if word not in {"", "the", "license", "licence", "software", "version"}]


_GNU = re.compile(r"(?:gnu )?([al]?gpl) ?([123](?:\.[01])?)? ?(\+|or (?:any )?(?:later|newer)|only)?")
_GNU_WORDS = {"affero general public": "agpl", "lesser general public": "lgpl", "general public": "gpl"}


def _gnu(words: str) -> str:
    """Return the GNU licence that these words name: its family, if they leave its version or "or later" open."""
    for phrase, short in _GNU_WORDS.items():
        words = words.replace(phrase, short)
    named = _GNU.fullmatch(words)
    if not named:
        return ""
    family, version, later = named[1].upper(), named[2] or "", named[3] or ""
    if not later or (family, version) == ("LGPL", "2"):  # which is 2.0 or 2.1
        return family
    version = version if "." in version else f"{version}.0"
    return spdx(f"{family}-{version}-{'only' if later == 'only' else 'or-later'}") or family


@lru_cache(maxsize=16384)
def names(licence: str) -> frozenset[str]:
    """Return the names, in lower case, by which a licence is found: itself, its parts, and the families of these."""
    parts = licence.split(", ")
    expressions = [spdx(part) or part for part in parts]
    leaves = [leaf.strip() for each in expressions for leaf in re.split(r"(?i)\s+(?:and|or)\s+|[()]", each)]
    bare = [re.split(r"(?i)\s+with\s+", leaf)[0] for leaf in leaves]
    found = {each.lower() for each in (licence, *parts, *expressions, *leaves, *bare)} - {""}
    return frozenset(found | {family.lower() for family in FAMILIES if _holds(family, found)})


def _holds(family: str, found: Iterable[str]) -> bool:
    members = tuple(member.lower() for member in FAMILIES[family])
    return any(name in members or name.startswith(f"{family.lower()}-") for name in found)
