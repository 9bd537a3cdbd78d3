"""Links that open once, and lost second factors that two people take away.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
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


def _role(column: str, name: str, *, nullable: bool) -> sa.Column[str]:
    kind = sa.Enum(*ROLES, name=name, native_enum=False, length=40, create_constraint=True)
    return sa.Column(column, kind, nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "first_run",
                "invitation",
                "recovery",
                name="linkkind",
                native_enum=False,
                length=40,
                create_constraint=True,
            ),
            nullable=False,
        ),
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=True),
        sa.Column("made_by", sa.Integer(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(kind = 'first_run') = (staff_id IS NULL)", name=op.f("ck_link_first_run_is_nobodys")
        ),
        sa.ForeignKeyConstraint(["made_by"], ["staff.id"], name=op.f("fk_link_made_by")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_link_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_link_token_sha256")),
    )
    op.create_index(op.f("ix_link_staff_id"), "link", ["staff_id"])
    op.create_table(
        "factor_reset",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=False),
        _role("asked_as", "asked_as_role", nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("agreed_by", sa.Integer(), nullable=True),
        _role("agreed_as", "agreed_as_role", nullable=True),
        sa.Column("agreed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "asked_by <> staff_id AND agreed_by <> staff_id",
            name=op.f("ck_factor_reset_never_ones_own"),
        ),
        sa.CheckConstraint("agreed_by <> asked_by", name=op.f("ck_factor_reset_two_people")),
        sa.CheckConstraint("agreed_as <> asked_as", name=op.f("ck_factor_reset_two_parts")),
        sa.CheckConstraint(
            "(agreed_by IS NULL) = (agreed_at IS NULL)",
            name=op.f("ck_factor_reset_agreed_by_somebody"),
        ),
        sa.ForeignKeyConstraint(
            ["agreed_by"], ["staff.id"], name=op.f("fk_factor_reset_agreed_by")
        ),
        sa.ForeignKeyConstraint(["asked_by"], ["staff.id"], name=op.f("fk_factor_reset_asked_by")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_factor_reset_staff_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_factor_reset_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_factor_reset")),
    )
    op.create_index(
        "uq_factor_reset_open",
        "factor_reset",
        ["staff_id"],
        unique=True,
        postgresql_where=sa.text("agreed_at IS NULL AND ended_at IS NULL"),
    )
    for table in ("link", "factor_reset"):
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO vigil_app")
        op.execute(f"GRANT USAGE ON SEQUENCE {table}_id_seq TO vigil_app")
    op.execute("SELECT keep_to_unit('factor_reset')")


def downgrade() -> None:
    op.drop_table("factor_reset")
    op.drop_table("link")
