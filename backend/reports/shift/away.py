"""Who was off the unit, one row for each time: only for those who may see a chart."""

from datetime import timedelta

from backend.reports.shift.centiles import minutes
from backend.reports.shift.patient_tables import Whose
from backend.reports.shift.queries import Stored
from backend.reports.shift.report import Column, Table
from backend.reports.shift.tables import SUBJECT
from backend.stays.leave import words as leave


def leave_list(stored: Stored, told: Whose) -> Table:
    """Each time away that touched the shift. Escort and medication are free text, and not told."""
    stays = {stay.id: stay for stay in stored.stays}
    return Table(
        key="leave-list",
        title="Away",
        columns=(
            *told.columns,
            Column(title="where", kind=SUBJECT),
            Column(title="left at"),
            Column(title="expected at"),
            Column(title="back at"),
            Column(title="past the time", unit="min"),
        ),
        rows=tuple(
            (
                *told.cells(stays[row.stay_id]),
                leave.why(row).label,
                row.left_at,
                row.expected_at,
                row.returned_at or "still away",
                minutes(max(timedelta(), (row.returned_at or stored.now) - row.expected_at)),
            )
            for row in stored.leaves
            if row.stay_id in stays and row.left_at < stored.until
        ),
        empty="Nobody was away.",
    )
