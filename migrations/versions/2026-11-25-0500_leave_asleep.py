"""Leave asleep: what a prescriber orders for the night.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "night_order",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("stay_id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "do_not_wake",
                "spo2",
                name="nightkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ordered_by", sa.Integer(), nullable=False),
        sa.Column("from_time", sa.Time(), nullable=True),
        sa.Column("to_time", sa.Time(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Integer(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "ended_at >= starts_at", name=op.f("ck_night_order_ends_after_it_begins")
        ),
        sa.CheckConstraint(
            "(kind = 'do_not_wake') = (from_time IS NOT NULL AND to_time IS NOT NULL)",
            name=op.f("ck_night_order_a_night_has_its_times"),
        ),
        sa.CheckConstraint("from_time <> to_time", name=op.f("ck_night_order_a_night_has_an_end")),
        sa.ForeignKeyConstraint(
            ["stay_id", "patient_id", "unit_id"],
            ["stay.id", "stay.patient_id", "stay.unit_id"],
            name=op.f("fk_night_order_stay_id_patient_id_unit_id"),
        ),
        sa.ForeignKeyConstraint(
            ["ordered_by"], ["staff.id"], name=op.f("fk_night_order_ordered_by")
        ),
        sa.ForeignKeyConstraint(["ended_by"], ["staff.id"], name=op.f("fk_night_order_ended_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_night_order")),
        sa.UniqueConstraint("key", name=op.f("uq_night_order_key")),
    )
    op.create_index(
        "uq_night_order_current",
        "night_order",
        ["stay_id", "kind"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.execute("SELECT keep_to_unit('night_order')")
    op.execute("SELECT goes_with_a_purge('night_order')")
    op.execute("GRANT SELECT, INSERT, UPDATE (ended_at, ended_by) ON night_order TO vigil_app")


def downgrade() -> None:
    op.drop_table("night_order")
