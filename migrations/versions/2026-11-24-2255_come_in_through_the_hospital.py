"""The hospital's provider: who is linked with which subject, and answers that were used.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hospital_identity",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_hospital_identity_staff_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hospital_identity")),
    )
    for name, columns in (("subject", ["issuer", "subject"]), ("person", ["staff_id"])):
        op.create_index(
            f"uq_hospital_identity_{name}",
            "hospital_identity",
            columns,
            unique=True,
            postgresql_where=sa.text("ended_at IS NULL"),
        )
    op.create_table(
        "spent_answer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spent_answer")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_spent_answer_token_sha256")),
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON hospital_identity TO vigil_app")
    op.execute("GRANT SELECT, INSERT ON spent_answer TO vigil_app")
    for table in ("hospital_identity", "spent_answer"):
        op.execute(f"GRANT USAGE ON SEQUENCE {table}_id_seq TO vigil_app")
    op.execute(
        "CREATE TRIGGER spent_answer_is_append_only BEFORE UPDATE OR DELETE ON spent_answer"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER spent_answer_is_never_emptied BEFORE TRUNCATE ON spent_answer"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    for trigger in ("is_append_only", "is_never_emptied"):
        op.execute(f"ALTER TABLE spent_answer ENABLE ALWAYS TRIGGER spent_answer_{trigger}")


def downgrade() -> None:
    op.drop_table("spent_answer")
    op.drop_table("hospital_identity")
