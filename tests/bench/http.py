"""A browser's side of HTTP with as little work as can be: the measured one shares the machine."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

FORM = "application/x-www-form-urlencoded"
IDLE_S = 3.0


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    head: bytes
    body: bytes


class Line:
    """One kept-alive connection of a signed-in browser."""

    def __init__(self, port: int, token: str) -> None:
        self.port = port
        self.head = (
            f"Host: 127.0.0.1:{port}\r\nCookie: vigil={token}\r\nSec-Fetch-Site: same-origin\r\n"
        )
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter
        self.used_at: float

    async def __aenter__(self) -> Self:
        await self._connect()
        return self

    async def _connect(self) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.used_at = time.monotonic()

    async def _send(self, request: bytes) -> None:
        """The server closes what was idle for five seconds; a browser opens it again."""
        if time.monotonic() - self.used_at > IDLE_S:
            self.writer.close()
            await self._connect()
        self.writer.write(request)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.writer.close()

    async def get(self, path: str, *, refresh: bool = False) -> Answer:
        """Ask for a page; `refresh` as the page itself does, which is nobody's activity."""
        more = "Vigil-Refresh: 1\r\nHX-Request: true\r\n" if refresh else ""
        await self._send(f"GET {path} HTTP/1.1\r\n{self.head}{more}\r\n".encode())
        return await self._answer()

    async def post(self, path: str, form: bytes, *, htmx: bool = False) -> Answer:
        """Send a form."""
        more = "HX-Request: true\r\n" if htmx else ""
        head = (
            f"POST {path} HTTP/1.1\r\n{self.head}{more}"
            f"Content-Type: {FORM}\r\nContent-Length: {len(form)}\r\n\r\n"
        )
        await self._send(head.encode() + form)
        return await self._answer()

    async def words(self) -> AsyncIterator[str]:
        """The topics that the live stream says, while it lasts. Heartbeats are no words."""
        self.writer.write(f"GET /live HTTP/1.1\r\n{self.head}\r\n".encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        named = False
        while line := await self.reader.readline():
            if line.startswith(b"event: "):
                named = True
            elif line.startswith(b"data: "):
                if not named:
                    yield line[6:].decode().strip()
                named = False

    async def _answer(self) -> Answer:
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        self.used_at = time.monotonic()
        return Answer(int(head[9:12]), head, await self.reader.readexactly(length))
