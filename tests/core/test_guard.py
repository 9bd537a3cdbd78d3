"""Who may write, how much may be sent, and what every answer carries."""

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError
from starlette.types import Message
from structlog.testing import capture_logs

from backend.cli import serve
from backend.core import clock, guard, web
from backend.core.settings import settings
from tests.people import Ward

Opens = Callable[[str | None], TestClient]
OURS, THEIRS = "http://127.0.0.1:8000", "https://elsewhere.example"


@pytest.fixture(autouse=True)
def _origin(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("VIGIL_ORIGIN", OURS)
    settings.cache_clear()
    yield
    settings.cache_clear()


# Sec-Fetch-Site, Origin, and whether a write is let through. Host says nothing in any of them.
WRITES = [
    ("same-origin", OURS, True),
    ("same-origin", None, True),
    ("same-origin", THEIRS, True),  # the browser itself says where it came from
    ("same-origin", "null", True),  # what it says of a form under `no-referrer`
    ("none", None, True),  # typed, or a bookmark
    ("same-site", OURS, False),
    ("same-site", None, False),
    ("cross-site", OURS, False),
    ("cross-site", None, False),
    ("cross-site", THEIRS, False),
    ("", OURS, False),
    (None, OURS, True),  # an old browser, from our own page
    (None, OURS.upper(), True),
    (None, THEIRS, False),
    (None, "null", False),
    (None, OURS + ".elsewhere.example", False),
    (None, None, False),
]


@pytest.mark.parametrize(("site", "origin", "allowed"), WRITES)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_write_comes_from_our_own_page(
    client: Opens, method: str, site: str | None, origin: str | None, *, allowed: bool
) -> None:
    nora = client("nora")
    del nora.headers["Sec-Fetch-Site"]
    sent = {"Sec-Fetch-Site": site, "Origin": origin, "Host": "elsewhere.example"}
    headers = {name: value for name, value in sent.items() if value is not None}
    answer = nora.request(method, "/sign-in", headers=headers)
    assert (answer.status_code != 403) is allowed


@pytest.mark.parametrize(("site", "origin", "_"), WRITES)
def test_reading_is_free(client: Opens, site: str | None, origin: str | None, _: object) -> None:
    nora = client("nora")
    del nora.headers["Sec-Fetch-Site"]
    sent = {"Sec-Fetch-Site": site, "Origin": origin}
    headers = {name: value for name, value in sent.items() if value is not None}
    assert nora.get("/about", headers=headers).status_code == 200


def test_a_refused_write_does_nothing(client: Opens) -> None:
    nora = client("nora")
    refused = nora.post("/sign-out", headers={"Sec-Fetch-Site": "cross-site"})
    assert refused.status_code == 403
    assert "came from another site" in refused.text
    assert nora.get("/").status_code == 200


def test_a_machine_sends_a_token_and_no_page_can(client: Opens) -> None:
    """The API is reached from anywhere, and only by a token: a cookie opens nothing there."""
    nora = client("nora")
    answer = nora.get("/api/v1/board")
    assert answer.status_code == 401
    del nora.headers["Sec-Fetch-Site"]
    assert nora.post("/api/v1/stays", json={}).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/sign-in", 200),
        ("GET", "/about", 200),
        ("GET", "/", 303),
        ("GET", "/no-such-page", 404),
        ("DELETE", "/about", 405),
        ("GET", "/live", 401),
        ("GET", "/api/v1/board", 401),
        ("GET", "/api/v1/openapi.json", 401),
        ("GET", "/healthz", 503),
        ("GET", "/static/app.css", 200),
        ("GET", "/static/icon.svg", 200),
        ("GET", "/static/vendor/htmx.min.js", 200),
        ("GET", "/static/no-such-file", 404),
        ("POST", "/sign-out", 401),
    ],
)
def test_every_answer_carries_the_policy(
    client: Opens, method: str, path: str, status: int
) -> None:
    answer = client(None).request(method, path)
    assert answer.status_code == status
    _carries_everything(answer.headers)


def test_the_answer_to_a_bug_carries_the_policy_too_and_no_detail(
    client: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("secret of the ward")

    nora = client("nora")
    monkeypatch.setattr(clock, "now", broken)
    with capture_logs() as logged:
        answer = nora.get("/")
    assert [entry["event"] for entry in logged] == ["bug"]
    assert logged[0]["reference"] in answer.text
    assert answer.status_code == 500
    assert "secret of the ward" not in answer.text
    _carries_everything(answer.headers)


def test_so_does_the_answer_of_an_absent_database(
    client: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("SELECT", {}, Exception("gone"))

    nora = client("nora")
    monkeypatch.setattr(clock, "now", away)
    answer = nora.get("/")
    assert answer.status_code == 503
    _carries_everything(answer.headers)


def _carries_everything(headers: Any) -> None:
    policy = headers["Content-Security-Policy"]
    assert policy == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self';"
        " form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none';"
        " require-trusted-types-for 'script'; trusted-types htmx"
    )
    assert headers["Referrer-Policy"] == "no-referrer"
    assert not [name for name in headers if name.lower().startswith("access-control-")]
    kind = headers.get("Content-Type", "")
    if kind.startswith("text/") or kind.endswith("xml"):
        assert kind.endswith("; charset=utf-8")
    for name, value in guard.SAID_ALWAYS.items():
        assert headers[name] == value
    assert "Cache-Control" in headers


def test_nothing_about_a_patient_stays_in_a_cache(client: Opens) -> None:
    nora = client("nora")
    assert nora.get("/").headers["Cache-Control"] == "no-store"
    assert nora.get("/static/app.css").headers["Cache-Control"] == "no-cache"


def test_over_https_the_browser_is_told_to_stay_there(
    client: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Strict-Transport-Security" not in client(None).get("/about").headers
    monkeypatch.setenv("VIGIL_ORIGIN", "https://vigil.example.org")
    settings.cache_clear()
    said = client(None).get("/about").headers["Strict-Transport-Security"]
    assert said == "max-age=31536000; includeSubDomains"


@pytest.mark.parametrize(
    ("origin", "policy"),
    [
        ("https://vigil.example.org", "no-referrer"),
        ("http://127.0.0.1:8000", "no-referrer"),
        ("http://[::1]:8000", "no-referrer"),
        # Browsers say nothing else there that would tell our own forms from another site's.
        ("http://ward.local:8000", "same-origin"),
    ],
)
def test_no_page_says_where_it_was_opened_from(
    client: Opens, monkeypatch: pytest.MonkeyPatch, origin: str, policy: str
) -> None:
    monkeypatch.setenv("VIGIL_ORIGIN", origin)
    settings.cache_clear()
    assert client(None).get("/about").headers["Referrer-Policy"] == policy


@pytest.mark.parametrize("path", ["/", "/about", "/live", "/api/v1/board", "/static/app.css"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_no_other_site_is_told_that_it_may_read(client: Opens, method: str, path: str) -> None:
    asked = {"Origin": THEIRS, "Access-Control-Request-Method": "POST"}
    answer = client(None).request(method, path, headers=asked)
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    assert THEIRS not in answer.text


def test_an_answer_never_leads_to_the_host_that_a_request_named(client: Opens) -> None:
    """No address is made from `Host`, and a stroke too many is another address."""
    for path in ("/about/", "/sign-in/", "/alerts/", "//elsewhere.example", "/stays/1"):
        answer = client(None).get(path, headers={"Host": "elsewhere.example"})
        assert "elsewhere" not in answer.headers.get("Location", "")


@pytest.mark.parametrize(
    ("listed", "sender", "believed"),
    [
        ("", "127.0.0.1", False),
        ("10.0.0.2", "10.0.0.2", True),
        ("10.0.0.2, 10.1.0.0/16", "10.1.7.7", True),
        ("10.0.0.2", "10.0.0.3", False),
        ("10.0.0.2", "127.0.0.1", False),
    ],
)
def test_only_a_named_proxy_says_who_asked(
    monkeypatch: pytest.MonkeyPatch, listed: str, sender: str, *, believed: bool
) -> None:
    monkeypatch.setenv("VIGIL_TRUSTED_PROXIES", listed)
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # the library's own setting opens nothing
    settings.cache_clear()
    asked: dict[str, Any] = {}
    monkeypatch.setattr(uvicorn, "run", lambda _app, **how: asked.update(how))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    serve.run()
    seen: list[Any] = []

    async def app(scope: Any, *_: Any) -> None:
        seen.append((scope["client"][0], scope["scheme"]))

    config = uvicorn.Config(app, interface="asgi3", lifespan="off", **asked)
    config.load()
    scope = _post("/sign-out") | {"client": (sender, 1), "scheme": "http"}
    scope["headers"] += [(b"x-forwarded-for", b"192.0.2.9"), (b"x-forwarded-proto", b"https")]
    asyncio.run(config.loaded_app(scope, None, None))
    assert seen == [("192.0.2.9", "https") if believed else (sender, "http")]


# --- How much ---


def test_a_body_of_more_than_a_mebibyte_is_refused(client: Opens) -> None:
    for size, status in ((guard.BODY_BYTES, 401), (guard.BODY_BYTES + 1, 413)):
        answer = client(None).post("/sign-out", content=b"x" * size)
        assert answer.status_code == status


def test_a_body_that_does_not_say_how_long_it_is_is_counted(client: Opens) -> None:
    def endless() -> Any:
        for _ in range(20):
            yield b"x" * 100_000

    answer = client(None).post("/sign-out", content=endless())
    assert answer.status_code == 413
    assert "Nothing was saved" in answer.text


def _post(path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"sec-fetch-site", b"same-origin")],
    }


def test_a_body_that_breaks_off_reaches_nobody() -> None:
    reached: list[Any] = []

    async def app(*_: Any) -> None:
        reached.append(1)

    messages: list[Message] = [
        {"type": "http.request", "body": b"dose_mg=1", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        reached.append(message)

    asyncio.run(guard.Guard(app)(_post("/stays/1/observations"), receive, send))
    assert reached == []


def test_what_never_ends_is_not_read_to_its_end() -> None:
    """A mebibyte and a little is kept in memory, and no more."""
    received = 0
    answered: list[Message] = []

    async def app(*_: Any) -> None:
        pytest.fail("it reached the application")

    async def receive() -> Message:
        nonlocal received
        received += 100_000
        return {"type": "http.request", "body": b"x" * 100_000, "more_body": True}

    async def send(message: Message) -> None:
        answered.append(message)

    asyncio.run(guard.Guard(app)(_post("/sign-out"), receive, send))
    assert answered[0]["status"] == 413
    assert received < guard.BODY_BYTES + 200_000


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/about?" + "x" * 5000, {}, 414),
        ("/about", {"X-Long": "x" * 17_000}, 431),
        ("/about", {f"X-{number}": "1" for number in range(120)}, 431),
    ],
)
def test_addresses_and_headers_have_an_end(
    client: Opens, path: str, headers: dict[str, str], status: int
) -> None:
    assert client(None).get(path, headers=headers).status_code == status


# --- What npm brought ---


def test_only_the_files_that_a_page_needs_are_served(client: Opens) -> None:
    nobody = client(None)
    assert "htmx" in nobody.get("/static/vendor/htmx.min.js").text
    for path in (
        "htmx.org/package.json",
        "htmx.org/dist/htmx.js",
        "../package.json",
        "%2e%2e/pyproject.toml",
        "",
    ):
        assert nobody.get(f"/static/vendor/{path}").status_code == 404


def test_nothing_outside_static_is_served(client: Opens) -> None:
    nobody = client(None)
    for path in ("../pyproject.toml", "%2e%2e/pyproject.toml", "..%2fpyproject.toml"):
        assert nobody.get(f"/static/{path}").status_code == 404
    assert (web.ROOT / "pyproject.toml").is_file()


def test_a_signed_in_person_is_needed_for_the_rest(ward: Ward, client: Opens) -> None:
    assert ward.unit.code == "lantern"
    assert client(None).get("/shift", headers={"HX-Request": "true"}).status_code == 401
