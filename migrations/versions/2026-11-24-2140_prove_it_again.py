"""How well a sign-in was proved, and until when a second proof holds.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "sign_in", sa.Column("assurance", sa.SmallInteger(), server_default="1", nullable=False)
    )
    op.add_column(
        "sign_in", sa.Column("stepped_up_until", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_check_constraint(
        op.f("ck_sign_in_assurance_is_known"), "sign_in", "assurance IN (1, 2)"
    )


def downgrade() -> None:
    op.drop_column("sign_in", "stepped_up_until")
    op.drop_column("sign_in", "assurance")
