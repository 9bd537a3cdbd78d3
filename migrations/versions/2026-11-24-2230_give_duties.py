"""Give duties: another role for a shift, restrictions that beat any role, notes kept apart.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ROLES = (
    "nurse",
    "technician",
    "charge_nurse",
    "physician",
    "therapist",
    "administrator",
    "approver",
    "privacy_officer",
    "device",
    "interface",
)


def upgrade() -> None:
    op.create_table(
        "duty",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(*ROLES, name="role", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("given_by", sa.Integer(), nullable=False),
        sa.Column(
            "given_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("until_at > from_at", name=op.f("ck_duty_ends_after_it_begins")),
        sa.CheckConstraint(
            "until_at <= from_at + interval '24 hours'", name=op.f("ck_duty_is_for_a_shift")
        ),
        postgresql.ExcludeConstraint(
            (sa.text("int8range(staff_id, staff_id, '[]')"), "&&"),
            (sa.text("int8range(unit_id, unit_id, '[]')"), "&&"),
            (sa.text("tstzrange(from_at, until_at)"), "&&"),
            where=sa.text("ended_at IS NULL"),
            using="gist",
            name="ex_duty_one_role_at_a_time",
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_duty_staff_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_duty_unit_id")),
        sa.ForeignKeyConstraint(["given_by"], ["staff.id"], name=op.f("fk_duty_given_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty")),
        sa.UniqueConstraint("key", name=op.f("uq_duty_key")),
    )
    op.create_table(
        "staff_restriction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("permission", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=False),
        sa.Column(
            "made_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_staff_restriction_staff_id")
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["unit.id"], name=op.f("fk_staff_restriction_unit_id")
        ),
        sa.ForeignKeyConstraint(
            ["made_by"], ["staff.id"], name=op.f("fk_staff_restriction_made_by")
        ),
        sa.ForeignKeyConstraint(
            ["lifted_by"], ["staff.id"], name=op.f("fk_staff_restriction_lifted_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_restriction")),
    )
    op.create_index(
        "uq_staff_restriction_standing",
        "staff_restriction",
        ["staff_id", "unit_id", "permission"],
        unique=True,
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.create_table(
        "counselling_note",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("stay_id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("written_by", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("supersedes_id", sa.BigInteger(), nullable=True),
        sa.Column("correction_reason", sa.Text(), nullable=True),
        sa.Column(
            "written_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(supersedes_id IS NULL) = (correction_reason IS NULL)",
            name=op.f("ck_counselling_note_a_correction_has_a_reason"),
        ),
        sa.ForeignKeyConstraint(
            ["stay_id", "patient_id", "unit_id"],
            ["stay.id", "stay.patient_id", "stay.unit_id"],
            name=op.f("fk_counselling_note_stay_id_patient_id_unit_id"),
        ),
        sa.ForeignKeyConstraint(
            ["supersedes_id", "stay_id"],
            ["counselling_note.id", "counselling_note.stay_id"],
            name=op.f("fk_counselling_note_supersedes_id_stay_id"),
        ),
        sa.ForeignKeyConstraint(
            ["written_by"], ["staff.id"], name=op.f("fk_counselling_note_written_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counselling_note")),
        sa.UniqueConstraint("id", "stay_id", name=op.f("uq_counselling_note_id_stay_id")),
        sa.UniqueConstraint("key", name=op.f("uq_counselling_note_key")),
        sa.UniqueConstraint("supersedes_id", name=op.f("uq_counselling_note_supersedes_id")),
    )
    op.create_index(
        op.f("ix_counselling_note_stay_id"), "counselling_note", ["stay_id"], unique=False
    )
    op.add_column(
        "unit",
        sa.Column(
            "reserved_scales", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False
        ),
    )
    for table in ("duty", "staff_restriction"):
        op.execute(f"GRANT SELECT, INSERT ON {table} TO vigil_app")
        op.execute(f"GRANT USAGE ON SEQUENCE {table}_id_seq TO vigil_app")
    op.execute("GRANT UPDATE (ended_at) ON duty TO vigil_app")
    op.execute("GRANT UPDATE (lifted_at, lifted_by) ON staff_restriction TO vigil_app")
    op.execute("GRANT SELECT, INSERT ON counselling_note TO vigil_app")
    op.execute("SELECT keep_to_unit('counselling_note')")
    op.execute(
        "CREATE TRIGGER counselling_note_is_append_only BEFORE UPDATE OR DELETE ON counselling_note"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER counselling_note_is_never_emptied BEFORE TRUNCATE ON counselling_note"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    for trigger in ("is_append_only", "is_never_emptied"):
        op.execute("ALTER TABLE counselling_note ENABLE ALWAYS TRIGGER counselling_note_" + trigger)


def downgrade() -> None:
    op.drop_column("unit", "reserved_scales")
    op.drop_table("counselling_note")
    op.drop_table("staff_restriction")
    op.drop_table("duty")
