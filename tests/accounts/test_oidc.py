"""The hospital's sign-in: believed only where every word of it is checked, and only once."""

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.oidc import service
from backend.accounts.oidc.models import HospitalIdentity
from backend.accounts.sign_in.models import SignIn
from backend.core import clock
from backend.core.settings import settings
from tests import people
from tests.accounts.test_factors import enrol
from tests.accounts.test_step_up import hidden
from tests.people import Ward

Browser = Callable[[str | None], TestClient]
CLIENT, SECRET = "vigil-at-lantern", "shared with the provider"
KEY = ECKey.generate_key("P-256", {"kid": "one", "use": "sig"}, private=True)
STRANGERS = ECKey.generate_key("P-256", {"kid": "one", "use": "sig"}, private=True)


class Provider:
    """A hospital's provider on this machine. What it signs next can be bent."""

    def __init__(self, address: str) -> None:
        self.address = self.says_it_is = address
        self.challenge = self.nonce = ""
        self.claims: dict[str, Any] = {}
        self.forge: Callable[[dict[str, Any]], str] | None = None
        self.asked: list[dict[str, str]] = []

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, object]:
        if path == "/.well-known/openid-configuration":
            return 200, {
                "issuer": self.says_it_is,
                "authorization_endpoint": f"{self.address}/authorize",
                "token_endpoint": f"{self.address}/token",
                "jwks_uri": f"{self.address}/keys",
            }
        if path == "/keys":
            return 200, {"keys": [KEY.as_dict(private=False)]}
        self.asked.append(form)
        verifier = form.get("code_verifier", "").encode()
        made = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).rstrip(b"=").decode()
        if made != self.challenge or form.get("code") != "a-code":
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": self.signed()}

    def signed(self) -> str:
        now = int(clock.now().timestamp())
        claims = {
            "iss": self.address,
            "aud": CLIENT,
            "sub": "nora-at-the-hospital",
            "nonce": self.nonce,
            "iat": now,
            "exp": now + 300,
        }
        claims = {k: v for k, v in (claims | self.claims).items() if v is not None}
        if self.forge:
            return self.forge(claims)
        return jwt.encode({"alg": "ES256", "kid": "one"}, claims, KEY, algorithms=["ES256"])


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._speak({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._speak(dict(parse_qsl(body)))

        def _speak(self, form: dict[str, str]) -> None:
            status, body = made.answer(self.path, form)
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Provider(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("VIGIL_OIDC_ISSUER", made.address)
        monkeypatch.setenv("VIGIL_OIDC_CLIENT_ID", CLIENT)
        monkeypatch.setenv("VIGIL_OIDC_CLIENT_SECRET", SECRET)
        settings.cache_clear()
        yield made
        monkeypatch.undo()
        settings.cache_clear()
        server.shutdown()


@pytest.fixture
def linked(session: Session, ward: Ward, provider: Provider) -> None:
    nora = ward.staff["nora"].id
    subject = "nora-at-the-hospital"
    service.link(session, nora, issuer=provider.address, subject=subject, now=clock.now())


def out(browser: TestClient, provider: Provider, path: str = "/sign-in/hospital") -> dict[str, str]:
    """Set out; the provider notes what it must sign and what must be proved to it."""
    answer = browser.get(path)
    assert answer.status_code == 303, answer.text
    asked = {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    assert answer.headers["location"].startswith(f"{provider.address}/authorize?")
    provider.nonce, provider.challenge = asked["nonce"], asked["code_challenge"]
    return asked


def back(browser: TestClient, asked: dict[str, str], **more: str) -> Any:
    params = {"state": asked["state"], "code": "a-code"} | more
    return browser.get("/sign-in/hospital/back", params=params)


def come(browser: TestClient, provider: Provider) -> Any:
    return back(browser, out(browser, provider))


@pytest.mark.usefixtures("linked")
def test_with_two_factors_at_the_hospital_the_board_opens(
    client: Browser, provider: Provider, session: Session
) -> None:
    provider.claims = {"amr": ["pwd", "mfa"]}
    browser = client(None)
    asked = out(browser, provider)
    assert asked["code_challenge_method"] == "S256"
    assert asked["response_type"] == "code"
    assert asked["scope"] == "openid"
    assert len(asked["state"]) >= 43
    assert len(asked["nonce"]) >= 43
    assert back(browser, asked).headers["location"] == "/"
    assert browser.get("/").status_code == 200
    assert session.scalars(select(SignIn)).one().assurance == 2
    assert SECRET not in json.dumps(provider.asked)


@pytest.mark.usefixtures("linked")
@pytest.mark.parametrize(
    "claims", [{}, {"amr": ["pwd"]}, {"amr": "mfa"}, {"amr": [["mfa"]]}, {"acr": "1"}]
)
def test_with_one_factor_at_the_hospital_the_second_is_asked_for_here(
    client: Browser, provider: Provider, session: Session, ward: Ward, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    browser = client(None)
    assert come(browser, provider).headers["location"] == "/account"
    assert browser.get("/").headers["location"].startswith("/account")
    enrol(session, ward.staff["nora"])
    browser = client(None)
    assert come(browser, provider).headers["location"] == "/sign-in/code"
    assert session.scalars(select(SignIn.assurance)).all() == [1, 1]


def _none(claims: dict[str, Any]) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none'})}.{part(claims)}."


def _embedded(claims: dict[str, Any]) -> str:
    header = {"alg": "ES256", "kid": "one", "jwk": STRANGERS.as_dict(private=False)}
    return jwt.encode(header, claims, STRANGERS, algorithms=["ES256"])


def _embedded_without_kid(claims: dict[str, Any]) -> str:
    header = {"alg": "ES256", "jwk": STRANGERS.as_dict(private=False)}
    return jwt.encode(header, claims, STRANGERS, algorithms=["ES256"])


def _shared_key(claims: dict[str, Any]) -> str:
    key = OctKey.import_key(json.dumps(KEY.as_dict(private=False)))
    return jwt.encode({"alg": "HS256", "kid": "one"}, claims, key, algorithms=["HS256"])


def _crit(claims: dict[str, Any]) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    header = {"alg": "ES256", "kid": "one", "crit": ["bork"], "bork": True}
    signed = f"{part(header)}.{part(claims)}"
    r, s = utils.decode_dss_signature(
        KEY.private_key.sign(signed.encode(), ec.ECDSA(SHA256()))  # type: ignore[union-attr]
    )
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return f"{signed}.{base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}"


@pytest.mark.usefixtures("linked")
@pytest.mark.parametrize(
    "forge",
    [
        _none,
        _embedded,
        _embedded_without_kid,
        _shared_key,
        _crit,
        lambda _: "",
        lambda _: "a.b.c",
        lambda claims: _embedded(claims)[:-4],
    ],
    ids=["none", "jwk", "jwk without kid", "shared", "crit", "empty", "noise", "cut"],
)
def test_a_forged_statement_opens_nothing(
    client: Browser, provider: Provider, session: Session, forge: Callable[[dict[str, Any]], str]
) -> None:
    provider.forge, provider.claims = forge, {"amr": ["mfa"]}
    browser = client(None)
    assert come(browser, provider).status_code == 403
    assert session.scalars(select(SignIn)).all() == []
    provider.forge = None
    assert come(browser, provider).status_code == 303  # the same way in, with a true statement


@pytest.mark.usefixtures("linked")
@pytest.mark.parametrize(
    "bent",
    [
        {"aud": "another"},
        {"aud": [CLIENT, "another"]},
        {"aud": []},
        {"aud": None},
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"nonce": "an-older-one"},
        {"nonce": None},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"exp": "soon"},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": ["nora-at-the-hospital"]},
        {"sub": "nul\x00"},
    ],
    ids=str,
)
def test_a_statement_that_is_not_for_us_now_opens_nothing(
    client: Browser, provider: Provider, session: Session, bent: dict[str, Any]
) -> None:
    provider.claims = {"amr": ["mfa"]} | bent
    assert come(client(None), provider).status_code == 403
    assert session.scalars(select(SignIn)).all() == []


@pytest.mark.usefixtures("linked")
def test_the_nonce_of_another_way_in_opens_nothing(client: Browser, provider: Provider) -> None:
    browser = client(None)
    out(browser, provider)
    old = provider.nonce
    asked = out(browser, provider)
    provider.nonce = old
    assert back(browser, asked).status_code == 403


@pytest.mark.usefixtures("linked")
def test_a_return_is_used_once(client: Browser, provider: Provider, session: Session) -> None:
    provider.claims = {"amr": ["mfa"]}
    browser = client(None)
    asked = out(browser, provider)
    sealed = browser.cookies["vigil-out"]
    assert back(browser, asked).status_code == 303
    assert "vigil-out" not in browser.cookies
    thief = client(None)
    thief.cookies.set("vigil-out", sealed)
    again = back(thief, asked)
    assert again.status_code == 403
    assert "used already" in again.text
    assert len(session.scalars(select(SignIn)).all()) == 1


@pytest.mark.usefixtures("linked")
def test_a_return_belongs_to_the_browser_that_set_out(client: Browser, provider: Provider) -> None:
    """Nobody is signed in as somebody else by a link that they were sent."""
    asked = out(client(None), provider)
    assert back(client(None), asked).status_code == 403
    other = client(None)
    out(other, provider)
    assert back(other, asked).status_code == 403
    for state in ("", "x", "é" * 40):
        assert back(other, asked | {"state": state}).status_code == 403
    noise = client(None)
    noise.cookies.set("vigil-out", "bm9pc2U=")
    assert back(noise, asked).status_code == 403


@pytest.mark.usefixtures("linked")
def test_a_way_in_lasts_ten_minutes_and_needs_a_code_that_the_provider_takes(
    client: Browser, provider: Provider
) -> None:
    browser = client(None)
    asked = out(browser, provider)
    assert back(browser, asked, code="").status_code == 403
    assert back(browser, asked, code="another").status_code == 403
    with time_machine.travel(clock.now() + timedelta(minutes=11), tick=False):
        assert back(browser, asked).status_code == 403


@pytest.mark.usefixtures("linked")
def test_another_provider_at_the_address_is_not_believed(
    client: Browser, provider: Provider
) -> None:
    provider.says_it_is = "https://elsewhere.example"
    assert client(None).get("/sign-in/hospital").status_code == 403


def test_nobody_is_made_from_what_a_provider_says(
    client: Browser, provider: Provider, session: Session, ward: Ward
) -> None:
    provider.claims = {"amr": ["mfa"], "sub": "nora", "email": "nora@hospital.example"}
    answer = come(client(None), provider)
    assert answer.status_code == 403
    assert "No account here is linked" in answer.text
    nora = ward.staff["dana"].id
    service.link(session, nora, issuer=provider.address, subject="nora", now=clock.now())
    assert come(client(None), provider).status_code == 403  # dana was let go
    assert session.scalars(select(SignIn)).all() == []


def test_one_links_ones_own_account_after_a_fresh_proof(
    client: Browser, provider: Provider, session: Session, ward: Ward
) -> None:
    assert client("nora").get("/account/hospital").headers["location"].startswith("/step-up")
    browser = client(None)
    browser.cookies.set("vigil", people.sign_in(session, ward.staff["nora"], stepped_up=True))
    asked = out(browser, provider, "/account/hospital")
    assert back(browser, asked).headers["location"] == "/account"
    page = browser.get("/account").text
    assert "Linked" in page
    provider.claims = {"amr": ["mfa"]}
    assert come(client(None), provider).headers["location"] == "/"
    # Another person here cannot take the same hospital account.
    chen = client(None)
    chen.cookies.set("vigil", people.sign_in(session, ward.staff["chen"], stepped_up=True))
    assert back(chen, out(chen, provider, "/account/hospital")).status_code == 409
    form = {k: v for k, v in hidden(page).items() if k in {"key", "opened_by", "opened_in"}}
    assert browser.post("/account/hospital/unlink", data=form).status_code == 303
    assert come(client(None), provider).status_code == 403


def test_what_one_set_out_to_link_is_not_linked_to_who_signed_in_meanwhile(
    client: Browser, provider: Provider, session: Session, ward: Ward
) -> None:
    browser = client(None)
    browser.cookies.set("vigil", people.sign_in(session, ward.staff["nora"], stepped_up=True))
    asked = out(browser, provider, "/account/hospital")
    browser.cookies.set("vigil", people.sign_in(session, ward.staff["chen"]))
    assert back(browser, asked).status_code == 403
    assert session.scalars(select(HospitalIdentity)).all() == []


def test_without_a_provider_there_is_no_such_way(client: Browser) -> None:
    assert client(None).get("/sign-in/hospital").status_code == 404
    assert "hospital" not in client(None).get("/sign-in").text
    assert back(client(None), {"state": "x"}).status_code == 403


def test_a_provider_that_is_away_says_so(
    client: Browser, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert provider
    monkeypatch.setenv("VIGIL_OIDC_ISSUER", "http://127.0.0.1:9")
    settings.cache_clear()
    answer = client(None).get("/sign-in/hospital")
    assert answer.status_code == 503
    assert "password meanwhile" in answer.text


@pytest.mark.parametrize("issuer", ["http://id.hospital.example", "id.hospital.example", "ftp://x"])
def test_a_provider_without_tls_is_refused(monkeypatch: pytest.MonkeyPatch, issuer: str) -> None:
    monkeypatch.setenv("VIGIL_OIDC_ISSUER", issuer)
    settings.cache_clear()
    try:
        with pytest.raises(SystemExit, match="VIGIL_OIDC_ISSUER"):
            settings()
    finally:
        monkeypatch.undo()
        settings.cache_clear()
