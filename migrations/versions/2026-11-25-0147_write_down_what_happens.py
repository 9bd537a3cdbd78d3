"""Write down what happens: seizures, falls, vomiting, hallucinations, self-harm, restraint.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def _enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade() -> None:
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("stay_id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            _enum(
                "eventkind",
                "seizure",
                "fall",
                "vomiting",
                "hallucination",
                "self_harm",
                "restraint",
            ),
            nullable=False,
        ),
        sa.Column(
            "change",
            _enum("eventchange", "recorded", "ended", "corrected", "taken_back"),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("supersedes_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "written_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint("ended_at >= started_at", name=op.f("ck_event_ends_after_it_begins")),
        sa.CheckConstraint("started_at > '1900-01-01'", name=op.f("ck_event_started_at_is_sane")),
        sa.CheckConstraint(
            "greatest(started_at, ended_at) <= entered_at + interval '5 minutes'",
            name=op.f("ck_event_happened_before_entered"),
        ),
        sa.CheckConstraint(
            "(change = 'recorded') = (supersedes_id IS NULL)",
            name=op.f("ck_event_only_the_first_stands_alone"),
        ),
        sa.CheckConstraint(
            "(change IN ('corrected', 'taken_back')) = (reason IS NOT NULL)",
            name=op.f("ck_event_a_correction_has_a_reason"),
        ),
        sa.CheckConstraint(
            "change <> 'ended' OR ended_at IS NOT NULL", name=op.f("ck_event_an_end_has_a_time")
        ),
        sa.ForeignKeyConstraint(
            ["stay_id", "patient_id", "unit_id"],
            ["stay.id", "stay.patient_id", "stay.unit_id"],
            name=op.f("fk_event_stay_id_patient_id_unit_id"),
        ),
        sa.ForeignKeyConstraint(
            ["supersedes_id", "stay_id"],
            ["event.id", "event.stay_id"],
            name=op.f("fk_event_supersedes_id_stay_id"),
        ),
        sa.ForeignKeyConstraint(["recorded_by"], ["staff.id"], name=op.f("fk_event_recorded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sa.UniqueConstraint("id", "stay_id", name=op.f("uq_event_id_stay_id")),
        sa.UniqueConstraint("key", name=op.f("uq_event_key")),
        sa.UniqueConstraint("supersedes_id", name=op.f("uq_event_supersedes_id")),
    )
    op.create_index(op.f("ix_event_stay_id"), "event", ["stay_id"])
    op.create_index("ix_event_unit_id_started_at", "event", ["unit_id", "started_at"])
    op.execute("GRANT SELECT, INSERT ON event TO vigil_app")
    op.execute("SELECT keep_to_unit('event')")
    op.execute("SELECT goes_with_a_purge('event')")
    op.execute(
        "CREATE TRIGGER event_is_append_only BEFORE UPDATE OR DELETE ON event"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER event_is_never_emptied BEFORE TRUNCATE ON event"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    for trigger in ("is_append_only", "is_never_emptied"):
        op.execute("ALTER TABLE event ENABLE ALWAYS TRIGGER event_" + trigger)


def downgrade() -> None:
    op.drop_table("event")
