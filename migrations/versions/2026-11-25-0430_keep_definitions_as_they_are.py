"""Keep definitions as they are: a fingerprint of everything that a shipped one says.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "definition_content",
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column(
            "loaded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["definition"],
            ["instrument_definition.id"],
            name=op.f("fk_definition_content_definition"),
        ),
        sa.PrimaryKeyConstraint("definition", name=op.f("pk_definition_content")),
    )
    # Only who sits at the server loads; nobody else asks.
    op.execute("GRANT SELECT, INSERT ON definition_content TO vigil_console")
    op.execute(
        "CREATE TRIGGER definition_content_is_append_only BEFORE UPDATE OR DELETE"
        " ON definition_content FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER definition_content_is_never_emptied BEFORE TRUNCATE"
        " ON definition_content FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    for trigger in ("is_append_only", "is_never_emptied"):
        op.execute(
            "ALTER TABLE definition_content ENABLE ALWAYS TRIGGER definition_content_" + trigger
        )


def downgrade() -> None:
    op.drop_table("definition_content")
