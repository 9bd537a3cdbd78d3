"""Shared machines of a ward: enrolled workstations, locked sign-ins, PINs.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "unit", sa.Column("ward_pc_lock_s", sa.SmallInteger(), server_default="180", nullable=False)
    )
    op.add_column(
        "unit", sa.Column("tablet_lock_s", sa.SmallInteger(), server_default="60", nullable=False)
    )
    op.create_check_constraint(
        op.f("ck_unit_screens_lock_in_time"),
        "unit",
        "ward_pc_lock_s BETWEEN 30 AND 900 AND tablet_lock_s BETWEEN 30 AND 900",
    )
    op.create_table(
        "workstation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "ward_pc",
                "tablet",
                name="kind",
                native_enum=False,
                length=40,
                create_constraint=True,
            ),
            nullable=False,
        ),
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("enrolled_by", sa.Integer(), nullable=False),
        sa.Column(
            "enrolled_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "(revoked_at IS NULL) = (revoked_by IS NULL)",
            name=op.f("ck_workstation_revoked_by_somebody_sometime"),
        ),
        sa.ForeignKeyConstraint(
            ["enrolled_by"], ["staff.id"], name=op.f("fk_workstation_enrolled_by")
        ),
        sa.ForeignKeyConstraint(
            ["revoked_by"], ["staff.id"], name=op.f("fk_workstation_revoked_by")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_workstation_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workstation")),
        sa.UniqueConstraint("id", "unit_id", name=op.f("uq_workstation_id_unit_id")),
        sa.UniqueConstraint("key", name=op.f("uq_workstation_key")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_workstation_token_sha256")),
    )
    op.create_index(op.f("ix_workstation_unit_id"), "workstation", ["unit_id"], unique=False)
    op.create_table(
        "pin",
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("pin_hash", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.SmallInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("failures BETWEEN 0 AND 5", name=op.f("ck_pin_five_failures_at_most")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_pin_staff_id")),
        sa.PrimaryKeyConstraint("staff_id", name=op.f("pk_pin")),
    )
    op.add_column("sign_in", sa.Column("workstation_id", sa.Integer(), nullable=True))
    op.add_column("sign_in", sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True))
    op.create_foreign_key(
        op.f("fk_sign_in_workstation_id_unit_id"),
        "sign_in",
        "workstation",
        ["workstation_id", "unit_id"],
        ["id", "unit_id"],
    )
    op.create_index(
        "ix_sign_in_workstation_id",
        "sign_in",
        ["workstation_id"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    for table in ("workstation", "pin"):
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO vigil_app")
    op.execute("GRANT USAGE ON SEQUENCE workstation_id_seq TO vigil_app")


def downgrade() -> None:
    op.drop_index("ix_sign_in_workstation_id", "sign_in")
    op.drop_constraint(op.f("fk_sign_in_workstation_id_unit_id"), "sign_in", type_="foreignkey")
    op.drop_column("sign_in", "locked_at")
    op.drop_column("sign_in", "workstation_id")
    op.drop_table("pin")
    op.drop_table("workstation")
    op.drop_constraint(op.f("ck_unit_screens_lock_in_time"), "unit", type_="check")
    op.drop_column("unit", "tablet_lock_s")
    op.drop_column("unit", "ward_pc_lock_s")
