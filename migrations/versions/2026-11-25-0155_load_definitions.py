"""Load definitions: the files of a site beside those that Vigil ships.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "instrument_document",
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("loaded_by", sa.Integer(), nullable=False),
        sa.Column(
            "loaded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint("document <> ''", name=op.f("ck_instrument_document_is_not_empty")),
        sa.ForeignKeyConstraint(
            ["definition"],
            ["instrument_definition.id"],
            name=op.f("fk_instrument_document_definition"),
        ),
        sa.ForeignKeyConstraint(
            ["loaded_by"], ["staff.id"], name=op.f("fk_instrument_document_loaded_by")
        ),
        sa.PrimaryKeyConstraint("definition", name=op.f("pk_instrument_document")),
    )
    # Only who sits at the server loads; everybody reads.
    op.execute("GRANT SELECT ON instrument_document TO vigil_app, vigil_watch")
    op.execute("GRANT INSERT ON instrument_document TO vigil_console")
    op.execute(
        "CREATE TRIGGER instrument_document_is_append_only BEFORE UPDATE OR DELETE"
        " ON instrument_document FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER instrument_document_is_never_emptied BEFORE TRUNCATE"
        " ON instrument_document FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    for trigger in ("is_append_only", "is_never_emptied"):
        op.execute(
            "ALTER TABLE instrument_document ENABLE ALWAYS TRIGGER instrument_document_" + trigger
        )


def downgrade() -> None:
    op.drop_table("instrument_document")
