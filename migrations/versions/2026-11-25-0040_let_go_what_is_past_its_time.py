"""Let go what is past its time: two people, one role that can do nothing else, and a log.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# Facts, with the columns that the application may fill. It cannot write the log.
FACTS = {
    "purge": "key, unit_id, stay_ids, asked_by",
    "purge_answer": "key, purge_id, unit_id, asked_by, verdict, answered_by",
    "deletion": "",
}

# What goes with a stay, by the condition that says which rows of it are meant.
OF_A_STAY = "stay_id = ANY ((SELECT to_purge('stays'))::integer[])"
OF_A_PATIENT = "patient_id = ANY ((SELECT to_purge('patients'))::integer[])"
OF_A_DISCLOSURE = "disclosure_id = ANY ((SELECT to_purge('disclosures'))::integer[])"


def _under(table: str, column: str) -> str:
    return f"{column} IN (SELECT up.id FROM {table} AS up WHERE up.{OF_A_STAY})"  # noqa: S608


GOES = {
    "stay": OF_A_STAY.replace("stay_id", "id", 1),
    "placement": OF_A_STAY,
    "observation": OF_A_STAY,
    "score": OF_A_STAY,
    "observation_order": OF_A_STAY,
    "round": OF_A_STAY,
    "round_step": _under("round", "round_id"),
    "alert": OF_A_STAY,
    "alert_step": OF_A_STAY,
    "counselling_note": OF_A_STAY,
    "consent": OF_A_STAY,
    "consent_end": _under("consent", "consent_id"),
    "restriction": OF_A_STAY,
    "restriction_answer": _under("restriction", "restriction_id"),
    "disclosure_patient": OF_A_STAY,
    # Where nobody else was named in it.
    "disclosure": OF_A_DISCLOSURE.replace("disclosure_id", "id", 1),
    "disclosure_review": OF_A_DISCLOSURE,
    "glass": OF_A_STAY,
    "glass_end": _under("glass", "glass_id"),
    "glass_review": _under("glass", "glass_id"),
    "legal_hold": OF_A_STAY,
    "legal_hold_end": _under("legal_hold", "hold_id"),
    # Where no stay of theirs is left anywhere.
    "patient": OF_A_PATIENT.replace("patient_id", "id", 1),
    "risk_flag": OF_A_PATIENT,
}
# Each row that goes asks whether anything still points at it.
INDEXES = (
    ("alert_step", "stay_id", None),
    ("disclosure_patient", "consent_id", "consent_id IS NOT NULL"),
)

# The newest rule of each kind counts, and never less than the law wants
# (backend/care/retention/service.py says which law).
LIMITS = """
CREATE FUNCTION retention_limits(of_unit integer, moment timestamptz)
RETURNS TABLE (kept text, rule integer, years integer, before timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT newest.kept, newest.id, newest.years,
        ((moment AT TIME ZONE unit.time_zone) - make_interval(years => newest.years))
            AT TIME ZONE unit.time_zone
    FROM (
        SELECT DISTINCT ON (said.kept) said.kept, said.id, said.unit_id,
            greatest(said.years, CASE said.kept WHEN 'clinical record' THEN 5
                WHEN 'consents and disclosures' THEN 3 ELSE 6 END) AS years
        FROM retention_rule AS said WHERE said.unit_id = of_unit
        ORDER BY said.kept, said.id DESC
    ) AS newest
    JOIN unit ON unit.id = newest.unit_id
$$
"""
# A patient's record on a unit goes whole: the years count from the end of the last stay. What was
# shared and what the trail says in words have years of their own; without a rule nothing ends.
PAST = """
CREATE FUNCTION stays_past_their_time(of_unit integer, moment timestamptz) RETURNS TABLE (
    stay_id integer, patient_id integer, discharged_at timestamptz, held boolean, waits boolean)
LANGUAGE sql STABLE AS $$
    WITH cut AS (
        SELECT max(before) FILTER (WHERE kept = 'clinical record') AS record,
            max(before) FILTER (WHERE kept = 'consents and disclosures') AS sharing,
            max(before) FILTER (WHERE kept = 'audit trail') AS trail
        FROM retention_limits(of_unit, moment)
    ), gone AS (
        SELECT stay.id, stay.patient_id, stay.discharged_at
        FROM stay CROSS JOIN cut
        WHERE stay.unit_id = of_unit AND stay.discharged_at < cut.record
            AND NOT EXISTS (SELECT FROM stay AS other
                WHERE other.patient_id = stay.patient_id AND other.unit_id = of_unit
                    AND (other.discharged_at < cut.record) IS NOT TRUE)
    )
    SELECT gone.id, gone.patient_id, gone.discharged_at,
        EXISTS (SELECT FROM legal_hold AS hold
            LEFT JOIN stay AS of_hold ON of_hold.id = hold.stay_id
            WHERE hold.unit_id = of_unit
                AND (hold.stay_id IS NULL OR of_hold.patient_id = gone.patient_id)
                AND NOT EXISTS (SELECT FROM legal_hold_end WHERE hold_id = hold.id)),
        EXISTS (SELECT FROM disclosure_patient AS named
            JOIN disclosure ON disclosure.id = named.disclosure_id
            WHERE named.patient_id = gone.patient_id AND named.unit_id = of_unit
                AND (greatest(disclosure.at, disclosure.told_at) < cut.sharing) IS NOT TRUE)
        OR EXISTS (SELECT FROM consent
            LEFT JOIN consent_end ON consent_end.consent_id = consent.id
            WHERE consent.patient_id = gone.patient_id AND consent.unit_id = of_unit
                AND (greatest(consent.recorded_at, coalesce(
                    consent_end.ended_at, consent.expires_on::timestamptz)) < cut.sharing)
                    IS NOT TRUE)
        OR EXISTS (SELECT FROM restriction
            LEFT JOIN restriction_answer AS answer ON answer.restriction_id = restriction.id
            WHERE restriction.patient_id = gone.patient_id AND restriction.unit_id = of_unit
                AND (greatest(restriction.asked_at, answer.decided_at) < cut.sharing) IS NOT TRUE)
        OR EXISTS (SELECT FROM glass
            LEFT JOIN glass_review AS review ON review.glass_id = glass.id
            WHERE glass.patient_id = gone.patient_id AND glass.unit_id = of_unit
                AND (greatest(glass.opened_at, review.reviewed_at) < cut.trail) IS NOT TRUE)
        OR EXISTS (SELECT FROM audit_entry AS entry
            WHERE entry.patient_id = gone.patient_id AND entry.unit_id = of_unit
                AND entry.reason IS NOT NULL AND (entry.at < cut.trail) IS NOT TRUE)
    FROM gone CROSS JOIN cut
$$
"""
# Runs as the owner of the tables, because it must see that nothing stands against it anywhere; it
# changes nothing. A hold that is being set at this moment is waited for.
SCOPE = """
CREATE FUNCTION purge_scope(wanted integer) RETURNS jsonb LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    asked purge;
    moment timestamptz;
BEGIN
    LOCK TABLE legal_hold IN SHARE MODE;
    moment := clock_timestamp();
    SELECT * INTO asked FROM purge WHERE id = wanted AND unit_id = unit_on_duty();
    IF asked.id IS NULL
        OR EXISTS (SELECT FROM deletion WHERE purge_id = wanted)
        OR NOT EXISTS (SELECT FROM purge_answer WHERE purge_id = wanted
            AND verdict = 'approved' AND answered_by <> asked.asked_by)
    THEN
        RAISE EXCEPTION 'two people have not agreed to this' USING ERRCODE = 'restrict_violation';
    END IF;
    IF EXISTS (SELECT FROM unnest(asked.stay_ids) AS one (id)
            LEFT JOIN stays_past_their_time(asked.unit_id, moment) AS past ON past.stay_id = one.id
            WHERE past.stay_id IS NULL OR past.held OR past.waits)
        OR EXISTS (SELECT FROM stay JOIN stay AS other ON other.patient_id = stay.patient_id
            AND other.unit_id = stay.unit_id AND other.id <> ALL (asked.stay_ids)
            WHERE stay.id = ANY (asked.stay_ids))
    THEN
        RAISE EXCEPTION 'not all of this may go' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN jsonb_build_object(
        'unit', asked.unit_id,
        'stays', to_jsonb(asked.stay_ids),
        'whose', (SELECT jsonb_agg(DISTINCT patient_id) FROM stay WHERE id = ANY (asked.stay_ids)),
        'patients', (SELECT coalesce(jsonb_agg(DISTINCT patient_id), '[]') FROM stay
            WHERE id = ANY (asked.stay_ids) AND NOT EXISTS (SELECT FROM stay AS other
                WHERE other.patient_id = stay.patient_id AND other.id <> ALL (asked.stay_ids))),
        'disclosures', (SELECT coalesce(jsonb_agg(DISTINCT disclosure_id), '[]')
            FROM disclosure_patient AS named
            WHERE stay_id = ANY (asked.stay_ids) AND NOT EXISTS (
                SELECT FROM disclosure_patient AS other
                WHERE other.disclosure_id = named.disclosure_id
                    AND other.stay_id <> ALL (asked.stay_ids))),
        'rules', (SELECT jsonb_object_agg(kept, jsonb_build_object(
                'rule', rule, 'years', years, 'before', before))
            FROM retention_limits(asked.unit_id, moment)));
END $$
"""
# What is being purged in this transaction; nothing, but inside `carry_out_purge`.
TO_PURGE = """
CREATE FUNCTION to_purge(what text) RETURNS integer[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY(SELECT jsonb_array_elements_text(
        nullif(current_setting('vigil.purging', true), '')::jsonb -> what)::integer)
$$
"""
# A table that a stay has rows in calls this in its migration: the policy is the plan.
GOES_WITH = f"""
CREATE FUNCTION goes_with_a_purge(
    gone regclass, belongs text DEFAULT '{OF_A_STAY.replace("'", "''")}'
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('GRANT SELECT, DELETE ON %s TO vigil_purger', gone);
    EXECUTE format('CREATE POLICY goes_with_a_purge ON %s TO vigil_purger USING (%s)',
        gone, belongs);
END $$
"""
# One statement for all tables: what points at each other goes together, in whatever order.
CARRY_OUT = """
CREATE FUNCTION carry_out_purge(wanted integer) RETURNS jsonb LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    scope jsonb := purge_scope(wanted);
    statement text;
    deleted jsonb;
    emptied bigint;
BEGIN
    PERFORM set_config('vigil.purging', scope::text, true);
    SELECT 'WITH ' || string_agg(format('%I AS (DELETE FROM %I WHERE %s RETURNING 1)',
            'of_' || tablename, tablename, qual), ', ')
        || ' SELECT jsonb_object_agg(name, rows) FROM ('
        || string_agg(format('SELECT %L AS name, count(*) AS rows FROM %I',
            tablename, 'of_' || tablename), ' UNION ALL ') || ') AS counted'
        INTO statement
        FROM pg_policies
        WHERE schemaname = 'public' AND policyname = 'goes_with_a_purge';
    EXECUTE statement INTO deleted;
    UPDATE audit_entry SET subject = '{}', reason = NULL, detail_salt = NULL
        WHERE patient_id = ANY (to_purge('whose')) AND detail_salt IS NOT NULL
            AND at < (scope #>> '{rules,audit trail,before}')::timestamptz;
    GET DIAGNOSTICS emptied = ROW_COUNT;
    deleted := deleted || jsonb_build_object('audit_entry (words only)', emptied);
    INSERT INTO deletion (purge_id, unit_id, rules, deleted)
        VALUES (wanted, (scope ->> 'unit')::integer, scope -> 'rules', deleted);
    PERFORM set_config('vigil.purging', '', true);
    RETURN deleted;
END $$
"""
REFUSE = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
{}    RAISE EXCEPTION 'rows of % are added, never changed', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$
"""
# Nobody signs in as this role; `carry_out_purge` runs as it, and its grants say which tables.
BUT_THE_PURGE = """\
    IF TG_OP = 'DELETE' AND current_user = 'vigil_purger' THEN
        RETURN OLD;
    END IF;
"""
# As before, and it now asks by itself whether the stay and the patient are there: the trail
# outlives them, so no foreign key may hold them.
COMPLETE = """
CREATE OR REPLACE FUNCTION complete_audit_entry() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    NEW.xid := pg_current_xact_id()::text::bigint;
    NEW.at := clock_timestamp();
    NEW.sign_in_id := (SELECT id FROM sign_in WHERE staff_id = NEW.actor_id
        AND id = nullif(current_setting('vigil.sign_in_id', true), '')::integer);
    NEW.workstation_id := nullif(current_setting('vigil.workstation_id', true), '')::integer;
    IF NEW.stay_id IS NOT NULL THEN
        NEW.patient_id := (SELECT patient_id FROM stay
            WHERE id = NEW.stay_id AND unit_id = coalesce(NEW.unit_id, unit_id));
        IF NEW.patient_id IS NULL THEN
            RAISE EXCEPTION 'there is no such stay on this unit'
                USING ERRCODE = 'foreign_key_violation';
        END IF;
    ELSIF NEW.action = 'access.refused' AND NEW.object_type = 'stay' THEN
        NEW.patient_id := (SELECT patient_id FROM stay WHERE id = NEW.object_id);
    ELSIF NEW.patient_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM patient WHERE id = NEW.patient_id)
    THEN
        RAISE EXCEPTION 'there is no such patient' USING ERRCODE = 'foreign_key_violation';
    END IF;
    NEW.detail_salt := uuid_send(gen_random_uuid());
    NEW.detail_sha256 := sha256(
        NEW.detail_salt || convert_to(jsonb_build_array(NEW.reason, NEW.subject)::text, 'UTF8'));
    RETURN NEW;
END $$
"""
COMPLETE_BEFORE = """
CREATE OR REPLACE FUNCTION complete_audit_entry() RETURNS trigger LANGUAGE plpgsql
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


def _now_by_the_database(name: str) -> sa.Column[object]:
    return sa.Column(
        name,
        sa.DateTime(timezone=True),
        server_default=sa.text("clock_timestamp()"),
        nullable=False,
    )


def upgrade() -> None:
    _tables()
    for table, columns in FACTS.items():
        op.execute(f"SELECT keep_to_unit('{table}')")
        op.execute(f"GRANT SELECT ON {table} TO vigil_app")
        if columns:
            op.execute(f"GRANT INSERT ({columns}) ON {table} TO vigil_app")
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
    for table, column, where in INDEXES:
        op.create_index(
            f"ix_{table}_{column}",
            table,
            [column],
            postgresql_where=sa.text(where) if where else None,
        )
    for function in (LIMITS, PAST, SCOPE, TO_PURGE, GOES_WITH, CARRY_OUT):
        op.execute(function)
    _the_trail_outlives_them()
    op.execute(REFUSE.format(BUT_THE_PURGE))
    for table, belongs in GOES.items():
        quoted = belongs.replace("'", "''")
        op.execute(f"SELECT goes_with_a_purge('{table}', '{quoted}')")
    _the_purger()


def _tables() -> None:
    op.create_table(
        "purge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("stay_ids", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=False),
        _now_by_the_database("asked_at"),
        sa.CheckConstraint("cardinality(stay_ids) > 0", name=op.f("ck_purge_is_about_somebody")),
        sa.ForeignKeyConstraint(["asked_by"], ["staff.id"], name=op.f("fk_purge_asked_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_purge_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purge")),
        sa.UniqueConstraint("id", "unit_id", name=op.f("uq_purge_id_unit_id")),
        sa.UniqueConstraint("id", "unit_id", "asked_by", name=op.f("uq_purge_id_unit_id_asked_by")),
        sa.UniqueConstraint("key", name=op.f("uq_purge_key")),
    )
    op.create_index(op.f("ix_purge_unit_id"), "purge", ["unit_id"], unique=False)
    op.create_table(
        "purge_answer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("purge_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=False),
        sa.Column(
            "verdict",
            sa.Enum(
                "approved",
                "declined",
                "withdrawn",
                name="verdict",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("answered_by", sa.Integer(), nullable=False),
        _now_by_the_database("answered_at"),
        sa.CheckConstraint(
            "(answered_by = asked_by) = (verdict = 'withdrawn')",
            name=op.f("ck_purge_answer_two_people"),
        ),
        sa.ForeignKeyConstraint(
            ["answered_by"], ["staff.id"], name=op.f("fk_purge_answer_answered_by")
        ),
        sa.ForeignKeyConstraint(
            ["purge_id", "unit_id", "asked_by"],
            ["purge.id", "purge.unit_id", "purge.asked_by"],
            name=op.f("fk_purge_answer_purge_id_unit_id_asked_by"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purge_answer")),
        sa.UniqueConstraint("key", name=op.f("uq_purge_answer_key")),
        sa.UniqueConstraint("purge_id", name=op.f("uq_purge_answer_purge_id")),
    )
    op.create_table(
        "deletion",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("purge_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("rules", sa.dialects.postgresql.JSONB(), nullable=False),
        sa.Column("deleted", sa.dialects.postgresql.JSONB(), nullable=False),
        _now_by_the_database("done_at"),
        sa.ForeignKeyConstraint(
            ["purge_id", "unit_id"],
            ["purge.id", "purge.unit_id"],
            name=op.f("fk_deletion_purge_id_unit_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deletion")),
        sa.UniqueConstraint("purge_id", name=op.f("uq_deletion_purge_id")),
    )


def _the_trail_outlives_them() -> None:
    op.execute(COMPLETE)
    op.drop_constraint("fk_audit_entry_stay_id_patient_id_unit_id", "audit_entry")
    op.drop_constraint("fk_audit_entry_patient_id", "audit_entry")
    op.execute("GRANT SELECT, UPDATE (subject, reason, detail_salt) ON audit_entry TO vigil_purger")
    op.execute(
        f"CREATE POLICY emptied_with_a_purge ON audit_entry TO vigil_purger USING ({OF_A_STAY})"
    )


def _the_purger() -> None:
    """The role that `migrations/env.py` makes: it may delete those rows, log it, and no more."""
    op.execute("GRANT INSERT (purge_id, unit_id, rules, deleted) ON deletion TO vigil_purger")
    op.execute("GRANT USAGE ON SEQUENCE deletion_id_seq TO vigil_purger")
    op.execute(
        "CREATE POLICY written_with_a_purge ON deletion FOR INSERT TO vigil_purger"
        " WITH CHECK (unit_id = (SELECT unit_on_duty()))"
    )
    for function, role in (("purge_scope", "vigil_purger"), ("carry_out_purge", "vigil_app")):
        op.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {role}")
    # To own something one must be allowed to make something: for this moment.
    op.execute("GRANT CREATE ON SCHEMA public TO vigil_purger")
    op.execute("ALTER FUNCTION carry_out_purge OWNER TO vigil_purger")
    op.execute("REVOKE CREATE ON SCHEMA public FROM vigil_purger")


def downgrade() -> None:
    op.execute("DROP FUNCTION carry_out_purge")
    for table in GOES:
        op.execute(f"DROP POLICY goes_with_a_purge ON {table}")
        op.execute(f"REVOKE ALL ON {table} FROM vigil_purger")
    op.execute(REFUSE.format(""))
    op.execute("DROP POLICY emptied_with_a_purge ON audit_entry")
    op.execute("REVOKE ALL ON audit_entry FROM vigil_purger")
    for function in ("goes_with_a_purge", "to_purge", "purge_scope"):
        op.execute(f"DROP FUNCTION {function}")
    op.execute(COMPLETE_BEFORE)
    # Entries of stays that are gone stay on the trail: only new ones are held to these.
    op.execute(
        "ALTER TABLE audit_entry ADD CONSTRAINT fk_audit_entry_patient_id"
        " FOREIGN KEY (patient_id) REFERENCES patient (id) NOT VALID"
    )
    op.execute(
        "ALTER TABLE audit_entry ADD CONSTRAINT fk_audit_entry_stay_id_patient_id_unit_id"
        " FOREIGN KEY (stay_id, patient_id, unit_id) REFERENCES stay (id, patient_id, unit_id)"
        " NOT VALID"
    )
    for table, column, _ in INDEXES:
        op.drop_index(f"ix_{table}_{column}", table_name=table)
    op.execute("DROP FUNCTION stays_past_their_time")
    op.execute("DROP FUNCTION retention_limits")
    for table in reversed(FACTS):
        op.drop_table(table)
