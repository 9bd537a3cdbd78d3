"""One reading of the board serves many screens, and never a screen that was told of a change."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from backend.board import queries, snapshot
from backend.core import clock, live
from tests import build
from tests.board.conftest import Opens
from tests.people import Ward


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "_newest", {})


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How often the record was read."""
    counted = 0
    read = queries.lying

    def counting(session: Session, unit_id: int) -> list[queries.Lying]:
        nonlocal counted
        counted += 1
        return read(session, unit_id)

    monkeypatch.setattr(queries, "lying", counting)
    return lambda: counted


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], None]:
    """The listener has heard so many words; None: it hears nothing."""
    return lambda words: monkeypatch.setattr(live.broadcast, "words_heard", words)


def test_screens_that_ask_between_two_words_share_one_reading(
    session: Session,
    ward: Ward,
    client: Opens,
    readings: Callable[[], int],
    heard: Callable[[int | None], None],
) -> None:
    stay = build.stay(session, ward)
    heard(1)
    nora, chen = client("nora"), client("chen")
    shown = {person.get("/ward").text for person in (nora, chen, nora)}
    assert len(shown) == 1
    assert nora.get(f"/beds/{stay.id}").status_code == 200
    assert readings() == 1


def test_a_word_ends_what_was_kept(
    session: Session,
    ward: Ward,
    client: Opens,
    readings: Callable[[], int],
    heard: Callable[[int | None], None],
) -> None:
    stay = build.stay(session, ward, orders={"ciwa-b": 360})
    nora = client("nora")
    heard(1)
    nora.get("/")
    build.recorded(session, ward, stay, answers=build.ciwa_b(17))
    heard(2)
    assert ">17</b>" in nora.get(f"/beds/{stay.id}").text
    assert readings() == 2


def test_what_changed_while_it_was_read_is_read_again(
    session: Session,
    ward: Ward,
    monkeypatch: pytest.MonkeyPatch,
    heard: Callable[[int | None], None],
) -> None:
    """The word comes between the reading and its keeping: the next screen must not get the old."""
    heard(1)
    read = queries.lying

    def overtaken(session: Session, unit_id: int) -> list[queries.Lying]:
        found = read(session, unit_id)
        heard(2)
        return found

    monkeypatch.setattr(queries, "lying", overtaken)
    now = clock.now()
    assert snapshot.of_unit(session, ward.unit, now).cards == ()
    monkeypatch.setattr(queries, "lying", read)
    build.stay(session, ward)
    assert len(snapshot.of_unit(session, ward.unit, now).cards) == 1


def test_nothing_is_kept_while_no_words_are_heard(
    client: Opens, readings: Callable[[], int], heard: Callable[[int | None], None]
) -> None:
    nora = client("nora")
    heard(None)
    nora.get("/ward")
    nora.get("/ward")
    assert readings() == 2


def test_nothing_is_kept_for_longer_than_a_second(
    client: Opens,
    readings: Callable[[], int],
    heard: Callable[[int | None], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard(1)
    nora = client("nora")
    nora.get("/ward")
    monkeypatch.setattr(snapshot, "OLDEST_S", 0.0)
    nora.get("/ward")
    assert readings() == 2


def test_units_never_share(
    session: Session, ward: Ward, client: Opens, heard: Callable[[int | None], None]
) -> None:
    build.stay(session, ward, admitted_at=clock.now() - timedelta(hours=1))
    heard(1)
    assert "Pennywhistle" in client("nora").get("/ward").text
    assert "Pennywhistle" not in client("olga").get("/ward").text


def test_two_devices_may_look_differently_at_the_same_reading(
    session: Session, ward: Ward, client: Opens, heard: Callable[[int | None], None]
) -> None:
    build.stay(session, ward)
    heard(1)
    nora, chen = client("nora"), client("nora")
    assert "Pennywhistle" in nora.get("/").text
    assert "Pennywhistle" not in chen.get("/?names=codes").text
    assert "Pennywhistle" in nora.get("/ward").text
    assert "Pennywhistle" not in chen.get("/ward").text


def test_who_may_not_record_gets_no_button_from_who_may(
    session: Session, ward: Ward, client: Opens, heard: Callable[[int | None], None]
) -> None:
    stay = build.stay(session, ward)
    heard(1)
    assert f"/stays/{stay.id}/record" in client("nora").get("/ward").text
    assert f"/stays/{stay.id}/record" not in client("theo").get("/ward").text
