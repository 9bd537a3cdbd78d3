"""Leave and come back: who is off the unit, since when and until when.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

WHY = ("therapy", "activity", "procedure", "appointment", "court", "pass", "emergency")


def _enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def _time(name: str, *, nullable: bool = False) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _of_a_stay(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["stay_id", "patient_id", "unit_id"],
        ["stay.id", "stay.patient_id", "stay.unit_id"],
        name=op.f(f"fk_{table}_stay_id_patient_id_unit_id"),
    )


def upgrade() -> None:
    _create_leave()
    _create_absence()
    for table in ("leave", "absence"):
        op.execute(f"SELECT keep_to_unit('{table}')")
        op.execute(f"SELECT goes_with_a_purge('{table}')")
        op.execute(f"GRANT SELECT, INSERT ON {table} TO vigil_app")
        op.execute(f"GRANT SELECT ON {table} TO vigil_watch")
    op.execute("GRANT UPDATE (leave_id, next_step_at, ended_at) ON absence TO vigil_app")
    # Locking a row, as the watch does, needs the right to change one of its columns.
    op.execute("GRANT UPDATE (next_step_at) ON absence TO vigil_watch")
    op.execute(
        "CREATE TRIGGER leave_is_append_only BEFORE UPDATE OR DELETE ON leave"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER leave_is_never_emptied BEFORE TRUNCATE ON leave"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    for trigger in ("is_append_only", "is_never_emptied"):
        op.execute("ALTER TABLE leave ENABLE ALWAYS TRIGGER leave_" + trigger)


def _create_leave() -> None:
    op.create_table(
        "leave",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("stay_id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column(
            "change",
            _enum("leavechange", "left", "extended", "seen", "returned", "corrected", "taken_back"),
            nullable=False,
        ),
        sa.Column("why", _enum("away", *WHY), nullable=False),
        _time("left_at"),
        _time("expected_at"),
        _time("entered_at"),
        sa.Column("recorded_by", sa.Integer(), nullable=False),
        sa.Column("escort", sa.Text(), nullable=True),
        sa.Column("medication", sa.Text(), nullable=True),
        _time("seen_at", nullable=True),
        sa.Column("seen_by", sa.Integer(), nullable=True),
        _time("returned_at", nullable=True),
        sa.Column("belongings", _enum("belongings", "checked", "not checked"), nullable=True),
        sa.Column(
            "urine_screen", _enum("urinescreen", "taken", "refused", "not ordered"), nullable=True
        ),
        sa.Column("supersedes_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "written_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint("left_at > '1900-01-01'", name=op.f("ck_leave_left_at_is_sane")),
        sa.CheckConstraint(
            "expected_at > left_at", name=op.f("ck_leave_is_expected_after_leaving")
        ),
        sa.CheckConstraint("returned_at >= left_at", name=op.f("ck_leave_returns_after_leaving")),
        sa.CheckConstraint("seen_at >= left_at", name=op.f("ck_leave_is_seen_after_leaving")),
        sa.CheckConstraint(
            "greatest(left_at, returned_at, seen_at) <= entered_at + interval '5 minutes'",
            name=op.f("ck_leave_happened_before_entered"),
        ),
        sa.CheckConstraint(
            "(change = 'left') = (supersedes_id IS NULL)",
            name=op.f("ck_leave_only_the_first_stands_alone"),
        ),
        sa.CheckConstraint(
            "(change IN ('corrected', 'taken_back')) = (reason IS NOT NULL)",
            name=op.f("ck_leave_a_correction_has_a_reason"),
        ),
        sa.CheckConstraint(
            "change <> 'returned' OR returned_at IS NOT NULL",
            name=op.f("ck_leave_a_return_has_a_time"),
        ),
        sa.CheckConstraint(
            "(seen_at IS NULL) = (seen_by IS NULL)", name=op.f("ck_leave_somebody_saw_them")
        ),
        _of_a_stay("leave"),
        sa.ForeignKeyConstraint(
            ["supersedes_id", "stay_id"],
            ["leave.id", "leave.stay_id"],
            name=op.f("fk_leave_supersedes_id_stay_id"),
        ),
        sa.ForeignKeyConstraint(["recorded_by"], ["staff.id"], name=op.f("fk_leave_recorded_by")),
        sa.ForeignKeyConstraint(["seen_by"], ["staff.id"], name=op.f("fk_leave_seen_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leave")),
        sa.UniqueConstraint("id", "stay_id", name=op.f("uq_leave_id_stay_id")),
        sa.UniqueConstraint("key", name=op.f("uq_leave_key")),
        sa.UniqueConstraint("supersedes_id", name=op.f("uq_leave_supersedes_id")),
    )
    op.create_index(op.f("ix_leave_stay_id"), "leave", ["stay_id"])
    op.create_index("ix_leave_unit_id_left_at", "leave", ["unit_id", "left_at"])


def _create_absence() -> None:
    op.create_table(
        "absence",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("stay_id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("leave_id", sa.BigInteger(), nullable=False),
        _time("next_step_at", nullable=True),
        _time("ended_at", nullable=True),
        _of_a_stay("absence"),
        sa.ForeignKeyConstraint(
            ["leave_id", "stay_id"],
            ["leave.id", "leave.stay_id"],
            name=op.f("fk_absence_leave_id_stay_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_absence")),
    )
    op.create_index(
        "uq_absence_current",
        "absence",
        ["stay_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_absence_unit_id",
        "absence",
        ["unit_id"],
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_absence_next_step_at",
        "absence",
        ["next_step_at"],
        postgresql_where=sa.text("next_step_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("absence")
    op.drop_table("leave")
