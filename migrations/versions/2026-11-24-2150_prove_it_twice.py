"""Second factors, and failed tries counted by address and forgiven by a colleague.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Facts: added, never changed, by anybody.
FACTS = ("tries_forgiven",)
STATE = ("authenticator", "recovery_code")


def upgrade() -> None:
    op.create_table(
        "authenticator",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("sealed_seed", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_step", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_authenticator_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authenticator")),
    )
    op.create_index(op.f("ix_authenticator_staff_id"), "authenticator", ["staff_id"])
    op.create_index(
        "uq_authenticator_in_use",
        "authenticator",
        ["staff_id"],
        unique=True,
        postgresql_where=sa.text("confirmed_at IS NOT NULL AND removed_at IS NULL"),
    )
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("code_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_recovery_code_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
        sa.UniqueConstraint(
            "staff_id", "code_sha256", name=op.f("uq_recovery_code_staff_id_code_sha256")
        ),
    )
    op.create_table(
        "tries_forgiven",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["by"], ["staff.id"], name=op.f("fk_tries_forgiven_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tries_forgiven")),
    )
    op.create_index(
        "ix_tries_forgiven_account_sha256_at", "tries_forgiven", ["account_sha256", "at"]
    )
    op.add_column("failed_try", sa.Column("address_sha256", sa.LargeBinary(), nullable=True))
    op.create_index("ix_failed_try_address_sha256_at", "failed_try", ["address_sha256", "at"])
    op.create_index("ix_failed_try_at", "failed_try", ["at"])
    for table in (*FACTS, *STATE):
        op.execute(f"GRANT SELECT, INSERT ON {table} TO vigil_app")
        op.execute(f"GRANT USAGE ON SEQUENCE {table}_id_seq TO vigil_app")
    for table in STATE:
        op.execute(f"GRANT UPDATE ON {table} TO vigil_app")
    for table in FACTS:
        op.execute(
            f"CREATE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_is_never_emptied BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_is_append_only")
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_is_never_emptied")


def downgrade() -> None:
    op.drop_index("ix_failed_try_at", "failed_try")
    op.drop_index("ix_failed_try_address_sha256_at", "failed_try")
    op.drop_column("failed_try", "address_sha256")
    for table in (*FACTS, *STATE):
        op.drop_table(table)
