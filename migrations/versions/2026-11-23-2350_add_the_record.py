"""Add the record: units, people, stays, sets, scores, rounds, alerts, audit.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "beat",
        sa.Column("process", sa.Text(), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("process", name=op.f("pk_beat")),
    )
    op.create_table(
        "failed_try",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_failed_try")),
    )
    op.create_index(
        "ix_failed_try_account_sha256_at",
        "failed_try",
        ["account_sha256", "at"],
        unique=False,
    )
    op.create_table(
        "instrument_definition",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("legal", postgresql.JSONB(), nullable=False),
        sa.Column("content_sha256", sa.LargeBinary(), nullable=False),
        sa.Column(
            "loaded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instrument_definition")),
    )
    op.create_table(
        "patient",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("family_name", sa.Text(), nullable=False),
        sa.Column("given_name", sa.Text(), nullable=False),
        sa.Column("born_on", sa.Date(), nullable=True),
        sa.Column("allergies", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("born_on > '1850-01-01'", name=op.f("ck_patient_born_on_is_sane")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient")),
        sa.UniqueConstraint("code", name=op.f("uq_patient_code")),
        sa.UniqueConstraint("source", "source_id", name=op.f("uq_patient_source_source_id")),
    )
    op.create_table(
        "staff",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("login_name", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("login_name", name=op.f("uq_staff_login_name")),
    )
    op.create_table(
        "unit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("shift_starts", sa.ARRAY(sa.Time()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit")),
        sa.UniqueConstraint("code", name=op.f("uq_unit_code")),
    )
    op.create_table(
        "bed",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("room", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_bed_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bed")),
        sa.UniqueConstraint("id", "unit_id", name=op.f("uq_bed_id_unit_id")),
        sa.UniqueConstraint("unit_id", "label", name=op.f("uq_bed_unit_id_label")),
    )
    op.create_table(
        "device",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["made_by"], ["staff.id"], name=op.f("fk_device_made_by")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_device_staff_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_device_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_device_token_sha256")),
    )
    op.create_table(
        "posting",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "nurse",
                "technician",
                "charge_nurse",
                "physician",
                "therapist",
                "administrator",
                "approver",
                "privacy_officer",
                "device",
                "interface",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "from_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_posting_staff_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_posting_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posting")),
    )
    op.create_index(
        "uq_posting_current",
        "posting",
        ["staff_id", "unit_id"],
        unique=True,
        postgresql_where=sa.text("until_at IS NULL"),
    )
    op.create_table(
        "risk_flag",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("noted_by", sa.Integer(), nullable=False),
        sa.Column(
            "noted_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["noted_by"], ["staff.id"], name=op.f("fk_risk_flag_noted_by")),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_risk_flag_patient_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_risk_flag")),
    )
    op.create_index(op.f("ix_risk_flag_patient_id"), "risk_flag", ["patient_id"], unique=False)
    op.create_table(
        "sign_in",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_active_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_sign_in_staff_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_sign_in_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_sign_in_token_sha256")),
    )
    op.create_index(op.f("ix_sign_in_staff_id"), "sign_in", ["staff_id"], unique=False)
    op.create_table(
        "stay",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("admitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("admitted_by", sa.Integer(), nullable=False),
        sa.Column("substances", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("use_history", sa.Text(), nullable=True),
        sa.Column("last_use_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("spo2_scale", sa.Integer(), nullable=False),
        sa.Column("spo2_scale_prescribed_by", sa.Integer(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("discharged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("discharged_by", sa.Integer(), nullable=True),
        sa.Column(
            "discharge_reason",
            sa.Enum(
                "completed",
                "left against advice",
                "transferred",
                "ended by the unit",
                "died",
                "other",
                name="dischargereason",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        postgresql.ExcludeConstraint(
            (sa.text("int8range(patient_id, patient_id, '[]')"), "&&"),
            (sa.text("tstzrange(admitted_at, discharged_at)"), "&&"),
            using="gist",
            name="ex_stay_one_stay_per_patient",
        ),
        sa.CheckConstraint(
            "(discharged_at IS NULL) = (discharge_reason IS NULL)",
            name=op.f("ck_stay_an_end_has_a_reason"),
        ),
        sa.CheckConstraint(
            "discharged_at > admitted_at", name=op.f("ck_stay_ends_after_it_begins")
        ),
        sa.CheckConstraint(
            "spo2_scale = 1 OR spo2_scale_prescribed_by IS NOT NULL",
            name=op.f("ck_stay_spo2_scale_2_has_a_prescriber"),
        ),
        sa.CheckConstraint("spo2_scale IN (1, 2)", name=op.f("ck_stay_spo2_scale_is_1_or_2")),
        sa.ForeignKeyConstraint(["admitted_by"], ["staff.id"], name=op.f("fk_stay_admitted_by")),
        sa.ForeignKeyConstraint(
            ["discharged_by"], ["staff.id"], name=op.f("fk_stay_discharged_by")
        ),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_stay_patient_id")),
        sa.ForeignKeyConstraint(
            ["spo2_scale_prescribed_by"],
            ["staff.id"],
            name=op.f("fk_stay_spo2_scale_prescribed_by"),
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_stay_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stay")),
        sa.UniqueConstraint("id", "patient_id", name=op.f("uq_stay_id_patient_id")),
        sa.UniqueConstraint("id", "unit_id", name=op.f("uq_stay_id_unit_id")),
        sa.UniqueConstraint("key", name=op.f("uq_stay_key")),
    )
    op.create_index(
        "ix_stay_current",
        "stay",
        ["unit_id"],
        unique=False,
        postgresql_where=sa.text("discharged_at IS NULL"),
    )
    op.create_index(op.f("ix_stay_patient_id"), "stay", ["patient_id"], unique=False)
    op.create_table(
        "unit_protocol",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("document", postgresql.JSONB(), nullable=False),
        sa.Column("drafted_by", sa.Integer(), nullable=False),
        sa.Column("approved_by", sa.Integer(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "approved_by <> drafted_by",
            name=op.f("ck_unit_protocol_approved_by_a_second_person"),
        ),
        sa.ForeignKeyConstraint(
            ["approved_by"], ["staff.id"], name=op.f("fk_unit_protocol_approved_by")
        ),
        sa.ForeignKeyConstraint(
            ["drafted_by"], ["staff.id"], name=op.f("fk_unit_protocol_drafted_by")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_unit_protocol_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_protocol")),
        sa.UniqueConstraint("unit_id", "version", name=op.f("uq_unit_protocol_unit_id_version")),
    )
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "xid",
            sa.BigInteger(),
            server_default=sa.text("pg_current_xact_id()::text::bigint"),
            nullable=False,
        ),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("deed", sa.Boolean(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("stay_id", sa.Integer(), nullable=True),
        sa.Column("subject", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("quarter_hour", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["actor_id"], ["staff.id"], name=op.f("fk_audit_entry_actor_id")),
        sa.ForeignKeyConstraint(["stay_id"], ["stay.id"], name=op.f("fk_audit_entry_stay_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_audit_entry_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index("ix_audit_entry_actor_id_at", "audit_entry", ["actor_id", "at"], unique=False)
    op.create_index(
        "ix_audit_entry_change",
        "audit_entry",
        [sa.literal_column("xid DESC")],
        unique=False,
        postgresql_where=sa.text("deed"),
    )
    op.create_index("ix_audit_entry_stay_id_at", "audit_entry", ["stay_id", "at"], unique=False)
    op.create_index(
        "uq_audit_entry_viewed",
        "audit_entry",
        ["actor_id", "stay_id", "quarter_hour"],
        unique=True,
        postgresql_where=sa.text("action = 'audit.viewed'"),
    )
    op.create_table(
        "observation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("request_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("stay_id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                "assessed",
                "asleep",
                "refused",
                "off_unit",
                "unable_to_assess",
                "staff_unavailable",
                "entered_in_error",
                name="outcome",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "source",
            sa.Enum(
                "typed",
                "api",
                "device",
                "import",
                "replay",
                name="source",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("late_entry", sa.Boolean(), nullable=False),
        sa.Column("recorded_by", sa.Integer(), nullable=False),
        sa.Column("protocol_id", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("respiratory_rate_per_min", sa.Integer(), nullable=True),
        sa.Column("spo2_percent", sa.Integer(), nullable=True),
        sa.Column("on_oxygen", sa.Boolean(), nullable=True),
        sa.Column("oxygen_l_per_min", sa.Numeric(), nullable=True),
        sa.Column("systolic_mmhg", sa.Integer(), nullable=True),
        sa.Column("diastolic_mmhg", sa.Integer(), nullable=True),
        sa.Column("pulse_per_min", sa.Integer(), nullable=True),
        sa.Column("temperature_c", sa.Numeric(), nullable=True),
        sa.Column("consciousness", sa.Text(), nullable=True),
        sa.Column("supersedes_id", sa.BigInteger(), nullable=True),
        sa.Column("correction_reason", sa.Text(), nullable=True),
        sa.Column(
            "written_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "consciousness IN ('A', 'C', 'V', 'P', 'U')",
            name=op.f("ck_observation_consciousness_is_acvpu"),
        ),
        sa.CheckConstraint(
            "observed_at <= entered_at + CASE WHEN source = 'import' THEN interval '1 day' ELSE interval '5 minutes' END",
            name=op.f("ck_observation_observed_before_entered"),
        ),
        sa.CheckConstraint(
            "observed_at > '1900-01-01'",
            name=op.f("ck_observation_observed_at_is_sane"),
        ),
        sa.CheckConstraint(
            "(supersedes_id IS NULL) = (correction_reason IS NULL)",
            name=op.f("ck_observation_a_correction_has_a_reason"),
        ),
        sa.CheckConstraint(
            "diastolic_mmhg BETWEEN 0 AND 300",
            name=op.f("ck_observation_diastolic_is_possible"),
        ),
        sa.CheckConstraint(
            "oxygen_l_per_min BETWEEN 0 AND 100",
            name=op.f("ck_observation_oxygen_is_possible"),
        ),
        sa.CheckConstraint(
            "pulse_per_min BETWEEN 0 AND 400",
            name=op.f("ck_observation_pulse_is_possible"),
        ),
        sa.CheckConstraint(
            "respiratory_rate_per_min BETWEEN 0 AND 99",
            name=op.f("ck_observation_respiratory_rate_is_possible"),
        ),
        sa.CheckConstraint(
            "spo2_percent BETWEEN 0 AND 100",
            name=op.f("ck_observation_spo2_is_possible"),
        ),
        sa.CheckConstraint(
            "systolic_mmhg > diastolic_mmhg",
            name=op.f("ck_observation_systolic_above_diastolic"),
        ),
        sa.CheckConstraint(
            "systolic_mmhg BETWEEN 0 AND 400",
            name=op.f("ck_observation_systolic_is_possible"),
        ),
        sa.CheckConstraint(
            "temperature_c BETWEEN 20 AND 46",
            name=op.f("ck_observation_temperature_is_possible"),
        ),
        sa.ForeignKeyConstraint(
            ["protocol_id"],
            ["unit_protocol.id"],
            name=op.f("fk_observation_protocol_id"),
        ),
        sa.ForeignKeyConstraint(
            ["recorded_by"], ["staff.id"], name=op.f("fk_observation_recorded_by")
        ),
        sa.ForeignKeyConstraint(
            ["stay_id", "patient_id"],
            ["stay.id", "stay.patient_id"],
            name=op.f("fk_observation_stay_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(
            ["supersedes_id", "stay_id"],
            ["observation.id", "observation.stay_id"],
            name=op.f("fk_observation_supersedes_id_stay_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observation")),
        sa.UniqueConstraint(
            "id",
            "stay_id",
            "patient_id",
            name=op.f("uq_observation_id_stay_id_patient_id"),
        ),
        sa.UniqueConstraint("id", "stay_id", name=op.f("uq_observation_id_stay_id")),
        sa.UniqueConstraint("key", name=op.f("uq_observation_key")),
        sa.UniqueConstraint("supersedes_id", name=op.f("uq_observation_supersedes_id")),
    )
    op.create_index(
        "ix_observation_stay_id_observed_at",
        "observation",
        ["stay_id", sa.literal_column("observed_at DESC")],
        unique=False,
    )
    op.create_table(
        "observation_order",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("stay_id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("interval_minutes", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ordered_by", sa.Integer(), nullable=False),
        sa.Column("protocol_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Integer(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "ended_at >= starts_at",
            name=op.f("ck_observation_order_ends_after_it_begins"),
        ),
        sa.CheckConstraint(
            "interval_minutes BETWEEN 5 AND 1440",
            name=op.f("ck_observation_order_interval_is_sane"),
        ),
        sa.ForeignKeyConstraint(
            ["ended_by"], ["staff.id"], name=op.f("fk_observation_order_ended_by")
        ),
        sa.ForeignKeyConstraint(
            ["ordered_by"], ["staff.id"], name=op.f("fk_observation_order_ordered_by")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_id"],
            ["unit_protocol.id"],
            name=op.f("fk_observation_order_protocol_id"),
        ),
        sa.ForeignKeyConstraint(
            ["stay_id", "patient_id"],
            ["stay.id", "stay.patient_id"],
            name=op.f("fk_observation_order_stay_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(
            ["stay_id", "unit_id"],
            ["stay.id", "stay.unit_id"],
            name=op.f("fk_observation_order_stay_id_unit_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observation_order")),
        sa.UniqueConstraint("key", name=op.f("uq_observation_order_key")),
    )
    op.create_index(
        "uq_observation_order_current",
        "observation_order",
        ["stay_id", "instrument"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "placement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("stay_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("bed_id", sa.Integer(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("placed_by", sa.Integer(), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.text("int8range(bed_id, bed_id, '[]')"), "&&"),
            (sa.text("tstzrange(from_at, until_at)"), "&&"),
            using="gist",
            name="ex_placement_one_stay_per_bed",
        ),
        postgresql.ExcludeConstraint(
            (sa.text("int8range(stay_id, stay_id, '[]')"), "&&"),
            (sa.text("tstzrange(from_at, until_at)"), "&&"),
            using="gist",
            name="ex_placement_one_bed_per_stay",
        ),
        sa.CheckConstraint("until_at > from_at", name=op.f("ck_placement_ends_after_it_begins")),
        sa.ForeignKeyConstraint(
            ["bed_id", "unit_id"],
            ["bed.id", "bed.unit_id"],
            name=op.f("fk_placement_bed_id_unit_id"),
        ),
        sa.ForeignKeyConstraint(["placed_by"], ["staff.id"], name=op.f("fk_placement_placed_by")),
        sa.ForeignKeyConstraint(
            ["stay_id", "unit_id"],
            ["stay.id", "stay.unit_id"],
            name=op.f("fk_placement_stay_id_unit_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_placement")),
        sa.UniqueConstraint("key", name=op.f("uq_placement_key")),
    )
    op.create_index(op.f("ix_placement_bed_id"), "placement", ["bed_id"], unique=False)
    op.create_index(op.f("ix_placement_stay_id"), "placement", ["stay_id"], unique=False)
    op.create_table(
        "alert",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("stay_id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column(
            "level",
            sa.Enum(
                "emergency",
                "urgent",
                "advisory",
                name="level",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column("rule_source", sa.Text(), nullable=False),
        sa.Column("protocol_id", sa.Integer(), nullable=False),
        sa.Column("observation_id", sa.BigInteger(), nullable=True),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "seen",
                "acknowledged",
                "lapsed",
                "closed",
                name="alertstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column("next_step_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_by", sa.Integer(), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.Integer(), nullable=True),
        sa.Column("plan", sa.Text(), nullable=True),
        sa.Column("recheck_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Integer(), nullable=True),
        sa.Column("close_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(closed_at IS NULL) = (state <> 'closed')",
            name=op.f("ck_alert_closed_is_closed"),
        ),
        sa.CheckConstraint(
            "state <> 'acknowledged' OR (acknowledged_by IS NOT NULL AND plan IS NOT NULL AND recheck_at IS NOT NULL)",
            name=op.f("ck_alert_a_promise_has_a_name_a_plan_and_a_time"),
        ),
        sa.CheckConstraint(
            "(closed_at IS NULL) = (close_reason IS NULL)",
            name=op.f("ck_alert_an_end_has_a_reason"),
        ),
        sa.ForeignKeyConstraint(
            ["acknowledged_by"], ["staff.id"], name=op.f("fk_alert_acknowledged_by")
        ),
        sa.ForeignKeyConstraint(["closed_by"], ["staff.id"], name=op.f("fk_alert_closed_by")),
        sa.ForeignKeyConstraint(
            ["observation_id"], ["observation.id"], name=op.f("fk_alert_observation_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_id"], ["unit_protocol.id"], name=op.f("fk_alert_protocol_id")
        ),
        sa.ForeignKeyConstraint(["seen_by"], ["staff.id"], name=op.f("fk_alert_seen_by")),
        sa.ForeignKeyConstraint(
            ["stay_id", "patient_id"],
            ["stay.id", "stay.patient_id"],
            name=op.f("fk_alert_stay_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(
            ["stay_id", "unit_id"],
            ["stay.id", "stay.unit_id"],
            name=op.f("fk_alert_stay_id_unit_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
    )
    op.create_index(
        "ix_alert_next_step_at",
        "alert",
        ["next_step_at"],
        unique=False,
        postgresql_where=sa.text("next_step_at IS NOT NULL"),
    )
    op.create_index(
        "ix_alert_open",
        "alert",
        ["unit_id"],
        unique=False,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index("ix_alert_stay_id_raised_at", "alert", ["stay_id", "raised_at"], unique=False)
    op.create_index("ix_alert_unit_id_raised_at", "alert", ["unit_id", "raised_at"], unique=False)
    op.create_index(
        "uq_alert_open",
        "alert",
        ["patient_id", "rule"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "round",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("stay_id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("interval_minutes", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("late_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("missed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "scheduled",
                "due",
                "late",
                "missed",
                "done",
                "done_late",
                "partly_done",
                "not_done",
                "cancelled",
                name="roundstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("next_step_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("observation_id", sa.BigInteger(), nullable=True),
        sa.Column("not_done_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "late_at >= due_at AND missed_at >= late_at",
            name=op.f("ck_round_times_are_in_order"),
        ),
        sa.ForeignKeyConstraint(
            ["observation_id"], ["observation.id"], name=op.f("fk_round_observation_id")
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["observation_order.id"], name=op.f("fk_round_order_id")
        ),
        sa.ForeignKeyConstraint(
            ["stay_id", "patient_id"],
            ["stay.id", "stay.patient_id"],
            name=op.f("fk_round_stay_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(
            ["stay_id", "unit_id"],
            ["stay.id", "stay.unit_id"],
            name=op.f("fk_round_stay_id_unit_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_round")),
    )
    op.create_index(
        "ix_round_next_step_at",
        "round",
        ["next_step_at"],
        unique=False,
        postgresql_where=sa.text("next_step_at IS NOT NULL"),
    )
    op.create_index(
        "ix_round_order_id_done_at",
        "round",
        ["order_id", "done_at"],
        unique=False,
        postgresql_where=sa.text("done_at IS NOT NULL"),
    )
    op.create_index("ix_round_stay_id_due_at", "round", ["stay_id", "due_at"], unique=False)
    op.create_index("ix_round_unit_id_due_at", "round", ["unit_id", "due_at"], unique=False)
    op.create_index(
        "uq_round_open",
        "round",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('scheduled', 'due', 'late')"),
    )
    op.create_table(
        "score",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("observation_id", sa.Integer(), nullable=False),
        sa.Column("stay_id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "ok",
                "incomplete",
                name="scorestatus",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("answers", postgresql.JSONB(), nullable=False),
        sa.Column("unscored", postgresql.JSONB(), nullable=False),
        sa.Column("points", postgresql.JSONB(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("lowest", sa.Integer(), nullable=False),
        sa.Column("highest", sa.Integer(), nullable=False),
        sa.Column("band_system", sa.Text(), nullable=False),
        sa.Column("band", sa.Text(), nullable=True),
        sa.Column("severity", sa.Integer(), nullable=True),
        sa.Column("alarms", sa.ARRAY(sa.Text()), nullable=False),
        sa.CheckConstraint(
            "(status = 'ok') = (total IS NOT NULL)",
            name=op.f("ck_score_a_total_only_when_complete"),
        ),
        sa.CheckConstraint(
            "(total IS NULL) = (band IS NULL)",
            name=op.f("ck_score_a_band_only_with_a_total"),
        ),
        sa.CheckConstraint("lowest <= highest", name=op.f("ck_score_bounds_are_in_order")),
        sa.ForeignKeyConstraint(
            ["definition"],
            ["instrument_definition.id"],
            name=op.f("fk_score_definition"),
        ),
        sa.ForeignKeyConstraint(
            ["observation_id", "stay_id", "patient_id"],
            ["observation.id", "observation.stay_id", "observation.patient_id"],
            name=op.f("fk_score_observation_id_stay_id_patient_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_score")),
        sa.UniqueConstraint(
            "observation_id",
            "instrument",
            name=op.f("uq_score_observation_id_instrument"),
        ),
    )
    op.create_index(
        "ix_score_stay_id_instrument_observed_at",
        "score",
        ["stay_id", "instrument", sa.literal_column("observed_at DESC")],
        unique=False,
    )
    op.create_table(
        "alert_step",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("alert_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "raised",
                "updated",
                "worsened",
                "cleared",
                "returned",
                "seen",
                "acknowledged",
                "kept",
                "lapsed",
                "escalated",
                "called",
                "closed",
                name="stepkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "level",
            sa.Enum(
                "emergency",
                "urgent",
                "advisory",
                name="level",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("observation_id", sa.BigInteger(), nullable=True),
        sa.Column("detail", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column(
            "written_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["actor_id"], ["staff.id"], name=op.f("fk_alert_step_actor_id")),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_alert_step_alert_id")),
        sa.ForeignKeyConstraint(
            ["observation_id"],
            ["observation.id"],
            name=op.f("fk_alert_step_observation_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_step")),
        sa.UniqueConstraint("key", name=op.f("uq_alert_step_key")),
    )
    op.create_index(op.f("ix_alert_step_alert_id"), "alert_step", ["alert_id"], unique=False)
    op.create_table(
        "round_step",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("round_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "scheduled",
                "due",
                "late",
                "missed",
                "done",
                "done_late",
                "partly_done",
                "not_done",
                "cancelled",
                name="roundstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column(
            "written_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["actor_id"], ["staff.id"], name=op.f("fk_round_step_actor_id")),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name=op.f("fk_round_step_round_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_round_step")),
        sa.UniqueConstraint("round_id", "state", name=op.f("uq_round_step_round_id_state")),
    )


def downgrade() -> None:
    op.drop_table("round_step")
    op.drop_table("alert_step")
    op.drop_table("score")
    op.drop_table("round")
    op.drop_table("alert")
    op.drop_table("placement")
    op.drop_table("observation_order")
    op.drop_table("observation")
    op.drop_table("audit_entry")
    op.drop_table("unit_protocol")
    op.drop_table("stay")
    op.drop_table("sign_in")
    op.drop_table("risk_flag")
    op.drop_table("posting")
    op.drop_table("device")
    op.drop_table("bed")
    op.drop_table("unit")
    op.drop_table("staff")
    op.drop_table("patient")
    op.drop_table("instrument_definition")
    op.drop_table("failed_try")
    op.drop_table("beat")
