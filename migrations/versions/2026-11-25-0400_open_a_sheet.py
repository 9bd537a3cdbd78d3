"""Open a sheet as the unit types: its units, and when it shows what was found before.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

COLUMNS = {
    "previous_values": ("after", "previous_values IN ('after', 'always')"),
    "temperature_unit": ("°C", "temperature_unit IN ('°C', '°F')"),
    "pressure_unit": ("mmHg", "pressure_unit IN ('mmHg', 'kPa')"),
}


def upgrade() -> None:
    for name, (usual, rule) in COLUMNS.items():
        op.add_column("unit", sa.Column(name, sa.Text(), server_default=usual, nullable=False))
        op.create_check_constraint(op.f(f"ck_unit_{name}_is_known"), "unit", rule)


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_constraint(f"ck_unit_{name}_is_known", "unit")
        op.drop_column("unit", name)
