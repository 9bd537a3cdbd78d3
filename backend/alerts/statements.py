"""What saves ask and write again and again: put together once."""

from sqlalchemy import bindparam, insert, select
from sqlalchemy.dialects import postgresql

from backend.alerts.models import Alert, AlertStep
from backend.core.db import table_of

OPEN_ROW = (
    select(Alert)
    .where(
        Alert.unit_id == bindparam("of_unit"),
        Alert.patient_id == bindparam("of_patient"),
        Alert.rule == bindparam("by_rule"),
        Alert.closed_at.is_(None),
    )
    .with_for_update()
    .execution_options(populate_existing=True)
)
ANSWERED = (
    select(Alert)
    .where(
        Alert.stay_id == bindparam("of_stay"),
        Alert.rule == bindparam("by_rule"),
        Alert.observation_id == bindparam("by_set"),
        Alert.closed_by.is_not(None),
    )
    .order_by(Alert.id.desc())
    .limit(1)
)
INSERT_ALERT = select(Alert).from_statement(
    postgresql.insert(table_of(Alert))
    .on_conflict_do_nothing(
        index_elements=[Alert.unit_id, Alert.patient_id, Alert.rule],
        index_where=Alert.closed_at.is_(None),
    )
    .returning(table_of(Alert))
)
INSERT_STEP = insert(table_of(AlertStep)).inline()
