"""Keep what leaves: consents, restrictions, and the ledger of disclosures.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Facts, with the columns that the application may fill: when it was is written by the database.
FACTS = {
    "consent": "key, patient_id, stay_id, unit_id, scope, recipient_kind, recipient, purpose_kind,"
    " purpose, signed_how, signed_at, taken_by, expires_on, expires_with, supersedes_id",
    "consent_end": "key, consent_id, unit_id, kind, said_how, ended_by",
    "disclosure": "key, unit_id, by_id, what, form, basis, sha256, row_count, recipient,"
    " affiliation, purpose, nature, told_at",
    "disclosure_patient": "disclosure_id, stay_id, patient_id, unit_id, consent_id",
    "disclosure_review": "disclosure_id, unit_id, reviewed_by",
    "restriction": "key, patient_id, stay_id, unit_id, asked, taken_by, recipient",
    "restriction_answer": "key, restriction_id, unit_id, verdict, reason, decided_by",
}


def upgrade() -> None:
    op.create_table(
        "disclosure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column(
            "what",
            sa.Enum(
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
                name="what",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column(
            "basis",
            sa.Enum(
                "no patient is named",
                "the patient's consent",
                "treatment on this unit",
                "audit or evaluation",
                "medical emergency",
                "the patient's own request",
                "legal proceedings",
                name="basis",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("affiliation", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("nature", sa.Text(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "basis <> 'medical emergency' OR (what = 'told in an emergency' AND nature <> '' AND told_at IS NOT NULL)",
            name=op.f("ck_disclosure_an_emergency_is_described"),
        ),
        sa.CheckConstraint(
            "basis = 'no patient is named' OR (recipient <> '' AND affiliation <> '' AND purpose <> '')",
            name=op.f("ck_disclosure_names_go_to_somebody_for_something"),
        ),
        sa.CheckConstraint("row_count >= 0", name=op.f("ck_disclosure_rows_are_counted")),
        sa.ForeignKeyConstraint(["by_id"], ["staff.id"], name=op.f("fk_disclosure_by_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_disclosure_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disclosure")),
        sa.UniqueConstraint("id", "unit_id", name=op.f("uq_disclosure_id_unit_id")),
        sa.UniqueConstraint("key", name=op.f("uq_disclosure_key")),
    )
    op.create_index("ix_disclosure_by_id_at", "disclosure", ["by_id", "at"], unique=False)
    op.create_index("ix_disclosure_unit_id_at", "disclosure", ["unit_id", "at"], unique=False)
    op.create_table(
        "disclosure_review",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("disclosure_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("reviewed_by", sa.Integer(), nullable=False),
        sa.Column(
            "reviewed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["disclosure_id", "unit_id"],
            ["disclosure.id", "disclosure.unit_id"],
            name=op.f("fk_disclosure_review_disclosure_id_unit_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reviewed_by"], ["staff.id"], name=op.f("fk_disclosure_review_reviewed_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disclosure_review")),
        sa.UniqueConstraint("disclosure_id", name=op.f("uq_disclosure_review_disclosure_id")),
    )
    op.create_table(
        "consent",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("stay_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("scope", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            "recipient_kind",
            sa.Enum(
                "a person",
                "an organisation",
                "everybody of a kind",
                name="recipientkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column(
            "purpose_kind",
            sa.Enum(
                "treatment, payment and operations",
                "one purpose",
                name="purposekind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "signed_how",
            sa.Enum(
                "on paper",
                "electronically",
                "on paper, by a legal representative",
                name="signedhow",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("expires_with", sa.Text(), nullable=True),
        sa.Column("supersedes_id", sa.Integer(), nullable=True),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(purpose_kind = 'one purpose') = (purpose IS NOT NULL)",
            name=op.f("ck_consent_one_purpose_is_named"),
        ),
        sa.CheckConstraint(
            "NOT 'SUD counselling notes' = ANY (scope) OR cardinality(scope) = 1",
            name=op.f("ck_consent_counselling_notes_have_their_own"),
        ),
        sa.CheckConstraint("recipient <> ''", name=op.f("ck_consent_says_to_whom")),
        sa.CheckConstraint(
            "recipient_kind <> 'everybody of a kind' OR recipient IN ('my treating providers', 'my health plans and payers', 'people helping to operate this programme')",
            name=op.f("ck_consent_recipient_class_is_of_the_list"),
        ),
        sa.CheckConstraint(
            "scope <@ ARRAY['name and stay on the unit', 'observations, scores and alerts', 'medication and taper', 'plan, aftercare and discharge', 'therapy and groups', 'SUD counselling notes']::text[]",
            name=op.f("ck_consent_scope_is_of_the_list"),
        ),
        sa.CheckConstraint("cardinality(scope) > 0", name=op.f("ck_consent_says_what_may_be_told")),
        sa.CheckConstraint(
            "expires_on IS NULL OR expires_with IS NULL",
            name=op.f("ck_consent_ends_on_a_day_or_with_an_event"),
        ),
        sa.ForeignKeyConstraint(
            ["stay_id", "patient_id", "unit_id"],
            ["stay.id", "stay.patient_id", "stay.unit_id"],
            name=op.f("fk_consent_stay_id_patient_id_unit_id"),
        ),
        sa.ForeignKeyConstraint(
            ["supersedes_id"], ["consent.id"], name=op.f("fk_consent_supersedes_id")
        ),
        sa.ForeignKeyConstraint(["taken_by"], ["staff.id"], name=op.f("fk_consent_taken_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
        sa.UniqueConstraint("id", "unit_id", name=op.f("uq_consent_id_unit_id")),
        sa.UniqueConstraint("key", name=op.f("uq_consent_key")),
        sa.UniqueConstraint("supersedes_id", name=op.f("uq_consent_supersedes_id")),
    )
    op.create_index("ix_consent_patient_id", "consent", ["patient_id"], unique=False)
    op.create_table(
        "restriction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("stay_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("taken_by", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column(
            "asked_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "recipient IS NULL OR recipient <> ''", name=op.f("ck_restriction_from_somebody_or_all")
        ),
        sa.ForeignKeyConstraint(
            ["stay_id", "patient_id", "unit_id"],
            ["stay.id", "stay.patient_id", "stay.unit_id"],
            name=op.f("fk_restriction_stay_id_patient_id_unit_id"),
        ),
        sa.ForeignKeyConstraint(["taken_by"], ["staff.id"], name=op.f("fk_restriction_taken_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restriction")),
        sa.UniqueConstraint("id", "unit_id", name=op.f("uq_restriction_id_unit_id")),
        sa.UniqueConstraint("key", name=op.f("uq_restriction_key")),
    )
    op.create_index("ix_restriction_patient_id", "restriction", ["patient_id"], unique=False)
    op.create_table(
        "consent_end",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("consent_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "revoked by the patient",
                "the event it ends with has happened",
                name="endkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("said_how", sa.Text(), nullable=False),
        sa.Column("ended_by", sa.Integer(), nullable=False),
        sa.Column(
            "ended_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["consent_id", "unit_id"],
            ["consent.id", "consent.unit_id"],
            name=op.f("fk_consent_end_consent_id_unit_id"),
        ),
        sa.ForeignKeyConstraint(["ended_by"], ["staff.id"], name=op.f("fk_consent_end_ended_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_end")),
        sa.UniqueConstraint("consent_id", name=op.f("uq_consent_end_consent_id")),
        sa.UniqueConstraint("key", name=op.f("uq_consent_end_key")),
    )
    op.create_table(
        "disclosure_patient",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("disclosure_id", sa.Integer(), nullable=False),
        sa.Column("stay_id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("consent_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["consent_id", "unit_id"],
            ["consent.id", "consent.unit_id"],
            name=op.f("fk_disclosure_patient_consent_id_unit_id"),
        ),
        sa.ForeignKeyConstraint(
            ["disclosure_id", "unit_id"],
            ["disclosure.id", "disclosure.unit_id"],
            name=op.f("fk_disclosure_patient_disclosure_id_unit_id"),
        ),
        sa.ForeignKeyConstraint(
            ["stay_id", "patient_id", "unit_id"],
            ["stay.id", "stay.patient_id", "stay.unit_id"],
            name=op.f("fk_disclosure_patient_stay_id_patient_id_unit_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disclosure_patient")),
        sa.UniqueConstraint(
            "disclosure_id",
            "stay_id",
            "patient_id",
            name=op.f("uq_disclosure_patient_disclosure_id_stay_id_patient_id"),
        ),
    )
    op.create_index(
        "ix_disclosure_patient_patient_id", "disclosure_patient", ["patient_id"], unique=False
    )
    op.create_table(
        "restriction_answer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("restriction_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column(
            "verdict",
            sa.Enum(
                "agreed",
                "declined",
                "lifted",
                name="verdict",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=False),
        sa.Column(
            "decided_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["staff.id"], name=op.f("fk_restriction_answer_decided_by")
        ),
        sa.ForeignKeyConstraint(
            ["restriction_id", "unit_id"],
            ["restriction.id", "restriction.unit_id"],
            name=op.f("fk_restriction_answer_restriction_id_unit_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restriction_answer")),
        sa.UniqueConstraint("key", name=op.f("uq_restriction_answer_key")),
    )
    op.create_index(
        op.f("ix_restriction_answer_restriction_id"),
        "restriction_answer",
        ["restriction_id"],
        unique=False,
    )
    for table, columns in FACTS.items():
        op.execute(f"SELECT keep_to_unit('{table}')")
        op.execute(f"GRANT SELECT, INSERT ({columns}) ON {table} TO vigil_app")
        op.execute(
            f"CREATE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_is_never_emptied BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_is_append_only")
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_is_never_emptied")
    op.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO vigil_app")


def downgrade() -> None:
    op.drop_index(op.f("ix_restriction_answer_restriction_id"), table_name="restriction_answer")
    op.drop_table("restriction_answer")
    op.drop_index("ix_disclosure_patient_patient_id", table_name="disclosure_patient")
    op.drop_table("disclosure_patient")
    op.drop_table("consent_end")
    op.drop_index("ix_restriction_patient_id", table_name="restriction")
    op.drop_table("restriction")
    op.drop_index("ix_consent_patient_id", table_name="consent")
    op.drop_table("consent")
    op.drop_table("disclosure_review")
    op.drop_index("ix_disclosure_unit_id_at", table_name="disclosure")
    op.drop_index("ix_disclosure_by_id_at", table_name="disclosure")
    op.drop_table("disclosure")
