"""Passkeys: what a device signed, for this address, for this person, once."""

import hashlib
import json
import secrets
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import select
from sqlalchemy.orm import Session
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, encode_cbor

from backend.accounts.factors import queries as factor_queries
from backend.accounts.passkeys import queries, service
from backend.accounts.passkeys.models import Ceremony, Passkey, PasskeyChallenge
from backend.accounts.sign_in.models import ONE_FACTOR, TWO_FACTORS, SignIn
from backend.audit.models import AuditEntry
from backend.core import clock
from backend.core.errors import Conflict
from backend.core.settings import settings
from tests import people
from tests.accounts.test_factors import enrol as enrol_app
from tests.accounts.test_step_up import hidden
from tests.people import PASSWORD, Ward

Browser = Callable[[str | None], TestClient]
DOMAIN = "vigil.localhost"
ORIGIN = f"http://{DOMAIN}:8000"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@pytest.fixture(autouse=True)
def at_a_name(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Reached by a name: browsers make no passkey for a number."""
    monkeypatch.setenv("VIGIL_ORIGIN", ORIGIN)
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


@dataclass
class Device:
    """What a telephone or a key ring does, with every lie that it could tell."""

    counts: bool = True
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    count: int = 0
    owner: bytes = b""

    def _told(self, kind: str, challenge: str, origin: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": origin}).encode()

    def _data(self, flags: int, domain: str) -> bytes:
        self.count += self.counts
        return hashlib.sha256(domain.encode()).digest() + struct.pack(">BI", flags, self.count)

    def make(
        self, asked: dict[str, Any], *, origin: str = ORIGIN, domain: str = DOMAIN,
        flags: int = PRESENT | VERIFIED,
    ) -> str:  # fmt: skip
        """The answer to a question for a new key."""
        self.owner = base64url_to_bytes(asked["user"]["id"])
        point = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)}
        data = self._data(flags | ATTESTED, domain)
        data += bytes(16) + struct.pack(">H", len(self.id)) + self.id + encode_cbor(public)
        return self._answer(
            clientDataJSON=self._told("webauthn.create", asked["challenge"], origin),
            attestationObject=encode_cbor({"fmt": "none", "attStmt": {}, "authData": data}),
        )

    def show(
        self, asked: dict[str, Any], *, origin: str = ORIGIN, domain: str = DOMAIN,
        flags: int = PRESENT | VERIFIED, kind: str = "webauthn.get", owner: bytes | None = None,
    ) -> str:  # fmt: skip
        """The answer to a question who it is."""
        told = self._told(kind, asked["challenge"], origin)
        data = self._data(flags, domain)
        signed = self.key.sign(data + hashlib.sha256(told).digest(), ec.ECDSA(SHA256()))
        return self._answer(
            clientDataJSON=told,
            authenticatorData=data,
            signature=signed,
            userHandle=self.owner if owner is None else owner,
        )

    def _answer(self, **parts: bytes) -> str:
        number = bytes_to_base64url(self.id)
        response = {name: bytes_to_base64url(part) for name, part in parts.items()}
        told = {"id": number, "rawId": number, "type": "public-key", "response": response}
        return json.dumps(told)


def at_keys(
    client: Browser, session: Session, ward: Ward, name: str = "nora", **how: Any
) -> TestClient:
    """A browser in which this person is signed in."""
    browser = client(None)
    token = people.sign_in(session, ward.staff[name], **how)
    browser.cookies.set("vigil", token, domain=DOMAIN)
    return browser


def whole(client: Browser, session: Session, ward: Ward, name: str = "nora") -> TestClient:
    """The same, of somebody who has just proved who they are."""
    return at_keys(client, session, ward, name, stepped_up=True)


def add(browser: TestClient, device: Device, name: str = "my telephone", **lies: Any) -> Response:
    form = hidden(browser.get("/account/passkeys/new").text) | {"name": name}
    asked = browser.post("/account/passkeys/begin").json()
    return browser.post("/account/passkeys", data=form | {"answer": device.make(asked, **lies)})


def question(browser: TestClient) -> dict[str, Any]:
    return dict(browser.post("/sign-in/passkey/begin").json())


def come(browser: TestClient, device: Device, **lies: Any) -> Response:
    answer = device.show(question(browser), **lies)
    return browser.post("/sign-in/passkey", data={"answer": answer})


@pytest.fixture
def device(client: Browser, session: Session, ward: Ward) -> Device:
    """nora's."""
    made = Device()
    assert add(whole(client, session, ward), made).status_code == 200
    return made


def test_one_touch_opens_the_board_as_two_factors(
    client: Browser, device: Device, session: Session, ward: Ward
) -> None:
    browser = client(None)
    asked = question(browser)
    assert asked["userVerification"] == "required"
    assert asked["rpId"] == DOMAIN
    assert not asked.get("allowCredentials")
    came = browser.post("/sign-in/passkey", data={"answer": device.show(asked), "to": "/alerts"})
    assert (came.status_code, came.headers["location"]) == (303, "/alerts")
    assert browser.get("/alerts").status_code == 200
    row = session.scalars(select(SignIn).order_by(SignIn.id.desc())).first()
    assert row is not None
    assert (row.staff_id, row.assurance) == (ward.staff["nora"].id, TWO_FACTORS)
    assert row.stepped_up_until is None


LIES: dict[str, dict[str, Any]] = {
    "made for another origin": {"origin": "https://vigil.example.com"},
    "made for another port": {"origin": f"http://{DOMAIN}:9000"},
    "signed for another name": {"domain": "example.com"},
    "nobody was verified": {"flags": PRESENT},
    "nobody was there": {"flags": VERIFIED},
}


@pytest.mark.parametrize("lie", LIES)
def test_what_was_signed_for_something_else_opens_nothing(
    client: Browser, device: Device, lie: str
) -> None:
    browser = client(None)
    refused = come(browser, device, **LIES[lie])
    assert refused.status_code == 401
    assert "No passkey of anybody here" in refused.text
    assert "vigil" not in browser.cookies
    assert come(browser, device).status_code == 303


@pytest.mark.parametrize("lie", LIES)
def test_a_key_that_was_made_for_something_else_is_not_kept(
    client: Browser, session: Session, ward: Ward, lie: str
) -> None:
    refused = add(whole(client, session, ward), Device(), "my <key>", **LIES[lie])
    assert refused.status_code == 422
    assert 'value="my &lt;key&gt;"' in refused.text
    assert session.scalars(select(Passkey)).all() == []


def test_an_answer_is_used_once(client: Browser, device: Device) -> None:
    browser, thief = client(None), client(None)
    answer = device.show(question(browser))
    assert browser.post("/sign-in/passkey", data={"answer": answer}).status_code == 303
    assert thief.post("/sign-in/passkey", data={"answer": answer}).status_code == 401


def test_a_challenge_is_used_once_even_by_a_wrong_answer(client: Browser, device: Device) -> None:
    browser = client(None)
    asked = question(browser)
    wrong = device.show(asked, flags=PRESENT)
    assert browser.post("/sign-in/passkey", data={"answer": wrong}).status_code == 401
    right = device.show(asked)
    assert browser.post("/sign-in/passkey", data={"answer": right}).status_code == 401


def test_a_challenge_lasts_five_minutes_and_is_ours(
    client: Browser, device: Device, session: Session
) -> None:
    browser = client(None)
    asked = question(browser)
    with time_machine.travel(clock.now() + timedelta(minutes=5, seconds=1)):
        late = browser.post("/sign-in/passkey", data={"answer": device.show(asked)})
        assert late.status_code == 401
        question(browser)
        assert len(session.scalars(select(PasskeyChallenge)).all()) == 1  # the old are swept
    own = asked | {"challenge": bytes_to_base64url(secrets.token_bytes(32))}
    refused = browser.post("/sign-in/passkey", data={"answer": device.show(own)})
    assert refused.status_code == 401


def test_a_challenge_of_one_ceremony_is_worth_nothing_in_another(
    client: Browser, device: Device, session: Session, ward: Ward
) -> None:
    nora = at_keys(client, session, ward)
    answer = device.show(nora.post("/step-up/passkey/begin").json())
    assert client(None).post("/sign-in/passkey", data={"answer": answer}).status_code == 401
    answer = device.show(question(nora))
    assert nora.post("/step-up/passkey", data={"answer": answer}).status_code == 403
    answer = device.show(question(nora), kind="webauthn.create")
    assert nora.post("/sign-in/passkey", data={"answer": answer}).status_code == 401


def test_a_copy_that_lags_behind_opens_nothing(client: Browser, device: Device) -> None:
    copy = Device(key=device.key, id=device.id, count=device.count, owner=device.owner)
    assert come(client(None), device).status_code == 303
    assert come(client(None), copy).status_code == 401
    assert come(client(None), device).status_code == 303


def test_a_key_that_does_not_count_opens_each_time(
    client: Browser, session: Session, ward: Ward
) -> None:
    device = Device(counts=False)
    add(whole(client, session, ward), device)
    assert [come(client(None), device).status_code for _ in range(2)] == [303, 303]


def test_a_key_signs_in_its_owner_and_nobody_else(
    client: Browser, device: Device, session: Session, ward: Ward
) -> None:
    chens = Device()
    add(whole(client, session, ward, "chen"), chens)
    assert come(client(None), chens, owner=device.owner).status_code == 401
    assert come(client(None), device, owner=b"").status_code == 401
    forged = Device(id=device.id, owner=device.owner, count=99)
    assert come(client(None), forged).status_code == 401
    # Nor does it prove another person at their own keys.
    nora = at_keys(client, session, ward)
    asked = nora.post("/step-up/passkey/begin").json()
    assert [one["id"] for one in asked["allowCredentials"]] == [bytes_to_base64url(device.id)]
    refused = nora.post("/step-up/passkey", data={"answer": chens.show(asked)})
    assert refused.status_code == 403
    # Nor is a question that was put to one person answered by another.
    asked = at_keys(client, session, ward, "chen").post("/step-up/passkey/begin").json()
    assert nora.post("/step-up/passkey", data={"answer": device.show(asked)}).status_code == 403


def test_a_touch_proves_once_more_who_is_at_the_keys(
    client: Browser, device: Device, session: Session, ward: Ward
) -> None:
    nora = at_keys(client, session, ward)
    assert nora.get("/account/password").headers["location"].startswith("/step-up")
    assert 'data-passkey="/step-up/passkey/begin"' in nora.get("/step-up").text
    assert "data-passkey=" not in at_keys(client, session, ward, "chen").get("/step-up").text
    before = nora.cookies["vigil"]
    answer = device.show(nora.post("/step-up/passkey/begin").json())
    form = {"answer": answer, "to": "/account/password"}
    proved = nora.post("/step-up/passkey", data=form)
    assert proved.headers["location"] == "/account/password"
    assert nora.cookies["vigil"] != before
    assert nora.get("/account/password").status_code == 200
    # A refused form comes back with all that it held.
    kept = {"to": "/careful", "again": "true", "kept": "note=seen+at+2"}
    again = nora.post("/step-up/passkey", data=kept | {"answer": answer})
    assert again.status_code == 403
    assert hidden(again.text)["kept"] == "note=seen+at+2"


def test_a_key_is_added_and_removed_only_after_a_fresh_proof(
    client: Browser, device: Device, session: Session, ward: Ward
) -> None:
    assert device.owner
    nora = at_keys(client, session, ward)
    assert nora.get("/account/passkeys/new").headers["location"].startswith("/step-up")
    assert nora.post("/account/passkeys/begin").status_code == 403
    page = hidden(nora.get("/account").text)
    form = {name: page[name] for name in ("key", "opened_by", "opened_in", "passkey_id")}
    assert nora.post("/account/passkeys/remove", data=form).status_code == 403
    assert len(queries.of(session, ward.staff["nora"].id)) == 1


def test_a_removed_key_opens_nothing_and_the_last_proof_stays(
    client: Browser, device: Device, session: Session, ward: Ward
) -> None:
    browser, second = whole(client, session, ward), Device()

    def remove(row: Passkey) -> Response:
        page = hidden(browser.get("/account").text)
        form = {name: page[name] for name in ("key", "opened_by", "opened_in")}
        return browser.post("/account/passkeys/remove", data=form | {"passkey_id": row.id})

    (first,) = queries.of(session, ward.staff["nora"].id)
    assert remove(first).status_code == 409
    assert come(client(None), device).status_code == 303
    added = add(browser, second, "key ring")
    assert added.headers["location"] == "/account"
    page = browser.get("/account").text
    assert "my telephone" in page
    assert "key ring" in page
    assert remove(first).status_code == 303
    assert come(client(None), device).status_code == 401
    assert come(client(None), second).status_code == 303
    assert remove(first).status_code == 404
    chen = whole(client, session, ward, "chen")
    form = hidden(chen.get("/account/passkeys/new").text)
    (other,) = queries.of(session, ward.staff["nora"].id)
    del form["answer"]
    theirs = chen.post("/account/passkeys/remove", data=form | {"passkey_id": other.id})
    assert theirs.status_code == 404
    told = session.scalars(select(AuditEntry.action)).all()
    assert {"factor.passkey_enrolled", "factor.passkey_removed"} <= set(told)


def test_with_an_app_the_last_key_may_go(
    client: Browser, device: Device, session: Session, ward: Ward
) -> None:
    enrol_app(session, ward.staff["nora"])
    browser = whole(client, session, ward)
    page = hidden(browser.get("/account").text)
    form = {name: page[name] for name in ("key", "opened_by", "opened_in", "passkey_id")}
    assert browser.post("/account/passkeys/remove", data=form).status_code == 303
    assert come(client(None), device).status_code == 401


def test_whoever_was_let_go_has_no_key(
    client: Browser, device: Device, session: Session, ward: Ward
) -> None:
    ward.staff["nora"].disabled_at = clock.now()
    session.flush()
    assert come(client(None), device).status_code == 401


def test_a_passkey_is_a_second_factor_from_the_first_day(
    client: Browser, session: Session, ward: Ward
) -> None:
    """Set up in place of an app, with recovery codes; then the password alone opens nothing."""
    browser, device = at_keys(client, session, ward, assurance=ONE_FACTOR), Device()
    done = add(browser, device)
    assert "Recovery codes" in done.text
    assert browser.get("/").status_code == 200
    assert factor_queries.any_of(session, ward.staff["nora"].id)
    later = client(None)
    first = later.post("/sign-in", data={"login_name": "nora", "password": PASSWORD})
    assert first.headers["location"].startswith("/sign-in/code")
    page = later.get("/sign-in/code").text
    assert 'data-passkey="/sign-in/passkey/begin"' in page
    assert "A recovery code" in page
    assert later.post("/account/passkeys/begin").status_code == 403
    assert come(later, device).status_code == 303
    assert later.get("/").status_code == 200


def test_a_key_needs_a_name_and_is_kept_once(
    client: Browser, device: Device, session: Session, ward: Ward
) -> None:
    browser = whole(client, session, ward)
    assert "Give the passkey a name" in add(browser, Device(), " ").text
    again = Device(key=device.key, id=device.id)
    assert add(browser, again).status_code == 422
    assert len(queries.of(session, ward.staff["nora"].id)) == 1


PARTS = '"authenticatorData":"AA","signature":"AA","userHandle":"AA"'
STARTS = '{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":'
NONSENSE = {
    "nothing": "",
    "a word": "x",
    "null": "null",
    "a list": "[]",
    "an empty object": "{}",
    "a number for a name": '{"id": 1}',
    "no number": "NaN",
    "lists in lists": "[" * 15_000,
    "objects in objects": '{"a":' * 3_000,
    "bytes that say nothing": STARTS + '"AA",' + PARTS + "}}",
    "no bytes": STARTS + "null," + PARTS + "}}",
    "half a letter": STARTS.replace("AA", "\\ud800") + '"%%",' + PARTS + "}}",
    "numbers for words": STARTS
    + '"eyJ0eXBlIjoxLCJjaGFsbGVuZ2UiOjEsIm9yaWdpbiI6MX0",'
    + PARTS
    + "}}",
}


@pytest.mark.parametrize("nonsense", list(NONSENSE.values()), ids=list(NONSENSE))
def test_nonsense_is_refused_in_a_sentence(
    client: Browser, session: Session, ward: Ward, nonsense: str
) -> None:
    assert client(None).post("/sign-in/passkey", data={"answer": nonsense}).status_code == 401
    nora = at_keys(client, session, ward)
    assert nora.post("/step-up/passkey", data={"answer": nonsense}).status_code == 403
    browser = whole(client, session, ward)
    form = hidden(browser.get("/account/passkeys/new").text) | {"name": "mine"}
    assert browser.post("/account/passkeys", data=form | {"answer": nonsense}).status_code == 422


def test_at_a_number_there_are_none_and_the_pages_say_so(
    client: Browser, session: Session, ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    for origin in ("http://127.0.0.1:8000", "http://vigil.example.org", "https://10.0.0.7"):
        monkeypatch.setenv("VIGIL_ORIGIN", origin)
        settings.cache_clear()
        assert settings().passkey_domain is None
    monkeypatch.setenv("VIGIL_ORIGIN", "http://127.0.0.1:8000")
    settings.cache_clear()
    assert "data-passkey=" not in client(None).get("/sign-in").text
    refused = client(None).post("/sign-in/passkey/begin")
    assert (refused.status_code, "by a name" in refused.json()["refusal"]) == (404, True)
    browser = client(None)
    browser.cookies.set("vigil", people.sign_in(session, ward.staff["nora"], stepped_up=True))
    assert "passkeys need Vigil to be reached by a name" in browser.get("/account").text
    assert browser.get("/account/passkeys/new").status_code == 404


def test_a_challenge_is_for_one_thing_and_one_sign_in_and_one_answer(
    session: Session, ward: Ward
) -> None:
    now = clock.now()
    people.sign_in(session, ward.staff["nora"])
    mine = session.scalars(select(SignIn.id).order_by(SignIn.id.desc())).first()
    asked = service._challenge(session, Ceremony.ENROL, mine, now)  # noqa: SLF001
    told = json.dumps(
        {
            "type": "webauthn.get",
            "challenge": bytes_to_base64url(asked),
            "origin": settings().public_origin,
        }
    ).encode()

    def answered(ceremony: Ceremony, sign_in_id: int | None) -> bytes | None:
        return service._spent(session, told, ceremony, sign_in_id, now)  # noqa: SLF001

    assert answered(Ceremony.STEP_UP, mine) is None
    assert answered(Ceremony.ENROL, None) is None
    assert answered(Ceremony.ENROL, mine) == asked
    assert answered(Ceremony.ENROL, mine) is None


def test_of_two_answers_at_one_count_the_database_lets_one_through(
    session: Session, ward: Ward
) -> None:
    now = clock.now()
    key = Passkey(
        staff_id=ward.staff["nora"].id,
        name="Ring",
        credential_id=b"c",
        public_key=b"k",
        sign_count=4,
        made_at=now,
    )
    session.add(key)
    session.flush()

    def used(count: int) -> bool:
        return service._used(session, key, count, now)  # noqa: SLF001

    assert [used(5), used(5), used(4), used(0), used(6)] == [True, False, False, False, True]
    key.removed_at = now
    session.flush()
    assert not used(7)


def test_nobody_collects_more_than_ten_keys(session: Session, ward: Ward) -> None:
    now, nora = clock.now(), ward.staff["nora"]
    people.sign_in(session, nora)
    mine = session.scalars(select(SignIn.id).order_by(SignIn.id.desc())).first() or 0
    for number in range(10):
        assert service.ask_for_new(session, nora, mine, now=now)
        session.add(
            Passkey(
                staff_id=nora.id,
                name=f"Key {number}",
                credential_id=bytes([number]),
                public_key=b"k",
                sign_count=0,
                made_at=now,
            )
        )
        session.flush()
    with pytest.raises(Conflict, match="You have 10 passkeys"):
        service.ask_for_new(session, nora, mine, now=now)
