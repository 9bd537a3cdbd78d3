"""What signs somebody in: closed to other sites, new each time, refused when in doubt."""

import re
from collections.abc import Callable
from http.cookies import SimpleCookie

import pytest
from fastapi.testclient import TestClient
from structlog.testing import capture_logs

from backend.core.settings import settings
from tests.people import PASSWORD

Opens = Callable[[str | None], TestClient]
SENT = {"login_name": "nora", "password": PASSWORD}


@pytest.fixture(autouse=True)
def settings_as_they_were(monkeypatch: pytest.MonkeyPatch) -> object:
    yield monkeypatch
    settings.cache_clear()


def test_over_https_every_cookie_that_signs_in_is_closed_to_others(
    client: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIL_ORIGIN", "https://vigil.example.org")
    settings.cache_clear()
    answer = client(None).post("/sign-in", data=SENT)
    assert answer.status_code == 303
    set_here = answer.headers.get_list("Set-Cookie")
    assert set_here
    for line in set_here:
        ((name, cookie),) = SimpleCookie(line).items()
        assert name.startswith("__Host-")
        assert cookie["secure"] is True
        assert cookie["httponly"] is True
        assert cookie["samesite"].lower() in {"lax", "strict"}
        assert cookie["path"] == "/"
        assert cookie["domain"] == ""


def test_signing_in_makes_a_token_that_nobody_knew(client: Opens) -> None:
    """A cookie that was planted beforehand signs nobody in, before and after."""
    nobody = client(None)
    planted = "x" * 43
    nobody.cookies.set("vigil", planted)
    first = nobody.post("/sign-in", data=SENT)
    second = nobody.post("/sign-in", data=SENT)
    tokens = [re.search(r"vigil=([^;]+)", one.headers["Set-Cookie"]) for one in (first, second)]
    values = {found[1] for found in tokens if found}
    assert len(values) == 2
    assert planted not in values
    assert all(len(value) >= 43 for value in values)  # 256 bits
    other = client(None)
    other.cookies.set("vigil", planted)
    assert other.get("/").status_code == 303


@pytest.mark.parametrize(
    "to",
    [
        "//elsewhere.example",
        "https:elsewhere.example",
        "\\\\elsewhere.example",
        "/\\elsewhere.example",
        "https://elsewhere.example",
        "javascript:alert(1)",
        "/a\r\nX-Header: 1",
        " //elsewhere.example",
    ],
)
def test_signing_in_never_leads_elsewhere(client: Opens, to: str) -> None:
    answer = client(None).post("/sign-in", data=SENT | {"to": to})
    assert answer.status_code == 303
    place = answer.headers["Location"]
    assert place.startswith("/")
    assert not place.startswith(("//", "/\\"))
    assert "elsewhere" not in place.partition("?")[0]
    assert "X-Header" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/alerts", "/reports", "/admit"])
def test_a_check_that_breaks_lets_nobody_in(
    client: Opens, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    from backend.accounts.permissions import ALLOWED  # noqa: PLC0415 (broken here on purpose)

    nora = client("nora")
    assert nora.get(path).status_code == 200
    for role in list(ALLOWED):
        monkeypatch.delitem(ALLOWED, role)
    with capture_logs():
        answer = nora.get(path)
    assert answer.status_code in {403, 500}
    assert "Pennywhistle" not in answer.text
