"""Go safety rounds: checks of their own, 1:1, tags on the doors.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
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
    "events of a stay",
)


def _leaves(*what: str, old_rows: str = "") -> None:
    op.drop_constraint("ck_disclosure_what", "disclosure")
    listed = ", ".join(f"'{one}'" for one in what)
    op.execute(
        f"ALTER TABLE disclosure ADD CONSTRAINT ck_disclosure_what CHECK (what IN ({listed}))"
        f" {old_rows}"
    )


def _enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade() -> None:
    op.add_column(
        "unit",
        sa.Column("door_tags_required", sa.Boolean(), server_default="false", nullable=False),
    )
    op.add_column(
        "observation_order",
        sa.Column("one_to_one", sa.Boolean(), server_default="false", nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_observation_order_one_to_one_is_safety"),
        "observation_order",
        "NOT one_to_one OR instrument = 'safety'",
    )
    _door_tags()
    _checks()
    _leaves(*LEAVES, "safety checks of a stay")


def _door_tags() -> None:
    op.create_table(
        "door_tag",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("bed_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replaced_by", sa.Integer(), nullable=True),
        sa.CheckConstraint("code ~ '^[A-Za-z0-9_-]{16,64}$'", name=op.f("ck_door_tag_is_opaque")),
        sa.ForeignKeyConstraint(
            ["bed_id", "unit_id"],
            ["bed.id", "bed.unit_id"],
            name=op.f("fk_door_tag_bed_id_unit_id"),
        ),
        sa.ForeignKeyConstraint(["made_by"], ["staff.id"], name=op.f("fk_door_tag_made_by")),
        sa.ForeignKeyConstraint(
            ["replaced_by"], ["staff.id"], name=op.f("fk_door_tag_replaced_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_door_tag")),
        sa.UniqueConstraint("code", name=op.f("uq_door_tag_code")),
        sa.UniqueConstraint("id", "unit_id", name=op.f("uq_door_tag_id_unit_id")),
    )
    op.create_index(
        "uq_door_tag_current",
        "door_tag",
        ["bed_id"],
        unique=True,
        postgresql_where=sa.text("replaced_at IS NULL"),
    )
    op.execute("GRANT SELECT, INSERT, UPDATE (replaced_at, replaced_by) ON door_tag TO vigil_app")
    op.execute("SELECT keep_to_unit('door_tag')")


def _checks() -> None:
    op.create_table(
        "safety_check",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("stay_id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column(
            "change",
            _enum("checkchange", "recorded", "corrected", "taken_back"),
            nullable=False,
        ),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("late_entry", sa.Boolean(), nullable=False),
        sa.Column("recorded_by", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("round_id", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("doing", sa.Text(), nullable=True),
        sa.Column("breathing", sa.Text(), nullable=True),
        sa.Column("concern", sa.Text(), nullable=True),
        sa.Column(
            "not_seen",
            _enum("notseenkind", "not_found", "off_unit", "nobody_free"),
            nullable=True,
        ),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("tag_id", sa.Integer(), nullable=True),
        sa.Column("scanned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "no_tag",
            _enum("notag", "tag_gone", "no_camera", "elsewhere", "other"),
            nullable=True,
        ),
        sa.Column("supersedes_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "written_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "observed_at > '1900-01-01'", name=op.f("ck_safety_check_observed_at_is_sane")
        ),
        sa.CheckConstraint(
            "observed_at <= entered_at + interval '5 minutes'",
            name=op.f("ck_safety_check_observed_before_entered"),
        ),
        sa.CheckConstraint(
            "(not_seen IS NULL) = (place IS NOT NULL AND doing IS NOT NULL)",
            name=op.f("ck_safety_check_seen_or_why_not"),
        ),
        sa.CheckConstraint(
            "not_seen IS NULL OR (place IS NULL AND doing IS NULL AND breathing IS NULL"
            " AND concern IS NULL)",
            name=op.f("ck_safety_check_not_seen_says_nothing_else"),
        ),
        sa.CheckConstraint(
            "definition <> 'safety/vigil-2026/v1' OR (place IN ('R', 'B', 'D', 'H', 'G', 'O')"
            " AND doing IN ('A', 'Q', 'S', 'T')) IS NOT FALSE AND breathing IN ('Y', 'N')"
            " IS NOT FALSE AND concern IN ('Y', 'N') IS NOT FALSE",
            name=op.f("ck_safety_check_answers_are_legal"),
        ),
        sa.CheckConstraint(
            "doing <> 'S' OR breathing IS NOT NULL",
            name=op.f("ck_safety_check_asleep_is_seen_to_breathe_or_not"),
        ),
        sa.CheckConstraint(
            "(tag_id IS NULL) = (scanned_at IS NULL) AND (tag_id IS NULL OR no_tag IS NULL)",
            name=op.f("ck_safety_check_a_tag_is_scanned_or_not"),
        ),
        sa.CheckConstraint(
            "(change = 'recorded') = (supersedes_id IS NULL)",
            name=op.f("ck_safety_check_only_the_first_stands_alone"),
        ),
        sa.CheckConstraint(
            "(change = 'recorded') = (reason IS NULL)",
            name=op.f("ck_safety_check_a_correction_has_a_reason"),
        ),
        sa.CheckConstraint(
            "round_id IS NULL OR order_id IS NOT NULL",
            name=op.f("ck_safety_check_a_round_has_an_order"),
        ),
        sa.ForeignKeyConstraint(
            ["stay_id", "patient_id", "unit_id"],
            ["stay.id", "stay.patient_id", "stay.unit_id"],
            name=op.f("fk_safety_check_stay_id_patient_id_unit_id"),
        ),
        sa.ForeignKeyConstraint(
            ["order_id", "stay_id", "patient_id", "unit_id"],
            [
                "observation_order.id",
                "observation_order.stay_id",
                "observation_order.patient_id",
                "observation_order.unit_id",
            ],
            name=op.f("fk_safety_check_order_id_stay_id_patient_id_unit_id"),
        ),
        sa.ForeignKeyConstraint(
            ["round_id", "unit_id"],
            ["round.id", "round.unit_id"],
            name=op.f("fk_safety_check_round_id_unit_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tag_id", "unit_id"],
            ["door_tag.id", "door_tag.unit_id"],
            name=op.f("fk_safety_check_tag_id_unit_id"),
        ),
        sa.ForeignKeyConstraint(
            ["supersedes_id", "stay_id"],
            ["safety_check.id", "safety_check.stay_id"],
            name=op.f("fk_safety_check_supersedes_id_stay_id"),
        ),
        sa.ForeignKeyConstraint(
            ["recorded_by"], ["staff.id"], name=op.f("fk_safety_check_recorded_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_safety_check")),
        sa.UniqueConstraint("id", "stay_id", name=op.f("uq_safety_check_id_stay_id")),
        sa.UniqueConstraint("key", name=op.f("uq_safety_check_key")),
        sa.UniqueConstraint("supersedes_id", name=op.f("uq_safety_check_supersedes_id")),
    )
    op.create_index(
        "ix_safety_check_stay_id_observed_at", "safety_check", ["stay_id", "observed_at"]
    )
    op.create_index(
        "ix_safety_check_unit_id_observed_at", "safety_check", ["unit_id", "observed_at"]
    )
    op.create_index(
        "uq_safety_check_scan",
        "safety_check",
        ["tag_id", "scanned_at", "recorded_by"],
        unique=True,
        postgresql_where=sa.text("change = 'recorded'"),
    )
    op.execute("GRANT SELECT, INSERT ON safety_check TO vigil_app")
    op.execute("SELECT keep_to_unit('safety_check')")
    op.execute("SELECT goes_with_a_purge('safety_check')")
    op.execute(
        "CREATE TRIGGER safety_check_is_append_only BEFORE UPDATE OR DELETE ON safety_check"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER safety_check_is_never_emptied BEFORE TRUNCATE ON safety_check"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    for trigger in ("is_append_only", "is_never_emptied"):
        op.execute("ALTER TABLE safety_check ENABLE ALWAYS TRIGGER safety_check_" + trigger)


def downgrade() -> None:
    # What left meanwhile stays in the ledger: only new rows are held to this.
    _leaves(*LEAVES, old_rows="NOT VALID")
    op.drop_table("safety_check")
    op.drop_table("door_tag")
    op.drop_constraint(
        op.f("ck_observation_order_one_to_one_is_safety"), "observation_order", type_="check"
    )
    op.drop_column("observation_order", "one_to_one")
    op.drop_column("unit", "door_tags_required")
