"""All forms of a page, with everything that could be sent by them: buttons and boxes without a tick too."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Form:
    name: str
    action: str
    method: str
    fields: list[tuple[str, bytes]] = field(default_factory=list)
    has_files: bool = False


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open: Form | None = None
        self._select = self._textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(given.get("id", ""), given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._open)
            return
        of_name = [form for form in self.forms if form.name and form.name == given.get("form")]
        form, name = of_name[0] if of_name else self._open, given.get("name", "")
        if form is None:
            return
        if tag in {"input", "button"} and name:
            form.has_files |= given.get("type") == "file"
            form.fields.append((name, given.get("value", "on").encode()))
        elif tag == "textarea":
            self._textarea = name
            form.fields.append((name, b""))
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and ("selected" in given or given.get("value")):
            fields = dict(form.fields)
            if "selected" in given or self._select not in fields:
                form.fields.append((self._select, given.get("value", "").encode()))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag in {"select", "textarea"}:
            self._select = self._textarea = ""

    def handle_data(self, data: str) -> None:
        if self._textarea and self._open and self._open.fields:
            name, value = self._open.fields[-1]
            self._open.fields[-1] = (name, value + data.encode())


def forms_of(html: str) -> list[Form]:
    parser = _Forms()
    parser.feed(html)
    parser.close()
    return parser.forms
