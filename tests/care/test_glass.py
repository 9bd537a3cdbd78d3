"""Break-glass: one record, to read, for an hour, told at once and reviewed by somebody else."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.accounts.permissions import ALLOWED, MACHINES, Permission
from backend.accounts.sign_in.models import SignIn
from backend.accounts.staff import service as staff
from backend.accounts.staff.models import Staff
from backend.audit.models import AuditEntry
from backend.care.glass import service as broken
from backend.care.glass.models import Glass, GlassEnd, GlassReason, GlassReview, Outcome
from backend.core import clock, live
from backend.core.errors import Conflict
from backend.patients.models import Patient
from backend.stays.models import Stay
from tests import build, people
from tests.care import build as care
from tests.people import PEOPLE, Ward

Browser = Callable[[str | None], TestClient]
MINUTES_60, SECOND = timedelta(minutes=60), timedelta(seconds=1)
WORDS = "Found without pulse <b>&"


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    return build.stay(session, ward, bed="7")


def _form(ward: Ward, who: str, **fields: object) -> dict[str, Any]:
    return {
        "key": str(uuid4()),
        **people.opens(ward.staff[who]),
        "unit_id": ward.unit.id,
        "where": "7",
        "reason": "this patient is in danger",
        "words": WORDS,
    } | fields


def _break(session: Session, ward: Ward, client: Browser, who: str, **fields: object) -> TestClient:
    """Somebody with the glass of bed 7 broken."""
    browser = client(who)
    care.stepped_up(session)
    answer = browser.post("/glass", data=_form(ward, who, **fields))
    assert answer.status_code == 303, answer.text
    return browser


def _newest(session: Session) -> Glass:
    return session.scalars(select(Glass).order_by(Glass.id.desc())).first() or pytest.fail("none")


def _entries(session: Session, who: int, action: str) -> list[AuditEntry]:
    wanted = select(AuditEntry).where(AuditEntry.actor_id == who, AuditEntry.action == action)
    return list(session.scalars(wanted.order_by(AuditEntry.id)))


PERSONS = [name for name, role in PEOPLE.items() if role not in MACHINES and name != "dana"]


@pytest.mark.parametrize("broken", [True, False])
@pytest.mark.parametrize("who", PERSONS)
def test_who_reads_the_record(
    session: Session, ward: Ward, client: Browser, stay: Stay, who: str, *, broken: bool
) -> None:
    """The truth table: role and unit × broken or whole."""
    role = PEOPLE[who]
    path = f"/stays/{stay.id}"
    has_right = who != "olga" and Permission.SEE_CHART in ALLOWED[role]
    browser = client(who)
    if broken:
        care.stepped_up(session)
        answer = browser.post("/glass", data=_form(ward, who))
        assert answer.status_code == (409 if has_right else 303), answer.text
    expected = 200 if has_right or broken else 404 if who == "olga" else 403
    for part in ("", "/chart", "/course"):
        answer = browser.get(path + part)
        assert answer.status_code == expected
        # The name stands in the title of the whole page.
        assert ("Pennywhistle" in answer.text) is (expected == 200 and not part)
    assert len(_entries(session, ward.staff[who].id, "glass.used")) == (
        3 if broken and not has_right else 0
    )


@pytest.mark.parametrize("who", ["ada", "olga"])
def test_the_glass_is_whole_again_after_sixty_minutes(
    session: Session, ward: Ward, client: Browser, stay: Stay, who: str
) -> None:
    browser = _break(session, ward, client, who)
    opened_at = _newest(session).opened_at
    for at, status in (
        (opened_at + MINUTES_60 - SECOND, 200),
        (opened_at + MINUTES_60 + SECOND, 404 if who == "olga" else 403),
    ):
        session.execute(update(SignIn).values(last_active_at=at))
        with clock.as_if(at):
            assert browser.get(f"/stays/{stay.id}").status_code == status
            assert ("End now" in browser.get("/account").text) is (status == 200)


@pytest.mark.parametrize("who", ["ada", "olga"])
def test_end_now_ends_it_at_once(
    session: Session, ward: Ward, client: Browser, stay: Stay, who: str
) -> None:
    browser = _break(session, ward, client, who)
    assert browser.get(f"/stays/{stay.id}").status_code == 200
    for _ in range(2):
        assert browser.post("/glass/end").status_code == 303
        assert browser.get(f"/stays/{stay.id}").status_code in {403, 404}
    assert len(list(session.scalars(select(GlassEnd)))) == 1
    assert len(_entries(session, ward.staff[who].id, "glass.ended")) == 1


def test_no_other_stay_is_opened_by_it(
    session: Session, ward: Ward, client: Browser, stay: Stay
) -> None:
    other = build.stay(session, ward, bed="8")
    olga = _break(session, ward, client, "olga")
    assert olga.get(f"/stays/{stay.id}").status_code == 200
    assert olga.get(f"/stays/{other.id}").status_code == 404
    assert olga.get(f"/stays/0{stay.id}").status_code == 404
    ada = _break(session, ward, client, "ada")
    assert ada.get(f"/stays/{other.id}").status_code == 403


def test_a_second_one_closes_the_first(
    session: Session, ward: Ward, client: Browser, stay: Stay
) -> None:
    other = build.stay(session, ward, bed="8")
    olga = _break(session, ward, client, "olga")
    _break_again = _form(ward, "olga", where="8")
    care.stepped_up(session)
    assert olga.post("/glass", data=_break_again).status_code == 303
    assert olga.get(f"/stays/{stay.id}").status_code == 404
    assert olga.get(f"/stays/{other.id}").status_code == 200
    assert len(list(session.scalars(select(GlassEnd)))) == 1
    # The same form sent twice is the same deed, and asks for no second proof.
    assert olga.post("/glass", data=_break_again).headers["location"] == f"/stays/{other.id}"
    assert len(list(session.scalars(select(Glass)))) == 2


@pytest.mark.parametrize("who", ["olga", "ada", "vera"])
def test_nothing_can_be_written_or_taken_out_through_it(
    session: Session, ward: Ward, client: Browser, stay: Stay, who: str
) -> None:
    row = build.recorded(session, ward, stay)
    browser = _break(session, ward, client, who)
    path = f"/stays/{stay.id}"
    page = browser.get(path)
    assert page.status_code == 200
    assert f"{path}/record" not in page.text
    assert "<form" in page.text, "the banner's"
    assert not re.findall(rf'action="{path}[^"]*"', page.text)
    assert browser.get(f"{path}/observations/{row.id}").status_code == 200
    for deed in (
        "observations", "score-preview", f"observations/{row.id}/correct", "bed", "discharge",
        f"observations/{row.id}/take-back", "counselling", "consents", "consents/end",
        "restrictions", "emergency", "restrictions/answer", "accounting/file",
    ):  # fmt: skip
        assert browser.post(f"{path}/{deed}", data={}).status_code in {403, 404}, deed
    for screen in (
        "record", "manage", "counselling", "consents", "sharing", "accounting",
        f"observations/{row.id}/correct",
    ):  # fmt: skip
        assert browser.get(f"{path}/{screen}").status_code in {403, 404}, screen
    assert browser.get(f"/beds/{stay.id}").status_code in {403, 404}


def test_who_may_do_other_things_with_the_stay_goes_on_doing_them(
    session: Session, ward: Ward, client: Browser, stay: Stay
) -> None:
    pavel = _break(session, ward, client, "pavel")
    assert pavel.get(f"/stays/{stay.id}").status_code == 200
    assert pavel.get(f"/stays/{stay.id}/consents").status_code == 200


def test_it_takes_a_fresh_proof_and_uses_it_up(
    session: Session, ward: Ward, client: Browser, stay: Stay
) -> None:
    ada = client("ada")
    refused = ada.post("/glass", data=_form(ward, "ada"))
    assert refused.status_code == 403
    assert "Confirm that it is you" in refused.text
    assert "Found+without+pulse" in refused.text, "what was typed is kept"
    assert ada.get(f"/stays/{stay.id}").status_code == 403
    care.stepped_up(session)
    assert ada.post("/glass", data=_form(ward, "ada")).status_code == 303
    assert ada.post("/glass", data=_form(ward, "ada")).status_code == 403


def test_a_restriction_holds_against_it(
    session: Session, ward: Ward, client: Browser, stay: Stay
) -> None:
    ada = _break(session, ward, client, "ada")
    staff.restrict(
        session,
        ward.staff["chen"].id,
        ward.staff["ada"],
        unit_id=ward.unit.id,
        permission=Permission.SEE_CHART,
        reason="a complaint",
    )
    assert ada.get(f"/stays/{stay.id}").status_code == 403
    care.stepped_up(session)
    again = ada.post("/glass", data=_form(ward, "ada"))
    assert again.status_code == 403
    assert "restricted for you" in again.text


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"where": "99"}, 404),
        ({"where": "7\x00"}, 422),
        ({"where": ""}, 422),
        ({"unit_id": 2_000_000_000}, 404),
        ({"unit_id": "1e400"}, 422),
        ({"reason": "curiosity"}, 422),
        ({"words": ""}, 422),
        ({"words": "because"}, 422),
        ({"words": "x" * 100_000}, 422),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    session: Session, ward: Ward, client: Browser, fields: dict[str, object], status: int
) -> None:
    build.stay(session, ward, bed="7")
    ada = client("ada")
    care.stepped_up(session)
    answer = ada.post("/glass", data=_form(ward, "ada", **fields))
    assert answer.status_code == status
    assert not list(session.scalars(select(Glass)))
    if status == 404:
        assert "Found without pulse &lt;b&gt;&amp;" in answer.text
        refused = _entries(session, ward.staff["ada"].id, "glass.refused")
        assert len(refused) == (1 if "where" in fields else 0), "a unit that is not has no trail"


def test_it_is_found_by_the_patient_s_code(
    session: Session, ward: Ward, client: Browser, stay: Stay
) -> None:
    code = session.get_one(Patient, stay.patient_id).code
    olga = _break(session, ward, client, "olga", where=code.lower())
    assert olga.get(f"/stays/{stay.id}").status_code == 200


def test_a_red_banner_with_the_time_left_stands_on_every_page(
    session: Session, ward: Ward, client: Browser, stay: Stay
) -> None:
    olga = _break(session, ward, client, "olga")
    for path in ("/", "/account", "/alerts", f"/stays/{stay.id}", "/glass"):
        page = olga.get(path).text
        assert 'data-kind="glass"' in page, path
        assert re.search(r'data-left="[^"]+">59 min</span> left', page), path
        assert "Emergency access to one record of Lantern Unit" in page, path
    assert 'data-kind="glass"' not in client("nora").get("/").text
    olga.post("/glass/end")
    assert 'data-kind="glass"' not in olga.get("/").text


def test_everything_is_on_the_trail_of_the_unit_that_it_happened_to_and_flagged(
    session: Session, ward: Ward, client: Browser, stay: Stay
) -> None:
    olga = _break(session, ward, client, "olga")
    olga.get(f"/stays/{stay.id}")
    olga.post("/glass/end")
    glass = _newest(session)
    for action in ("glass.broken", "glass.used", "glass.ended"):
        (entry,) = _entries(session, ward.staff["olga"].id, action)
        assert (entry.unit_id, entry.stay_id, entry.patient_id) == (
            ward.unit.id,
            stay.id,
            stay.patient_id,
        )
        assert (entry.object_type, entry.object_id) == ("glass", glass.id)
        assert entry.sign_in_id is not None
    (broken,) = _entries(session, ward.staff["olga"].id, "glass.broken")
    assert broken.reason == f"this patient is in danger: {WORDS}"
    assert _entries(session, ward.staff["olga"].id, "audit.viewed")[0].unit_id == ward.unit.id
    page = client("pavel").get("/privacy/log?what=glass").text
    assert page.count("GLASS BROKEN: ") == 3
    assert "Olga Nurse" in page


def test_the_privacy_officer_is_told_at_once(
    session: Session, ward: Ward, client: Browser, stay: Stay
) -> None:
    assert stay
    pavel = client("pavel")
    assert "<b>" not in pavel.get("/privacy/glass/count").text
    assert "glass-waiting" not in pavel.get("/privacy").text
    _break(session, ward, client, "olga")
    assert "<b>1</b>" in pavel.get("/privacy/glass/count").text
    assert "Glass broken: 1 to review" in pavel.get("/privacy").text
    page = pavel.get("/privacy/glass").text
    assert "Olga Nurse read" in page
    assert "Found without pulse &lt;b&gt;&amp;" in page


def _review(browser: TestClient, person: Staff, glass_id: int, **fields: object) -> Any:
    form = {
        "key": str(uuid4()),
        **people.opens(person),
        "outcome": "justified",
        "words": "She was there to help.",
    } | fields
    return browser.post(f"/privacy/glass/{glass_id}/review", data=form)


def test_a_review_is_followed_up_and_then_final(
    session: Session, ward: Ward, client: Browser, stay: Stay
) -> None:
    assert stay
    _break(session, ward, client, "ada")
    glass, pavel = _newest(session), client("pavel")
    assert _review(pavel, ward.staff["pavel"], glass.id, outcome="follow up").status_code == 303
    assert "<b>1</b>" in pavel.get("/privacy/glass/count").text
    key = str(uuid4())
    for _ in range(2):
        answer = _review(pavel, ward.staff["pavel"], glass.id, outcome="not justified", key=key)
        assert answer.status_code == 303
    assert "<b>" not in pavel.get("/privacy/glass/count").text
    assert "Not justified, Pavel Privacy Officer" in pavel.get("/privacy/glass").text
    assert _review(pavel, ward.staff["pavel"], glass.id).status_code == 409
    assert len(list(session.scalars(select(GlassReview)))) == 2
    assert len(_entries(session, ward.staff["pavel"].id, "glass.reviewed")) == 2
    assert _review(pavel, ward.staff["pavel"], glass.id, words="no").status_code == 422


def test_nobody_reviews_their_own(
    session: Session, ward: Ward, client: Browser, stay: Stay
) -> None:
    assert stay
    pavel = _break(session, ward, client, "pavel")
    glass = _newest(session)
    refused = _review(pavel, ward.staff["pavel"], glass.id)
    assert refused.status_code == 403
    assert "Another privacy officer reviews it" in refused.text
    assert "Another privacy officer reviews it" in pavel.get("/privacy/glass").text
    for who in ("ada", "nora", "vera", "olga"):
        assert _review(client(who), ward.staff[who], glass.id).status_code == 403, who
    assert not list(session.scalars(select(GlassReview)))
    # Nor by any other way: the database refuses it too.
    session.add(
        GlassReview(
            key=uuid4(),
            glass_id=glass.id,
            unit_id=glass.unit_id,
            staff_id=glass.staff_id,
            outcome=Outcome.JUSTIFIED,
            words="I know why.",
            reviewed_by=glass.staff_id,
        )
    )
    with pytest.raises(IntegrityError, match="ck_glass_review_by_somebody_else"):
        session.flush()


def test_it_works_without_mail_and_without_another_sign_in_service(
    session: Session, ward: Ward, client: Browser, stay: Stay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole, with a password alone as the proof, and with every way out of this machine shut."""
    import socket  # noqa: PLC0415 (here only)

    from tests.people import PASSWORD  # noqa: PLC0415 (here only)

    def shut(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(socket, "create_connection", shut)
    monkeypatch.setattr(socket, "getaddrinfo", shut)
    ada = client("ada")
    assert ada.post("/step-up", data={"proof": PASSWORD, "to": "/glass"}).status_code == 303
    assert ada.post("/glass", data=_form(ward, "ada")).status_code == 303
    assert ada.get(f"/stays/{stay.id}").status_code == 200
    assert session.scalars(select(Glass.stay_id)).one() == stay.id


def test_the_privacy_officer_s_screens_are_told_in_the_same_moment(
    session: Session, ward: Ward, stay: Stay, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    other = build.stay(session, ward, bed="8")
    monkeypatch.setattr(live, "announce", lambda _, *topics: told.extend(topics))
    care.glass(session, ward.staff["ada"].id, stay)
    assert told == [broken.TOPIC]
    care.reviewed_glass(session, ward, other)
    assert told == [broken.TOPIC] * 4, "broken, broken, ended, reviewed"


def test_a_key_is_of_one_stay_and_one_finding_and_no_other(
    session: Session, ward: Ward, stay: Stay
) -> None:
    ada, pavel = ward.staff["ada"].id, ward.staff["pavel"].id
    key, other = uuid4(), build.stay(session, ward, bed="8")
    how: Any = {"reason": GlassReason.EMERGENCY, "words": WORDS, "standing": None}
    glass = broken.break_(session, ada, stay, key=key, **how)
    assert broken.break_(session, ada, stay, key=key, **how) is glass
    for who, where in ((ada, other), (pavel, stay)):
        with pytest.raises(Conflict, match="other values"):
            broken.break_(session, who, where, key=key, **how)
    found: Any = {"key": uuid4(), "outcome": Outcome.JUSTIFIED}
    for _ in range(2):
        broken.review(session, pavel, glass, words=WORDS, **found)
    with pytest.raises(Conflict, match="other values"):
        broken.review(session, pavel, glass, words="Other words than those.", **found)
