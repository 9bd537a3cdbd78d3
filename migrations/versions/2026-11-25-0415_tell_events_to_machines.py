"""Tell events to machines: one more thing that leaves, and stands in the ledger.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

LEAVES = (
    "shift report",
    "accounting of disclosures",
    "unit and beds",
    "ward board",
    "list of stays",
    "a stay with its patient",
    "sets of observations",
    "list of alerts",
    "an alert with its history",
    "told in an emergency",
    "part of the audit trail",
)


def _leaves(*what: str, old_rows: str = "") -> None:
    op.drop_constraint("ck_disclosure_what", "disclosure")
    listed = ", ".join(f"'{one}'" for one in what)
    op.execute(
        f"ALTER TABLE disclosure ADD CONSTRAINT ck_disclosure_what CHECK (what IN ({listed}))"
        f" {old_rows}"
    )


def upgrade() -> None:
    _leaves(*LEAVES, "events of a stay")


def downgrade() -> None:
    # What left meanwhile stays in the ledger: only new rows are held to this.
    _leaves(*LEAVES, old_rows="NOT VALID")
