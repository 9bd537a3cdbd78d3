"""Read what is of no unit: the privacy officer, at the keys, and nobody else; and take it out.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
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
)
# Who is at the keys was named by the query that found their sign-in, in this transaction.
OFFICER = """
CREATE FUNCTION privacy_officer_at_the_keys() RETURNS boolean LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM sign_in
        JOIN posting ON posting.staff_id = sign_in.staff_id
            AND posting.unit_id = sign_in.unit_id AND posting.until_at IS NULL
        WHERE sign_in.id = nullif(current_setting('vigil.sign_in_id', true), '')::integer
            AND sign_in.unit_id = unit_on_duty()
            AND sign_in.ended_at IS NULL AND posting.role = 'privacy_officer'
            AND NOT EXISTS (SELECT FROM staff_restriction AS denied
                WHERE denied.staff_id = sign_in.staff_id AND denied.unit_id = sign_in.unit_id
                    AND denied.permission = 'see_audit' AND denied.lifted_at IS NULL))
$$
"""


def _leaves(*what: str, old_rows: str = "") -> None:
    op.drop_constraint("ck_disclosure_what", "disclosure")
    listed = ", ".join(f"'{one}'" for one in what)
    op.execute(
        f"ALTER TABLE disclosure ADD CONSTRAINT ck_disclosure_what CHECK (what IN ({listed}))"
        f" {old_rows}"
    )


def upgrade() -> None:
    op.execute(OFFICER)
    op.execute("REVOKE EXECUTE ON FUNCTION privacy_officer_at_the_keys FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION privacy_officer_at_the_keys TO vigil_app")
    op.execute(
        "CREATE POLICY of_no_unit_to_the_officer ON audit_entry FOR SELECT TO vigil_app"
        " USING (unit_id IS NULL AND (SELECT privacy_officer_at_the_keys()))"
    )
    _leaves(*LEAVES, "part of the audit trail")


def downgrade() -> None:
    # What left as a part of the trail stays in the ledger: only new rows are held to this.
    _leaves(*LEAVES, old_rows="NOT VALID")
    op.execute("DROP POLICY of_no_unit_to_the_officer ON audit_entry")
    op.execute("DROP FUNCTION privacy_officer_at_the_keys")
