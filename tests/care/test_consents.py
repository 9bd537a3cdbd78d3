"""What a patient allows, what it covers and when it ends: the record, the rule and the page."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.audit.models import AuditEntry
from backend.care.consents import queries, service
from backend.care.consents.models import (
    Consent,
    ConsentEnd,
    EndKind,
    PurposeKind,
    RecipientClass,
    RecipientKind,
    RecordKind,
    SignedHow,
)
from backend.care.consents.scope import Wanted, covers
from backend.core import clock
from backend.core.errors import Conflict, Invalid
from backend.stays.models import Stay
from tests import build
from tests.care.build import consent, terms
from tests.people import Ward, opens

Client = Callable[[str | None], TestClient]
TODAY = date(2026, 11, 24)


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    return build.stay(session, ward)


def wanted(**fields: Any) -> Wanted:
    """The course, for Dr Vance of City Hospital, for treatment."""
    values: dict[str, Any] = {
        "kinds": {RecordKind.COURSE},
        "recipient": "Dr Vance",
        "affiliation": "City Hospital",
        "recipient_class": None,
        "purpose_kind": PurposeKind.TPO,
        "purpose": "ward round",
    } | fields
    return Wanted(**values)


# (what was signed, what is wanted, covered)
CASES = [
    ({}, {}, True),
    ({"recipient": " dr  VANCE "}, {}, True),
    ({"recipient": "Dr Vancer"}, {}, False),
    ({"recipient": "City Hospital"}, {}, False),  # a person was named, not the hospital
    ({"scope": (RecordKind.IDENTITY,)}, {}, False),
    ({"scope": (RecordKind.COURSE,)}, {"kinds": {RecordKind.COURSE, RecordKind.IDENTITY}}, False),
    ({}, {"kinds": {RecordKind.COUNSELLING}}, False),
    ({"scope": (RecordKind.COUNSELLING,)}, {"kinds": {RecordKind.COUNSELLING}}, True),
    ({"recipient_kind": RecipientKind.ORGANISATION, "recipient": "City Hospital"}, {}, True),
    ({"recipient_kind": RecipientKind.ORGANISATION, "recipient": "Dr Vance"}, {}, False),
    (
        {"recipient_kind": RecipientKind.CLASS, "recipient": "my treating providers"},
        {"recipient_class": RecipientClass.PROVIDERS},
        True,
    ),
    (
        {"recipient_kind": RecipientKind.CLASS, "recipient": "my treating providers"},
        {"recipient_class": RecipientClass.PLANS},
        False,
    ),
    ({"recipient_kind": RecipientKind.CLASS, "recipient": "my treating providers"}, {}, False),
    ({}, {"purpose_kind": PurposeKind.SPECIFIC, "purpose": "a study"}, False),
    ({"purpose_kind": PurposeKind.SPECIFIC, "purpose": "a study"}, {"purpose": "a study"}, True),
    ({"purpose_kind": PurposeKind.SPECIFIC, "purpose": "a study"}, {}, False),
    ({"purpose_kind": PurposeKind.SPECIFIC}, {"purpose": ""}, False),  # none was named
    ({"expires_on": TODAY}, {}, True),  # the last day counts
    ({"expires_on": TODAY - timedelta(days=1)}, {}, False),
    ({"expires_with": "my discharge"}, {}, True),  # until somebody says that it has come
]


@pytest.mark.parametrize(("signed", "asked", "covered"), CASES)
def test_a_consent_covers_what_it_says_and_nothing_else(
    signed: dict[str, Any], asked: dict[str, Any], covered: bool
) -> None:
    agreed = terms(**signed)
    row = Consent(
        key=uuid4(),
        patient_id=1,
        stay_id=1,
        unit_id=1,
        taken_by=1,
        scope=[kind.value for kind in agreed.scope],
        recipient_kind=agreed.recipient_kind,
        recipient=agreed.recipient,
        purpose_kind=agreed.purpose_kind,
        purpose=agreed.purpose,
        signed_how=agreed.signed_how,
        signed_at=agreed.signed_at,
        expires_on=agreed.expires_on,
        expires_with=agreed.expires_with,
    )
    assert covers(row, wanted(**asked), today=TODAY) is covered


def standing(session: Session, stay: Stay) -> list[Consent]:
    found = queries.standing(session, [stay.patient_id], stay.unit_id)
    return found.get(stay.patient_id, [])


@pytest.mark.parametrize(
    "wrong",
    [
        {"scope": ()},
        {"scope": (RecordKind.COUNSELLING, RecordKind.COURSE)},
        {"recipient_kind": RecipientKind.CLASS, "recipient": "everybody"},
        {"purpose_kind": PurposeKind.SPECIFIC},
        {"purpose": "a study"},
        {"expires_on": date(2020, 1, 1)},
        {"expires_on": date(2999, 1, 1), "expires_with": "my discharge"},
        {"signed_at": datetime(2999, 1, 1, tzinfo=UTC)},
    ],
    ids=str,
)
def test_what_cannot_be_consented_to_is_refused(
    session: Session, ward: Ward, stay: Stay, wrong: dict[str, Any]
) -> None:
    with pytest.raises(Invalid) as refused:
        consent(session, ward, stay, **wrong)
    assert refused.value.fields
    assert standing(session, stay) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"scope": ["SUD counselling notes", "therapy and groups"]},
        {"scope": ["everything"]},
        {"scope": []},
        {"recipient_kind": "everybody of a kind"},
        {"recipient": ""},
        {"purpose_kind": "one purpose"},
        {"expires_on": date(2999, 1, 1), "expires_with": "my discharge"},
    ],
    ids=str,
)
def test_the_database_itself_keeps_a_consent_to_its_rules(
    session: Session, ward: Ward, stay: Stay, wrong: dict[str, Any]
) -> None:
    values: dict[str, Any] = {
        "key": uuid4(),
        "patient_id": stay.patient_id,
        "stay_id": stay.id,
        "unit_id": stay.unit_id,
        "scope": ["therapy and groups"],
        "recipient_kind": "a person",
        "recipient": "Dr Vance",
        "purpose_kind": "treatment, payment and operations",
        "signed_how": "on paper",
        "signed_at": clock.now(),
        "taken_by": ward.staff["nora"].id,
    }
    with session.begin_nested():
        session.execute(insert(Consent).values(**values))
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(insert(Consent).values(**values | {"key": uuid4()} | wrong))


def test_a_retry_is_the_same_consent(session: Session, ward: Ward, stay: Stay) -> None:
    key = uuid4()
    assert consent(session, ward, stay, key=key) is consent(session, ward, stay, key=key)
    with pytest.raises(Conflict):
        consent(session, ward, stay, key=key, recipient="Dr Other")


def test_a_new_version_takes_the_place_of_one_that_stands_and_only_once(
    session: Session, ward: Ward, stay: Stay
) -> None:
    first = consent(session, ward, stay)
    second = consent(session, ward, stay, supersedes_id=first.id, scope=(RecordKind.IDENTITY,))
    assert standing(session, stay) == [second]
    with pytest.raises(Conflict):
        consent(session, ward, stay, supersedes_id=first.id)
    history = queries.of_patient(session, stay.patient_id, stay.unit_id)
    assert [(one.consent.id, one.stands) for one in history] == [
        (second.id, True),
        (first.id, False),
    ]


def end(session: Session, ward: Ward, stay: Stay, consent_id: int, **more: Any) -> None:
    service.end(
        session,
        ward.staff["nora"].id,
        stay,
        key=more.get("key") or uuid4(),
        consent_id=consent_id,
        kind=EndKind.REVOKED,
        said_how="by word",
    )


def test_a_revocation_counts_from_now_says_who_and_cannot_be_dated_back(
    session: Session, ward: Ward, stay: Stay
) -> None:
    given, key = consent(session, ward, stay), uuid4()
    end(session, ward, stay, given.id, key=key)
    end(session, ward, stay, given.id, key=key)  # a retry
    assert standing(session, stay) == []
    row = session.scalars(select(ConsentEnd)).one()
    assert row.ended_by == ward.staff["nora"].id
    assert abs(row.ended_at - clock.now()) < timedelta(minutes=1)
    with pytest.raises(Conflict):
        end(session, ward, stay, given.id)
    actions = session.scalars(select(AuditEntry.action).where(AuditEntry.stay_id == stay.id))
    assert {"consent.given", "consent.ended"} <= set(actions)
    may = text("SELECT has_column_privilege('vigil_app', 'consent_end', 'ended_at', 'INSERT')")
    assert session.scalars(may).one() is False


def test_another_patients_consent_can_be_neither_ended_nor_replaced(
    session: Session, ward: Ward, stay: Stay
) -> None:
    other = build.stay(session, ward, bed="8")
    given = consent(session, ward, other)
    with pytest.raises(Conflict):
        end(session, ward, stay, given.id)
    with pytest.raises(Conflict):
        consent(session, ward, stay, supersedes_id=given.id)


# --- The page ---


def form(ward: Ward, stay: Stay, who: str = "nora", **fields: str) -> dict[str, Any]:
    values: dict[str, Any] = {
        "key": str(uuid4()),
        **opens(ward.staff[who]),
        "opened_for": str(stay.id),
        "scope": ["name and stay on the unit", "observations, scores and alerts"],
        "recipient_kind": "a person",
        "recipient": "Dr Vance",
        "purpose_kind": "treatment, payment and operations",
        "signed_how": SignedHow.PAPER.value,
        "signed_at": "2026-03-02T10:15",
    }
    return values | fields


def test_a_nurse_records_changes_and_revokes_a_consent(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    nora = client("nora")
    page = f"/stays/{stay.id}/consents"
    assert "None. Nothing may be told" in nora.get(page).text
    done = nora.post(page, data=form(ward, stay, expires_with="my discharge"))
    assert (done.status_code, done.headers["Location"]) == (303, page)
    (given,) = standing(session, stay)
    shown = nora.get(page).text
    assert "Dr Vance" in shown
    assert "until: my discharge" in shown
    assert "signed on paper Mon 2 Mar 10:15 2026, taken by Nora Nurse" in shown
    change = nora.get(page, params={"change": str(given.id)}).text
    assert f'name="supersedes_id" value="{given.id}"' in change
    assert 'value="my discharge"' in change
    ending = {
        "key": str(uuid4()),
        **opens(ward.staff["nora"]),
        "opened_for": str(stay.id),
        "consent_id": str(given.id),
        "kind": "revoked by the patient",
        "said_how": "by word at the bedside",
    }
    assert nora.post(f"{page}/end", data=ending).status_code == 303
    shown = nora.get(page).text
    assert "None. Nothing may be told" in shown
    assert "noted by Nora Nurse (by word at the bedside)" in shown


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"recipient": ""}, "Say who may be told"),
        ({"signed_at": "2999-01-01T10:00"}, "has not come yet"),
        ({"signed_at": "NaN"}, "Write when it was signed"),
        ({"signed_at": "2026-03-29T02:30"}, "Check the time"),
        ({"expires_on": "2020-01-01"}, "This day is over"),
        ({"recipient_kind": "everybody of a kind"}, "not both"),
        ({"supersedes_id": "2000000000"}, "changed or revoked meanwhile"),
    ],
)
def test_a_refusal_keeps_what_was_typed(  # noqa: PLR0917 (fixtures)
    client: Client,
    session: Session,
    ward: Ward,
    stay: Stay,
    wrong: dict[str, str],
    said: str,
) -> None:
    typed = form(ward, stay, expires_with="", purpose="") | wrong
    answer = client("nora").post(f"/stays/{stay.id}/consents", data=typed)
    assert answer.status_code in {409, 422}
    assert said in answer.text
    assert f'value="{typed["recipient"]}"' in answer.text
    assert standing(session, stay) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "1"},
        {"scope": "everything"},
        {"recipient": "x" * 100_000},
        {"purpose": "a\x00b"},
        {"expires_on": "1e400"},
        {"signed_how": "by telegram"},
        {"more": "x"},
        {"supersedes_id": "99999999999999999999"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_no_form_of_ours_sends_is_refused(
    client: Client, session: Session, ward: Ward, stay: Stay, wrong: dict[str, str]
) -> None:
    answer = client("nora").post(f"/stays/{stay.id}/consents", data=form(ward, stay) | wrong)
    assert answer.status_code == 422
    assert standing(session, stay) == []


def test_the_form_belongs_to_its_opener_and_its_patient(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    nora, page = client("nora"), f"/stays/{stay.id}/consents"
    assert nora.post(page, data=form(ward, stay, who="priya")).status_code == 409
    assert nora.post(page, data=form(ward, stay) | {"opened_for": "7"}).status_code == 409
    assert standing(session, stay) == []


def test_who_may_see_and_who_may_take(client: Client, ward: Ward, stay: Stay) -> None:
    page = f"/stays/{stay.id}/consents"
    for who, sees, takes in (
        ("theo", 200, 303),
        ("pavel", 200, 403),
        ("tess", 403, 403),
        ("ada", 403, 403),
    ):
        browser = client(who)
        shown = browser.get(page)
        assert shown.status_code == sees
        assert browser.post(page, data=form(ward, stay, who=who)).status_code == takes
        if takes == 403:
            assert "Add a consent" not in shown.text
