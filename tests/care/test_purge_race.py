"""A hold that is being set at this moment, on another connection, stops the deletion too."""

from uuid import uuid4

import pytest
from sqlalchemy import func, select

from backend.care.purge import service
from backend.care.purge.models import Purge, Verdict
from backend.care.retention import service as retention
from backend.core import clock
from backend.core.db import unit_on_duty
from backend.core.errors import Conflict
from backend.stays.models import Stay
from tests.at_once import waiting
from tests.care import old as old_records
from tests.conftest import sessions_on
from tests.people import the_ward


def test_a_hold_that_is_being_set_is_waited_for(fresh_database: str) -> None:
    with sessions_on(fresh_database) as sessions:
        with sessions() as session:
            ward = the_ward(session)
        ada, pavel, unit_id = ward.staff["ada"].id, ward.staff["pavel"].id, ward.unit.id
        with sessions.begin() as session:
            old_records.gone(session, ward)
            old_records.aged(session)
            old_records.rules(session, ward)
        with sessions.begin() as session:
            session.execute(select(unit_on_duty(unit_id)))
            purge_id = service.ask(session, pavel, key=uuid4(), unit_id=unit_id, now=clock.now()).id

        def agree() -> None:
            with sessions.begin() as session:
                session.execute(select(unit_on_duty(unit_id)))
                purge = session.get_one(Purge, purge_id)
                service.answer(
                    session, ada, purge, key=uuid4(), verdict=Verdict.APPROVED, now=clock.now()
                )

        with sessions() as session:
            retention.hold(session, pavel, key=uuid4(), unit_id=unit_id, reason="a complaint")
            agreed = waiting(session, agree)
            assert not agreed.done()
            session.commit()
            with pytest.raises(Conflict, match="a hold was set"):
                agreed.result(timeout=20)
        with sessions() as session:
            assert session.scalars(select(func.count()).select_from(Stay)).one() == 1
