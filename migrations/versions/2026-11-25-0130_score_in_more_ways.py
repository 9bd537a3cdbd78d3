"""Score in more ways: letters, numbers with a unit, parts that cannot be tested.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

# What was true of totals only; each new rule holds for every row that the old ones let in.
CHECKS = {
    "a_total_only_when_complete": "status = 'ok' OR total IS NULL",
    "a_band_only_when_complete": "status = 'ok' OR band IS NULL",
    "a_value_only_when_complete": "status = 'ok' OR value IS NULL",
    "bounds_go_with_a_total": "status <> 'ok' OR (total IS NULL) = (lowest IS NULL)",
    "bounds_come_in_pairs": "(lowest IS NULL) = (highest IS NULL)",
}


def upgrade() -> None:
    op.add_column("score", sa.Column("value", sa.Text(), nullable=True))
    op.alter_column("score", "lowest", nullable=True)
    op.alter_column("score", "highest", nullable=True)
    op.drop_constraint("ck_score_a_total_only_when_complete", "score")
    op.drop_constraint("ck_score_a_band_only_with_a_total", "score")
    for name, rule in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_score_{name}"), "score", rule)
    op.add_column(
        "unit",
        sa.Column("sedation_scale", sa.Text(), server_default="rass", nullable=False),
    )
    op.add_column(
        "unit",
        sa.Column(
            "permitted_scales", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False
        ),
    )


def downgrade() -> None:
    op.drop_column("unit", "permitted_scales")
    op.drop_column("unit", "sedation_scale")
    for name in CHECKS:
        op.drop_constraint(f"ck_score_{name}", "score")
    op.drop_column("score", "value")
    op.alter_column("score", "highest", nullable=False)
    op.alter_column("score", "lowest", nullable=False)
    op.create_check_constraint(
        op.f("ck_score_a_band_only_with_a_total"), "score", "(total IS NULL) = (band IS NULL)"
    )
    op.create_check_constraint(
        op.f("ck_score_a_total_only_when_complete"),
        "score",
        "(status = 'ok') = (total IS NOT NULL)",
    )
