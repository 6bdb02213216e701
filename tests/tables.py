"""Tables of pages, as text."""

from html.parser import HTMLParser


class _Cells(HTMLParser):
    """Collect the texts of the cells of a page's table bodies, row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._in_body = self._in_cell = False

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        if tag == "tbody":
            self._in_body = True
        elif tag == "tr" and self._in_body:
            self.rows.append([])
        elif tag in {"td", "th"} and self._in_body:
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._in_cell = False
        elif tag == "tbody":
            self._in_body = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data


def rows_of(html: str) -> list[list[str]]:
    """Return the rows of all tables of a page, without their heads; white space is one blank each."""
    cells = _Cells()
    cells.feed(html)
    return [[" ".join(cell.split()) for cell in row] for row in cells.rows]
