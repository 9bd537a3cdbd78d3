"""Wait on a device: when a set was saved there, beside when it was received.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "observation", sa.Column("saved_on_device_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.execute(
        "ALTER TABLE observation ADD CONSTRAINT ck_observation_saved_before_it_was_received"
        " CHECK (saved_on_device_at <= entered_at + interval '5 minutes') NOT VALID"
    )
    # Old rows are looked through while people go on writing.
    with op.get_context().autocommit_block():
        op.execute(
            "ALTER TABLE observation VALIDATE CONSTRAINT"
            " ck_observation_saved_before_it_was_received"
        )


def downgrade() -> None:
    op.drop_constraint("ck_observation_saved_before_it_was_received", "observation")
    op.drop_column("observation", "saved_on_device_at")
