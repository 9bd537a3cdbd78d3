"""Keep for how long: retention rules and legal holds.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Facts, with the columns that the application may fill: when it was is written by the database.
FACTS = {
    "retention_rule": "unit_id, kept, years, source, set_by",
    "legal_hold": "key, unit_id, stay_id, reason, set_by",
    "legal_hold_end": "hold_id, unit_id, reason, ended_by",
}


def upgrade() -> None:
    op.create_table(
        "retention_rule",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column(
            "kept",
            sa.Enum(
                "clinical record",
                "consents and disclosures",
                "audit trail",
                name="kept",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("years", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Integer(), nullable=False),
        sa.Column(
            "set_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint("source <> ''", name=op.f("ck_retention_rule_says_why")),
        sa.CheckConstraint(
            "years BETWEEN 1 AND 100", name=op.f("ck_retention_rule_years_are_sane")
        ),
        sa.ForeignKeyConstraint(["set_by"], ["staff.id"], name=op.f("fk_retention_rule_set_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_retention_rule_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_rule")),
    )
    op.create_index(op.f("ix_retention_rule_unit_id"), "retention_rule", ["unit_id"], unique=False)
    op.create_table(
        "legal_hold",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Integer(), nullable=False),
        sa.Column("stay_id", sa.Integer(), nullable=True),
        sa.Column(
            "set_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_legal_hold_says_why")),
        sa.ForeignKeyConstraint(["set_by"], ["staff.id"], name=op.f("fk_legal_hold_set_by")),
        sa.ForeignKeyConstraint(
            ["stay_id", "unit_id"],
            ["stay.id", "stay.unit_id"],
            name=op.f("fk_legal_hold_stay_id_unit_id"),
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_legal_hold_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_hold")),
        sa.UniqueConstraint("id", "unit_id", name=op.f("uq_legal_hold_id_unit_id")),
        sa.UniqueConstraint("key", name=op.f("uq_legal_hold_key")),
    )
    op.create_index(op.f("ix_legal_hold_unit_id"), "legal_hold", ["unit_id"], unique=False)
    op.create_table(
        "legal_hold_end",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hold_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended_by", sa.Integer(), nullable=False),
        sa.Column(
            "ended_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_legal_hold_end_says_why")),
        sa.ForeignKeyConstraint(
            ["ended_by"], ["staff.id"], name=op.f("fk_legal_hold_end_ended_by")
        ),
        sa.ForeignKeyConstraint(
            ["hold_id", "unit_id"],
            ["legal_hold.id", "legal_hold.unit_id"],
            name=op.f("fk_legal_hold_end_hold_id_unit_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_hold_end")),
        sa.UniqueConstraint("hold_id", name=op.f("uq_legal_hold_end_hold_id")),
    )
    for table, columns in FACTS.items():
        op.execute(f"SELECT keep_to_unit('{table}')")
        op.execute(f"GRANT SELECT, INSERT ({columns}) ON {table} TO vigil_app")
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
    op.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO vigil_app")


def downgrade() -> None:
    op.drop_table("legal_hold_end")
    op.drop_index(op.f("ix_legal_hold_unit_id"), table_name="legal_hold")
    op.drop_table("legal_hold")
    op.drop_index(op.f("ix_retention_rule_unit_id"), table_name="retention_rule")
    op.drop_table("retention_rule")
