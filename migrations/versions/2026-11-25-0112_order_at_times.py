"""Order at times, until a time, or once; count what was refused and slept through in a row.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

CHECKS = {
    "until_is_after_it_begins": "until_at > starts_at",
    "then_is_sane": "then_minutes BETWEEN 5 AND 1440",
    "then_needs_an_until": "until_at IS NOT NULL OR then_minutes IS NULL",
    "once_is_once_and_says_why": "NOT once OR (at_times = '{}' AND until_at IS NULL AND reason IS NOT NULL)",
}
COUNTS = ("refused_before", "asleep_before")


def _current(where: str) -> None:
    op.execute("DROP INDEX uq_observation_order_current")
    op.execute(
        "CREATE UNIQUE INDEX uq_observation_order_current ON observation_order"
        f" (stay_id, instrument) WHERE {where}"
    )


def upgrade() -> None:
    op.add_column(
        "observation_order",
        sa.Column("at_times", postgresql.ARRAY(sa.Time()), server_default="{}", nullable=False),
    )
    op.add_column(
        "observation_order", sa.Column("until_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column("observation_order", sa.Column("then_minutes", sa.Integer(), nullable=True))
    op.add_column(
        "observation_order",
        sa.Column("once", sa.Boolean(), server_default="false", nullable=False),
    )
    for name, rule in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_observation_order_{name}"), "observation_order", rule)
    _current("ended_at IS NULL AND NOT once")
    for name in COUNTS:
        op.add_column("round", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    # The watch makes the order that comes after an `until`, and reads times on the unit's clock.
    op.execute("GRANT INSERT, UPDATE (ended_at, ended_by) ON observation_order TO vigil_watch")


def downgrade() -> None:
    op.execute("REVOKE INSERT ON observation_order FROM vigil_watch")
    op.execute("REVOKE UPDATE (ended_at, ended_by) ON observation_order FROM vigil_watch")
    for name in COUNTS:
        op.drop_column("round", name)
    # The release before knows no order that is asked for once: what is still to do ends.
    op.execute(
        "UPDATE round SET state = 'cancelled', next_step_at = NULL FROM observation_order AS o"
        " WHERE o.id = round.order_id AND o.once AND round.state IN ('scheduled', 'due', 'late')"
    )
    op.execute("UPDATE observation_order SET ended_at = starts_at WHERE once AND ended_at IS NULL")
    _current("ended_at IS NULL")
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_observation_order_{name}"), "observation_order", type_="check")
    for name in ("once", "then_minutes", "until_at", "at_times"):
        op.drop_column("observation_order", name)
