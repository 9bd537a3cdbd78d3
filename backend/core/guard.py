"""What stands around every request: who may send it, how large it is, what browsers are told."""

from collections.abc import Mapping
from os import PathLike, stat_result

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.core.settings import settings
from backend.core.web import refusal

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# More than anybody writes down at once.
BODY_BYTES = 1024 * 1024
HEADER_BYTES = 16 * 1024
HEADERS = 100
ADDRESS_BYTES = 4 * 1024
TOO_LARGE = 413, "That is more than can be sent at once (1 MiB). Nothing was saved."

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none';"
    " require-trusted-types-for 'script'; trusted-types htmx"
)
STAY_ON_HTTPS = "max-age=31536000; includeSubDomains"
SAID_ALWAYS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class Guard:
    """The outermost layer, so that the answer to a bug carries the headers too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = _too_much(scope, headers) or _from_elsewhere(scope, headers)
        if refused is None and scope["method"] not in SAFE_METHODS:
            body = await _body(receive)
            if body is None:
                return
            if len(body) > BODY_BYTES:
                refused = TOO_LARGE
            receive = _again(body, receive)
        if _is_for_machines(scope):
            scope = _without_cookies(scope)
        sends = _with_headers(scope, send)
        if refused is not None:
            await refusal(Request(scope), *refused)(scope, receive, sends)
            return
        await self.app(scope, receive, sends)


def _too_much(scope: Scope, headers: Headers) -> tuple[int, str] | None:
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > ADDRESS_BYTES:
        return 414, "That address is too long."
    size = sum(len(name) + len(value) for name, value in scope["headers"])
    if size > HEADER_BYTES or len(scope["headers"]) > HEADERS:
        return 431, "The browser sent too much beside the request. Clear this site's cookies."
    announced = headers.get("Content-Length", "0")
    if announced.isdecimal() and (len(announced) > 18 or int(announced) > BODY_BYTES):
        return TOO_LARGE
    return None


def _from_elsewhere(scope: Scope, headers: Headers) -> tuple[int, str] | None:
    """A write that another site's page made. Compared with the configured origin, never Host."""
    if scope["method"] in SAFE_METHODS or _is_for_machines(scope):
        return None
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        allowed = site in {"same-origin", "none"}
    else:
        allowed = headers.get("Origin", "").lower() == settings().public_origin
    if allowed:
        return None
    return 403, "This came from another site, so it was not done. Use Vigil's own pages."


def _is_for_machines(scope: Scope) -> bool:
    """The API knows tokens only, which no other site's page can send."""
    return bool(scope["path"].startswith("/api/"))


def _without_cookies(scope: Scope) -> Scope:
    """So that no route of the API can ever act for whoever is signed in at the browser."""
    kept = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
    return {**scope, "headers": kept}


async def _body(receive: Receive) -> bytes | None:
    """All of it, or a little more than is allowed; None when the sender left half-way."""
    body = bytearray()
    more = True
    while more and len(body) <= BODY_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """What was read already, then whatever comes after it."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again


def _with_headers(scope: Scope, send: Send) -> Send:
    """Nothing about a patient stays in a browser's cache; our own files are asked for again."""
    said = SAID_ALWAYS | {"Referrer-Policy": _referrer_policy()}
    if settings().public_origin.startswith("https://"):
        said["Strict-Transport-Security"] = STAY_ON_HTTPS
    keep = "no-cache" if scope["path"].startswith("/static/") else "no-store"

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in said.items():
                headers[name] = value
            headers.setdefault("Cache-Control", keep)
            _say_charset(headers)
        await send(message)

    return send_with_headers


def _referrer_policy() -> str:
    """No page says where it was opened from.

    Over plain HTTP a browser leaves out Sec-Fetch-Site, and under `no-referrer` it calls the origin
    of a form "null": our own forms could not be told from another site's.
    """
    return "no-referrer" if settings().is_trustworthy else "same-origin"


def _say_charset(headers: MutableHeaders) -> None:
    """A browser that may guess the letters can be made to read a tag where none was written."""
    kind = headers.get("Content-Type", "")
    if kind.startswith("text/") or kind.endswith("xml"):
        headers["Content-Type"] = kind if "charset=" in kind else f"{kind}; charset=utf-8"


class OnlyFiles(StaticFiles):
    """These files of a folder, each under its own name, and no others."""

    def __init__(self, directory: PathLike[str], files: Mapping[str, str]) -> None:
        super().__init__(directory=directory, check_dir=False)
        self.files = files

    def lookup_path(self, path: str) -> tuple[str, stat_result | None]:
        """Where the file lies, if it is one of them."""
        if path not in self.files:
            return "", None
        return super().lookup_path(self.files[path])
