"""LibreOffice, as it opens CSV: the cells of the file that it makes of it, none of which may be a formula."""

import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

OFFICE, TABLE, TEXT = (f"{{urn:oasis:names:tc:opendocument:xmlns:{name}:1.0}}" for name in ("office", "table", "text"))
XLSX = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
# How the CSV is read: commas, double quotes, UTF-8, from the first line on; or with “Format quoted field as text” too.
AS_IT_OPENS, QUOTED_AS_TEXT = "CSV:44,34,76,1", "CSV:44,34,76,1,,0,true"

# A text, a number, True or False, or None, by row and column
Cells = list[list[Any]]


def opened(folder: Path, kind: str, *contents: bytes, import_filter: str = AS_IT_OPENS) -> list[Cells]:
    """Return the cells of each of these texts of CSV, which LibreOffice opens and saves as fods, ods or xlsx. A
    LibreOffice that is not installed fails the test."""
    sources = [folder / f"{number}.csv" for number in range(len(contents))]
    for source, content in zip(sources, contents, strict=True):
        source.write_bytes(content)
    _convert(sources, kind, folder, import_filter)
    return [READERS[kind](source.with_suffix(f".{kind}")) for source in sources]


def saved(folder: Path, content: bytes, delimiter: str, import_filter: str) -> bytes:
    """Return the CSV that LibreOffice saves, with that delimiter, after it has opened a text of CSV."""
    source, target = folder / "opened.csv", folder / "saved"
    source.write_bytes(content)
    _convert([source], f"csv:Text - txt - csv (StarCalc):{ord(delimiter)},34,76,1", target, import_filter)
    return (target / source.name).read_bytes()


def _convert(sources: Iterable[Path], to: str, target: Path, import_filter: str) -> None:
    program = shutil.which("soffice")
    assert program, "soffice is not installed: .ci/run more installs it"
    profile = target / "profile"
    options = ["--headless", f"-env:UserInstallation=file://{profile}", f"--infilter={import_filter}"]
    command = [program, *options, "--convert-to", to, "--outdir", str(target), *map(str, sources)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(target), "LANG": "C.UTF-8"}
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)


def _fods(file: Path) -> Cells:
    return _opendocument(ET.parse(file).getroot())


def _ods(file: Path) -> Cells:
    with ZipFile(file) as parts:
        return _opendocument(ET.fromstring(parts.read("content.xml")))


def _opendocument(document: Any) -> Cells:
    rows: Cells = []
    for row in document.iter(f"{TABLE}table-row"):
        cells: list[Any] = []
        for cell in row.findall(f"{TABLE}table-cell"):
            cells += [_opendocument_value(cell)] * int(cell.get(f"{TABLE}number-columns-repeated", "1"))
        rows.append(cells)
    return rows


def _opendocument_value(cell: Any) -> Any:
    assert cell.get(f"{TABLE}formula") is None, ET.tostring(cell)
    kind = cell.get(f"{OFFICE}value-type")
    if kind == "boolean":
        return cell.get(f"{OFFICE}boolean-value") == "true"
    if kind == "float":
        return float(cell.get(f"{OFFICE}value"))
    return None if kind is None else "\n".join("".join(_written(each)) for each in cell.findall(f"{TEXT}p"))


def _written(paragraph: Any) -> Iterator[str]:
    """Yield the parts of the text of a paragraph, in which tabs and further blanks are elements."""
    yield paragraph.text or ""
    for element in paragraph:
        if element.tag == f"{TEXT}tab":
            yield "\t"
        elif element.tag == f"{TEXT}s":
            yield " " * int(element.get(f"{TEXT}c", "1"))
        else:
            yield from _written(element)
        yield element.tail or ""


def _xlsx(file: Path) -> Cells:
    with ZipFile(file) as parts:
        shared = ET.fromstring(parts.read("xl/sharedStrings.xml"))
        sheet = ET.fromstring(parts.read("xl/worksheets/sheet1.xml"))
    texts = ["".join(each.text or "" for each in item.iter(f"{XLSX}t")) for item in shared]
    rows: Cells = []
    for row in sheet.iter(f"{XLSX}row"):
        by_column = {_column(cell.attrib["r"]): _xlsx_value(cell, texts) for cell in row.iter(f"{XLSX}c")}
        rows.append([by_column.get(number) for number in range(1, max(by_column, default=0) + 1)])
    return rows


def _column(reference: str) -> int:
    """Return the number of the column of a cell: AB12 is in the 28th."""
    number = 0
    for letter in re.sub(r"\d", "", reference):
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _xlsx_value(cell: Any, texts: list[str]) -> Any:
    assert cell.find(f"{XLSX}f") is None, ET.tostring(cell)
    value = cell.find(f"{XLSX}v")
    if value is None:
        return None
    if cell.get("t") == "s":
        return texts[int(value.text)]
    return value.text == "1" if cell.get("t") == "b" else float(value.text)


READERS: Mapping[str, Callable[[Path], Cells]] = {"fods": _fods, "ods": _ods, "xlsx": _xlsx}
