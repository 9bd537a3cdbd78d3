"""Seal the audit trail: who, from where, whom; batches over batches; roles that only read or seal.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

FACTS = ("audit_batch", "audit_anchor", "audit_check")
COLUMNS = (
    ("sign_in_id", sa.Integer()),
    ("workstation_id", sa.Integer()),
    ("patient_id", sa.Integer()),
    ("object_type", sa.Text()),
    ("object_id", sa.BigInteger()),
    ("detail_salt", sa.LargeBinary()),
    ("detail_sha256", sa.LargeBinary()),
)

# The database writes what must not be forged. It runs as the owner, so that the patient of a stay
# is found whatever the unit the writer works on.
COMPLETE = """
CREATE FUNCTION complete_audit_entry() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    NEW.xid := pg_current_xact_id()::text::bigint;
    NEW.at := clock_timestamp();
    NEW.sign_in_id := (SELECT id FROM sign_in WHERE staff_id = NEW.actor_id
        AND id = nullif(current_setting('vigil.sign_in_id', true), '')::integer);
    NEW.workstation_id := nullif(current_setting('vigil.workstation_id', true), '')::integer;
    IF NEW.stay_id IS NOT NULL THEN
        NEW.patient_id := (SELECT patient_id FROM stay WHERE id = NEW.stay_id);
    ELSIF NEW.action = 'access.refused' AND NEW.object_type = 'stay' THEN
        NEW.patient_id := (SELECT patient_id FROM stay WHERE id = NEW.object_id);
    END IF;
    NEW.detail_salt := uuid_send(gen_random_uuid());
    NEW.detail_sha256 := sha256(
        NEW.detail_salt || convert_to(jsonb_build_array(NEW.reason, NEW.subject)::text, 'UTF8'));
    RETURN NEW;
END $$
"""
# The one change that an entry may ever see: its details are emptied when their time is over.
KEEP = """
CREATE FUNCTION keep_audit_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.at < clock_timestamp() - interval '6 years'
        AND NEW.subject = '{}' AND NEW.reason IS NULL AND NEW.detail_salt IS NULL
        AND to_jsonb(NEW) - '{subject,reason,detail_salt}'::text[]
            = to_jsonb(OLD) - '{subject,reason,detail_salt}'::text[]
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'rows of % are added, never changed', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$
"""
# One row, for /healthz and for whoever looks after privacy.
HEALTH = """
CREATE VIEW audit_health AS SELECT
    (SELECT extract(epoch FROM clock_timestamp() - at)::float FROM audit_entry
        WHERE (xid, id) > (
            SELECT last_xid, last_id FROM (
                SELECT seq, last_xid, last_id FROM audit_batch UNION ALL SELECT 0, 0, 0
            ) AS sealed ORDER BY seq DESC LIMIT 1)
        ORDER BY xid, id LIMIT 1) AS seal_lag_s,
    (SELECT extract(epoch FROM clock_timestamp() - max(at))::float FROM audit_anchor
        WHERE failure IS NULL) AS anchor_age_s
"""


def upgrade() -> None:
    for name, kind in COLUMNS:
        op.add_column("audit_entry", sa.Column(name, kind, nullable=True))
    # What was written before is completed once; from now on the trigger does it.
    op.execute("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_is_append_only")
    op.execute(
        "UPDATE audit_entry SET patient_id ="
        " (SELECT patient_id FROM stay WHERE stay.id = audit_entry.stay_id),"
        " detail_salt = uuid_send(gen_random_uuid())"
    )
    op.execute(
        "UPDATE audit_entry SET detail_sha256 = sha256("
        "detail_salt || convert_to(jsonb_build_array(reason, subject)::text, 'UTF8'))"
    )
    op.execute("DROP TRIGGER audit_entry_is_append_only ON audit_entry")
    op.execute(KEEP)
    op.execute(
        "CREATE TRIGGER audit_entry_is_append_only BEFORE UPDATE OR DELETE ON audit_entry"
        " FOR EACH ROW EXECUTE FUNCTION keep_audit_entry()"
    )
    op.execute("ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_is_append_only")
    op.execute(COMPLETE)
    op.execute("REVOKE ALL ON FUNCTION complete_audit_entry() FROM PUBLIC")
    op.execute(
        "CREATE TRIGGER audit_entry_is_completed BEFORE INSERT ON audit_entry"
        " FOR EACH ROW EXECUTE FUNCTION complete_audit_entry()"
    )
    op.execute("ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_is_completed")
    op.alter_column("audit_entry", "detail_sha256", nullable=False)
    op.create_foreign_key(
        "fk_audit_entry_patient_id", "audit_entry", "patient", ["patient_id"], ["id"]
    )
    op.drop_constraint("fk_audit_entry_stay_id_unit_id", "audit_entry")
    op.create_foreign_key(
        "fk_audit_entry_stay_id_patient_id_unit_id",
        "audit_entry",
        "stay",
        ["stay_id", "patient_id", "unit_id"],
        ["id", "patient_id", "unit_id"],
    )
    op.execute(
        "ALTER TABLE audit_entry ADD CONSTRAINT ck_audit_entry_somebody_did_it CHECK ("
        "actor_id IS NOT NULL OR split_part(action, '.', 1) IN"
        " ('alert', 'round', 'sign_in', 'access'))"
    )
    op.drop_index("ix_audit_entry_stay_id_at", table_name="audit_entry")
    op.create_index("ix_audit_entry_patient_id_at", "audit_entry", ["patient_id", "at"])
    op.create_index("ix_audit_entry_unit_id_at", "audit_entry", ["unit_id", "at"])
    op.create_index("ix_audit_entry_xid_id", "audit_entry", ["xid", "id"])
    op.create_index(
        "ix_audit_entry_rare",
        "audit_entry",
        ["unit_id", "action", "at"],
        postgresql_where=sa.text("NOT deed AND action <> 'audit.viewed'"),
    )

    op.create_table(
        "audit_batch",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("last_xid", sa.BigInteger(), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_batch")),
    )
    op.create_table(
        "audit_anchor",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_anchor")),
    )
    op.create_index("ix_audit_anchor_place_at", "audit_anchor", ["place", "at"])
    op.create_table(
        "audit_check",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("sentences", sa.ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_check")),
    )
    for table in FACTS:
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
    op.execute(HEALTH)

    # By column, as before: time, order, sign-in and seal are not the application's to write.
    op.execute(
        "GRANT INSERT (patient_id, object_type, object_id) ON audit_entry TO vigil_app, vigil_watch"
    )
    op.execute("GRANT USAGE ON SCHEMA public TO vigil_sealer, vigil_auditor")
    readers = "vigil_app, vigil_watch, vigil_sealer, vigil_auditor"
    op.execute(f"GRANT SELECT ON audit_batch, audit_anchor, audit_check, audit_health TO {readers}")
    op.execute("GRANT SELECT ON audit_entry TO vigil_sealer, vigil_auditor")
    op.execute(
        "CREATE POLICY of_every_unit_to_seal ON audit_entry FOR SELECT"
        " TO vigil_sealer, vigil_auditor USING (true)"
    )
    op.execute("GRANT INSERT ON audit_batch TO vigil_sealer")
    op.execute("GRANT INSERT (place, seq, failure) ON audit_anchor TO vigil_sealer")
    op.execute("GRANT INSERT (status, entries, sentences) ON audit_check TO vigil_sealer")


def downgrade() -> None:
    op.execute("DROP VIEW audit_health")
    for table in FACTS:
        op.drop_table(table)
    op.execute("DROP POLICY of_every_unit_to_seal ON audit_entry")
    op.execute("REVOKE ALL ON audit_entry FROM vigil_sealer, vigil_auditor")
    op.execute("REVOKE USAGE ON SCHEMA public FROM vigil_sealer, vigil_auditor")
    op.execute("DROP TRIGGER audit_entry_is_completed ON audit_entry")
    op.execute("DROP FUNCTION complete_audit_entry")
    op.execute("DROP TRIGGER audit_entry_is_append_only ON audit_entry")
    op.execute("DROP FUNCTION keep_audit_entry")
    op.execute(
        "CREATE TRIGGER audit_entry_is_append_only BEFORE UPDATE OR DELETE ON audit_entry"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute("ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_is_append_only")
    for name in ("rare", "xid_id", "unit_id_at", "patient_id_at"):
        op.drop_index(f"ix_audit_entry_{name}", table_name="audit_entry")
    op.create_index("ix_audit_entry_stay_id_at", "audit_entry", ["stay_id", "at"])
    op.drop_constraint("ck_audit_entry_somebody_did_it", "audit_entry")
    op.drop_constraint("fk_audit_entry_patient_id", "audit_entry")
    op.drop_constraint("fk_audit_entry_stay_id_patient_id_unit_id", "audit_entry")
    op.create_foreign_key(
        "fk_audit_entry_stay_id_unit_id",
        "audit_entry",
        "stay",
        ["stay_id", "unit_id"],
        ["id", "unit_id"],
    )
    for name, _ in reversed(COLUMNS):
        op.drop_column("audit_entry", name)
