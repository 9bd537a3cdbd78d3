"""A third kind of workstation: the wallboard.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# What nobody did: time, a screen that asks for a person, and a machine that hangs in a hallway.
BY_ITSELF = ("alert", "round", "sign_in", "access")


def _somebody_did_it(*by_itself: str) -> None:
    op.drop_constraint(op.f("ck_audit_entry_somebody_did_it"), "audit_entry", type_="check")
    listed = ", ".join(f"'{one}'" for one in by_itself)
    op.execute(
        "ALTER TABLE audit_entry ADD CONSTRAINT ck_audit_entry_somebody_did_it CHECK ("
        f"actor_id IS NOT NULL OR split_part(action, '.', 1) IN ({listed}))"
    )


def upgrade() -> None:
    op.drop_constraint(op.f("ck_workstation_kind"), "workstation", type_="check")
    op.create_check_constraint(
        op.f("ck_workstation_kind"), "workstation", "kind IN ('ward_pc', 'tablet', 'wallboard')"
    )
    _somebody_did_it(*BY_ITSELF, "wallboard")


def downgrade() -> None:
    _somebody_did_it(*BY_ITSELF)
    op.execute("UPDATE workstation SET kind = 'ward_pc' WHERE kind = 'wallboard'")
    op.drop_constraint(op.f("ck_workstation_kind"), "workstation", type_="check")
    op.create_check_constraint(
        op.f("ck_workstation_kind"), "workstation", "kind IN ('ward_pc', 'tablet')"
    )
