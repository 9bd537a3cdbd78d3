"""Keep the record: grants, append-only rows, legal answers, and the pulse that screens watch.

Must run while the previous release is still serving: add first, move data next, drop in a later
release. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Facts: added, never changed, by anybody.
FACTS = (
    "observation",
    "score",
    "instrument_definition",
    "round_step",
    "alert_step",
    "audit_entry",
    "failed_try",
)
# State: moves, and leaves a fact behind at each move. Nothing is ever deleted.
STATE = (
    "unit",
    "bed",
    "staff",
    "posting",
    "sign_in",
    "device",
    "patient",
    "risk_flag",
    "stay",
    "placement",
    "unit_protocol",
    "observation_order",
    "round",
    "alert",
    "beat",
)


def upgrade() -> None:
    for table in (*FACTS, *STATE):
        op.execute(f"GRANT SELECT ON {table} TO vigil_app")
    for table in FACTS[:-2]:
        op.execute(f"GRANT INSERT ON {table} TO vigil_app")
    op.execute("GRANT INSERT ON failed_try TO vigil_app")
    # By column: the application can forge neither the time nor the order of an audit entry.
    op.execute(
        "GRANT INSERT (actor_id, action, deed, unit_id, stay_id, subject, reason, quarter_hour)"
        " ON audit_entry TO vigil_app"
    )
    for table in STATE:
        op.execute(f"GRANT INSERT, UPDATE ON {table} TO vigil_app")
    op.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO vigil_app")
    op.execute("GRANT SELECT ON alembic_version TO vigil_app")  # is the schema the newest?

    op.execute(
        """
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'rows of % are added, never changed', TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation';
        END $$
        """
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

    # An approved protocol version is what alerts point back to: it never changes either.
    op.execute("REVOKE UPDATE ON unit_protocol FROM vigil_app")
    op.execute(
        "CREATE TRIGGER unit_protocol_is_append_only BEFORE UPDATE OR DELETE ON unit_protocol"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )

    # `legal` maps an item to a list of values, or to {"low": …, "high": …} for a measured number.
    op.execute(
        """
        CREATE FUNCTION refuse_illegal_answers() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            allowed jsonb;
            item text;
            answer jsonb;
        BEGIN
            SELECT legal INTO allowed FROM instrument_definition WHERE id = NEW.definition;
            FOR item, answer IN SELECT * FROM jsonb_each(NEW.answers) LOOP
                IF (CASE jsonb_typeof(allowed -> item)
                    WHEN 'array' THEN (allowed -> item) @> jsonb_build_array(answer)
                    WHEN 'object' THEN jsonb_typeof(answer) = 'number'
                        AND answer::numeric BETWEEN (allowed -> item ->> 'low')::numeric
                            AND (allowed -> item ->> 'high')::numeric
                    ELSE false
                END) IS NOT TRUE THEN
                    RAISE EXCEPTION 'item % of % does not allow this answer', item, NEW.definition
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'score_answers_are_legal';
                END IF;
            END LOOP;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER score_answers_are_legal BEFORE INSERT ON score"
        " FOR EACH ROW EXECUTE FUNCTION refuse_illegal_answers()"
    )

    # `change` is the newest deed below the snapshot's horizon: no commit escapes it, in whatever
    # order transactions end. One row, read by every web process every five seconds.
    op.execute(
        """
        CREATE VIEW pulse AS SELECT
            (SELECT coalesce(max(xid), 0)::text FROM audit_entry
                WHERE deed AND xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
            ) AS change,
            (SELECT extract(epoch FROM clock_timestamp() - beat_at)::float FROM beat
                WHERE process = 'watch') AS watch_age_s,
            to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
                AS server_time
        """
    )
    op.execute("GRANT SELECT ON pulse TO vigil_app")


def downgrade() -> None:
    op.execute("DROP VIEW pulse")
    op.execute("DROP TRIGGER score_answers_are_legal ON score")
    op.execute("DROP FUNCTION refuse_illegal_answers")
    op.execute("DROP TRIGGER unit_protocol_is_append_only ON unit_protocol")
    for table in FACTS:
        op.execute(f"DROP TRIGGER {table}_is_never_emptied ON {table}")
        op.execute(f"DROP TRIGGER {table}_is_append_only ON {table}")
    op.execute("DROP FUNCTION refuse_change")
    for table in (*FACTS, *STATE):
        op.execute(f"REVOKE ALL ON {table} FROM vigil_app")
    op.execute("REVOKE ALL ON alembic_version FROM vigil_app")
    op.execute("REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM vigil_app")
