"""A check of the code's style: docstrings open with a verb or a noun, never with a clause (part of `make lint`)."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# Words that open a clause, which leaves a reader waiting for the sentence.
CLAUSE = re.compile(
    r"(?:As|How|If|That|Those|What|Whatever|When|Where|Wherever|Whether|Which|Whichever|While|Who|Whoever|Whose|Why"
    r"|(?:In|Of|On) which)\b"
)


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each docstring of a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield node.body[0].lineno, text


def main() -> None:
    files = subprocess.run(["git", "ls-files", "*.py"], capture_output=True, text=True, check=True).stdout.split()
    wrong = [
        f"{file}:{line}: a docstring opens with a clause: {text.splitlines()[0]}"
        for file in files
        if Path(file).exists()
        for line, text in docstrings(Path(file).read_text(encoding="utf-8"))
        if CLAUSE.match(text)
    ]
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
