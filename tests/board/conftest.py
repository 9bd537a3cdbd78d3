"""Reading a board as a person does: by bed, in words."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from fastapi.testclient import TestClient

Opens = Callable[[str | None], TestClient]


@dataclass(frozen=True)
class Row:
    """One place on the board, as text."""

    level: str
    stay_id: int
    words: str
    html: str


def rows(html: str) -> list[Row]:
    """The beds of a board, in the order in which they stand."""
    found = []
    for part in re.findall(r'<li class="bed".*?(?=<li class="bed"|</ol>|\Z)', html, re.DOTALL):
        level = re.search(r'data-level="(\w+)"', part)
        stay_id = re.search(r'id="bed-(\d+)"', part)
        assert level
        assert stay_id
        words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", part)).strip()
        found.append(Row(level=level[1], stay_id=int(stay_id[1]), words=words, html=part))
    return found


def plain(html: str) -> str:
    """What is read, without the tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


@pytest.fixture
def board(client: Opens) -> Callable[..., list[Row]]:
    """The board as somebody sees it."""

    def read(name: str = "nora", path: str = "/") -> list[Row]:
        answer = client(name).get(path)
        assert answer.status_code == 200, answer.text
        return rows(answer.text)

    return read
