"""Passkeys: the public halves of people's keys, and challenges that wait for an answer.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "passkey",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("name <> ''", name=op.f("ck_passkey_is_named")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_passkey_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkey")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkey_credential_id")),
    )
    op.create_index(op.f("ix_passkey_staff_id"), "passkey", ["staff_id"])
    op.create_table(
        "passkey_challenge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "ceremony",
            sa.Enum(
                "enrol",
                "sign_in",
                "step_up",
                name="ceremony",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("challenge_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sign_in_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "(ceremony = 'sign_in') = (sign_in_id IS NULL)",
            name=op.f("ck_passkey_challenge_is_for_who_is_at_the_keys"),
        ),
        sa.ForeignKeyConstraint(
            ["sign_in_id"], ["sign_in.id"], name=op.f("fk_passkey_challenge_sign_in_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkey_challenge")),
        sa.UniqueConstraint("challenge_sha256", name=op.f("uq_passkey_challenge_challenge_sha256")),
    )
    op.create_index(op.f("ix_passkey_challenge_expires_at"), "passkey_challenge", ["expires_at"])
    op.execute(
        "GRANT SELECT, INSERT, UPDATE (sign_count, last_used_at, removed_at) ON passkey TO vigil_app"
    )
    # Asked and answered: what it was for is kept in the audit.
    op.execute("GRANT SELECT, INSERT, DELETE ON passkey_challenge TO vigil_app")
    for table in ("passkey", "passkey_challenge"):
        op.execute(f"GRANT USAGE ON SEQUENCE {table}_id_seq TO vigil_app")


def downgrade() -> None:
    op.drop_table("passkey_challenge")
    op.drop_table("passkey")
