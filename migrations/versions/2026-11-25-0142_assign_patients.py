"""Assign patients to whoever has them this shift.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "assignment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("stay_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("assigned_by", sa.Integer(), nullable=False),
        sa.Column(
            "assigned_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("until_at > from_at", name=op.f("ck_assignment_ends_after_it_begins")),
        sa.CheckConstraint(
            "until_at <= from_at + interval '26 hours'", name=op.f("ck_assignment_is_for_a_shift")
        ),
        sa.ForeignKeyConstraint(
            ["stay_id", "unit_id"],
            ["stay.id", "stay.unit_id"],
            name=op.f("fk_assignment_stay_id_unit_id"),
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_assignment_staff_id")),
        sa.ForeignKeyConstraint(
            ["assigned_by"], ["staff.id"], name=op.f("fk_assignment_assigned_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment")),
        sa.UniqueConstraint("key", name=op.f("uq_assignment_key")),
    )
    op.create_index(op.f("ix_assignment_staff_id"), "assignment", ["staff_id"])
    op.create_index(
        "uq_assignment_current",
        "assignment",
        ["stay_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_assignment_unit_id",
        "assignment",
        ["unit_id"],
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.execute("SELECT keep_to_unit('assignment')")
    op.execute("SELECT goes_with_a_purge('assignment')")
    op.execute("GRANT SELECT, INSERT, UPDATE (ended_at) ON assignment TO vigil_app")
    op.execute("GRANT USAGE ON SEQUENCE assignment_id_seq TO vigil_app")


def downgrade() -> None:
    op.drop_table("assignment")
