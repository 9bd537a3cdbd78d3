"""Refuse what cannot be: times without end, totals out of bounds, a flow on room air.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

CHECKS = {
    ("observation", "entered_at_is_sane"): "entered_at < '9999-01-01'",
    ("observation", "a_reason_has_words"): "correction_reason <> ''",
    ("observation", "no_flow_on_room_air"): "on_oxygen OR oxygen_l_per_min = 0",
    ("score", "total_is_within_its_bounds"): "total BETWEEN lowest AND highest",
}


def upgrade() -> None:
    for (table, name), rule in CHECKS.items():
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{name} CHECK ({rule}) NOT VALID")
    # Who lay where is history as soon as they have left the bed.
    op.execute("REVOKE UPDATE ON placement FROM vigil_app")
    op.execute("GRANT UPDATE (until_at) ON placement TO vigil_app")
    op.execute(
        "CREATE TRIGGER placement_is_over BEFORE UPDATE ON placement FOR EACH ROW"
        " WHEN (OLD.until_at IS NOT NULL) EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER placement_is_never_deleted BEFORE DELETE ON placement"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    # Old rows are looked through while people go on writing.
    with op.get_context().autocommit_block():
        for table, name in CHECKS:
            op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_{name}")


def downgrade() -> None:
    op.execute("DROP TRIGGER placement_is_never_deleted ON placement")
    op.execute("DROP TRIGGER placement_is_over ON placement")
    op.execute("GRANT UPDATE ON placement TO vigil_app")
    for table, name in CHECKS:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{name}")
