"""Break the glass: a record read without the right to it, its end and its review.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# Facts, with the columns that the application may fill: when it was is written by the database.
FACTS = {
    "glass": "key, staff_id, stay_id, patient_id, unit_id, reason, words",
    "glass_end": "glass_id, unit_id, staff_id",
    "glass_review": "key, glass_id, unit_id, staff_id, outcome, words, reviewed_by",
}
REASONS = (
    "this patient is in danger",
    "nobody of the unit can be reached",
    "the patient is moved to or from here",
    "a fault that may endanger this patient",
    "another reason, said below",
)


def _now_by_the_database(name: str) -> sa.Column[object]:
    return sa.Column(
        name,
        sa.DateTime(timezone=True),
        server_default=sa.text("clock_timestamp()"),
        nullable=False,
    )


def _of_a_glass(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["glass_id", "unit_id", "staff_id"],
        ["glass.id", "glass.unit_id", "glass.staff_id"],
        name=op.f(f"fk_{table}_glass_id_unit_id_staff_id"),
    )


def upgrade() -> None:
    op.create_table(
        "glass",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("stay_id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column(
            "reason",
            sa.Enum(
                *REASONS, name="glassreason", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("words", sa.Text(), nullable=False),
        _now_by_the_database("opened_at"),
        sa.CheckConstraint("words <> ''", name=op.f("ck_glass_says_why")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_glass_staff_id")),
        sa.ForeignKeyConstraint(
            ["stay_id", "patient_id", "unit_id"],
            ["stay.id", "stay.patient_id", "stay.unit_id"],
            name=op.f("fk_glass_stay_id_patient_id_unit_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_glass")),
        sa.UniqueConstraint("id", "unit_id", "staff_id", name=op.f("uq_glass_id_unit_id_staff_id")),
        sa.UniqueConstraint("key", name=op.f("uq_glass_key")),
    )
    op.create_index("ix_glass_staff_id_id", "glass", ["staff_id", "id"], unique=False)
    op.create_index("ix_glass_unit_id_opened_at", "glass", ["unit_id", "opened_at"], unique=False)
    op.create_table(
        "glass_end",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("glass_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        _now_by_the_database("ended_at"),
        _of_a_glass("glass_end"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_glass_end")),
        sa.UniqueConstraint("glass_id", name=op.f("uq_glass_end_glass_id")),
    )
    op.create_table(
        "glass_review",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("glass_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                "justified",
                "not justified",
                "follow up",
                name="outcome",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("reviewed_by", sa.Integer(), nullable=False),
        _now_by_the_database("reviewed_at"),
        sa.CheckConstraint(
            "reviewed_by <> staff_id", name=op.f("ck_glass_review_by_somebody_else")
        ),
        sa.CheckConstraint("words <> ''", name=op.f("ck_glass_review_says_why")),
        _of_a_glass("glass_review"),
        sa.ForeignKeyConstraint(
            ["reviewed_by"], ["staff.id"], name=op.f("fk_glass_review_reviewed_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_glass_review")),
        sa.UniqueConstraint("key", name=op.f("uq_glass_review_key")),
    )
    op.create_index("ix_glass_review_glass_id", "glass_review", ["glass_id"], unique=False)
    op.create_index(
        "uq_glass_review_final",
        "glass_review",
        ["glass_id"],
        unique=True,
        postgresql_where=sa.text("outcome <> 'follow up'"),
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
    # Asked with the sign-in, before any unit is on duty. Only the newest of a person's rows can be
    # open, so that they never have two.
    op.execute(
        """
        CREATE FUNCTION open_glass(person integer, moment timestamptz) RETURNS jsonb
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
        $$
            SELECT jsonb_build_array(newest.id, newest.stay_id, newest.unit_id, unit.name,
                newest.opened_at + interval '60 minutes')
            FROM (SELECT * FROM glass WHERE staff_id = person ORDER BY id DESC LIMIT 1) AS newest
            JOIN unit ON unit.id = newest.unit_id
            WHERE moment < newest.opened_at + interval '60 minutes'
                AND NOT EXISTS (SELECT FROM glass_end WHERE glass_end.glass_id = newest.id)
        $$
        """
    )
    op.execute("REVOKE EXECUTE ON FUNCTION open_glass FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION open_glass TO vigil_app")


def downgrade() -> None:
    op.execute("DROP FUNCTION open_glass")
    op.drop_table("glass_review")
    op.drop_table("glass_end")
    op.drop_table("glass")
