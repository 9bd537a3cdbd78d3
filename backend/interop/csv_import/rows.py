"""The rows of a CSV file as they stand there, whatever is wrong with some of them."""

import csv
import gzip
import io
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from backend.core.errors import Invalid

# Longer than any row of a chart; a file without line ends must not fill the memory.
LONGEST_ROW = 100_000
MOST_LINES = 100
LINE_ENDS = ("\n", "\r")


class Row(NamedTuple):
    """One row as it stands in the file, and what its cells are; the header is on line 1."""

    line: int
    raw: str
    cells: list[str]


class Broken(NamedTuple):
    """A line that is no row."""

    line: int
    detail: str


@contextmanager
def opened(path: Path) -> Iterator[IO[str]]:
    """The file as text, unpacked if it is packed, whatever it is called."""
    try:
        binary = path.open("rb")
    except OSError as error:
        raise Invalid(f"{path.name} cannot be read: {error.strerror}.") from None
    with binary:
        packed = binary.peek(2)[:2] == b"\x1f\x8b"
        stream = gzip.open(binary) if packed else binary  # noqa: SIM115 (closed with the text)
        with io.TextIOWrapper(stream, "utf-8-sig", errors="replace", newline="") as text:
            yield text


class _Endless(Exception):
    """A line, or a quotation, that does not end where a row would."""


class _Lines:
    """The lines of a file, remembering those that the row being read is made of."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self._again: deque[str | None] = deque()
        self.taken: list[str | None] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._line()
        if line == "":
            raise StopIteration
        self.taken.append(line)
        if line is None:
            raise _Endless("The row is too long.")
        if len(self.taken) > MOST_LINES:
            raise _Endless("A quotation mark is opened and not closed.")
        return line

    def _line(self) -> str | None:
        """The next line; None for one that is too long, of which nothing is kept."""
        try:
            line = self._text.readline(LONGEST_ROW + 1)
            if len(line) <= LONGEST_ROW or line.endswith(LINE_ENDS):
                return line
            while line and not line.endswith(LINE_ENDS):
                line = self._text.readline(LONGEST_ROW)
        except (OSError, EOFError, zlib.error):
            raise Invalid("The file is damaged: it cannot be read to its end.") from None
        return None

    def all_but_first_again(self) -> None:
        """Only the first line is lost: those behind it may be rows of their own."""
        self._again.extendleft(reversed(self.taken[1:]))


def rows(text: IO[str], delimiter: str) -> Iterator[Row | Broken]:
    """The header, then every row; after a line that is no row the next one is read."""
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    line = 1
    while True:
        lines.taken.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _Endless) as error:
            yield Broken(line, str(error))
            lines.all_but_first_again()
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            line += 1
            continue
        if cells:
            yield Row(line, "".join(filter(None, lines.taken)), cells)
        line += len(lines.taken)
