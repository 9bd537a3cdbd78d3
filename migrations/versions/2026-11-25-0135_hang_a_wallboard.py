"""A third kind of workstation: the wallboard.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint(op.f("ck_workstation_kind"), "workstation", type_="check")
    op.create_check_constraint(
        op.f("ck_workstation_kind"), "workstation", "kind IN ('ward_pc', 'tablet', 'wallboard')"
    )
    # Besides time, and a screen that asks for a person: a machine that hangs in a hallway.
    op.drop_constraint(op.f("ck_audit_entry_somebody_did_it"), "audit_entry", type_="check")
    op.create_check_constraint(
        op.f("ck_audit_entry_somebody_did_it"),
        "audit_entry",
        "actor_id IS NOT NULL OR split_part(action, '.', 1) IN"
        " ('alert', 'round', 'sign_in', 'access', 'wallboard')",
    )


def downgrade() -> None:
    """The trail keeps the wider rule with the entries that it let in."""
    op.execute("UPDATE workstation SET kind = 'ward_pc' WHERE kind = 'wallboard'")
    op.drop_constraint(op.f("ck_workstation_kind"), "workstation", type_="check")
    op.create_check_constraint(
        op.f("ck_workstation_kind"), "workstation", "kind IN ('ward_pc', 'tablet')"
    )
