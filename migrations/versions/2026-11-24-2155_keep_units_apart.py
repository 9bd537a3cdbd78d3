"""Keep units apart: row-level security, and children tied to their stay, patient and unit.

Stop web and watch for this one: the release before it does not say which unit is on duty, and would
see nothing. A lock wait is cut off after 4 s. No imports of `backend` in here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# What belongs to a unit. A table that is not here, and has no policy of its own, has its reason in
# tests/test_row_security.py.
OF_A_UNIT = (
    "bed",
    "stay",
    "placement",
    "unit_protocol",
    "observation",
    "score",
    "observation_order",
    "round",
    "round_step",
    "alert",
    "alert_step",
)

# What the watch touches when time becomes a fact; it neither records nor signs anybody in.
WATCH_READS = (
    "unit",
    "stay",
    "unit_protocol",
    "observation_order",
    "round",
    "round_step",
    "alert",
    "alert_step",
    "beat",
)
WATCH_WRITES = ("round", "round_step", "alert", "alert_step", "beat")
WATCH_MOVES = ("round", "alert", "beat")

# (table, statement that says the unit of each row that is there)
UNIT_OF = (
    ("observation", "SET unit_id = stay.unit_id FROM stay WHERE stay.id = child.stay_id"),
    ("score", "SET unit_id = stay.unit_id FROM stay WHERE stay.id = child.stay_id"),
    (
        "alert_step",
        "SET unit_id = up.unit_id, stay_id = up.stay_id FROM alert up WHERE up.id = child.alert_id",
    ),
    ("round_step", "SET unit_id = round.unit_id FROM round WHERE round.id = child.round_id"),
)

# (table, columns, table they name, its columns), in place of the narrower key before it.
KEYS = (
    ("observation", "stay_id patient_id unit_id", "stay", "id patient_id unit_id"),
    ("observation", "protocol_id unit_id", "unit_protocol", "id unit_id"),
    (
        "score",
        "observation_id stay_id patient_id unit_id",
        "observation",
        "id stay_id patient_id unit_id",
    ),
    ("observation_order", "stay_id patient_id unit_id", "stay", "id patient_id unit_id"),
    ("observation_order", "protocol_id unit_id", "unit_protocol", "id unit_id"),
    (
        "round",
        "order_id stay_id patient_id unit_id",
        "observation_order",
        "id stay_id patient_id unit_id",
    ),
    ("round", "observation_id stay_id", "observation", "id stay_id"),
    ("round_step", "round_id unit_id", "round", "id unit_id"),
    ("alert", "stay_id patient_id unit_id", "stay", "id patient_id unit_id"),
    ("alert", "protocol_id unit_id", "unit_protocol", "id unit_id"),
    ("alert", "observation_id stay_id", "observation", "id stay_id"),
    ("alert_step", "alert_id stay_id unit_id", "alert", "id stay_id unit_id"),
    ("alert_step", "observation_id stay_id", "observation", "id stay_id"),
    ("audit_entry", "stay_id unit_id", "stay", "id unit_id"),
)
BEFORE = (
    ("observation", "stay_id patient_id", "stay", "id patient_id"),
    ("observation", "protocol_id", "unit_protocol", "id"),
    ("score", "observation_id stay_id patient_id", "observation", "id stay_id patient_id"),
    ("observation_order", "stay_id patient_id", "stay", "id patient_id"),
    ("observation_order", "stay_id unit_id", "stay", "id unit_id"),
    ("observation_order", "protocol_id", "unit_protocol", "id"),
    ("round", "order_id", "observation_order", "id"),
    ("round", "stay_id patient_id", "stay", "id patient_id"),
    ("round", "stay_id unit_id", "stay", "id unit_id"),
    ("round", "observation_id", "observation", "id"),
    ("round_step", "round_id", "round", "id"),
    ("alert", "stay_id patient_id", "stay", "id patient_id"),
    ("alert", "stay_id unit_id", "stay", "id unit_id"),
    ("alert", "protocol_id", "unit_protocol", "id"),
    ("alert", "observation_id", "observation", "id"),
    ("alert_step", "alert_id", "alert", "id"),
    ("alert_step", "observation_id", "observation", "id"),
    ("audit_entry", "stay_id", "stay", "id"),
)
UNIQUE = (
    ("stay", "id patient_id unit_id"),
    ("unit_protocol", "id unit_id"),
    ("observation", "id stay_id patient_id unit_id"),
    ("observation_order", "id stay_id patient_id unit_id"),
    ("round", "id unit_id"),
    ("alert", "id stay_id unit_id"),
)
UNIQUE_BEFORE = (
    ("stay", "id patient_id"),
    ("observation", "id stay_id patient_id"),
)


def _foreign_key(table: str, columns: str, named: str, its: str) -> None:
    name = op.f(f"fk_{table}_{columns.replace(' ', '_')}")
    op.create_foreign_key(name, table, named, columns.split(), its.split())


def _drop_foreign_key(table: str, columns: str) -> None:
    op.drop_constraint(op.f(f"fk_{table}_{columns.replace(' ', '_')}"), table, type_="foreignkey")


def _unique(table: str, columns: str) -> None:
    op.create_unique_constraint(
        op.f(f"uq_{table}_{columns.replace(' ', '_')}"), table, columns.split()
    )


def _drop_unique(table: str, columns: str) -> None:
    op.drop_constraint(op.f(f"uq_{table}_{columns.replace(' ', '_')}"), table, type_="unique")


def upgrade() -> None:
    for table, _ in UNIT_OF:
        op.add_column(table, sa.Column("unit_id", sa.Integer()))
    op.add_column("alert_step", sa.Column("stay_id", sa.Integer()))
    op.add_column("patient", sa.Column("unit_id", sa.Integer()))
    for table, said in UNIT_OF:
        op.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_is_append_only")
        op.execute(f"UPDATE {table} AS child {said}")
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_is_append_only")
        op.alter_column(table, "unit_id", nullable=False)
    op.alter_column("alert_step", "stay_id", nullable=False)
    # Where the patient last lay; nobody is registered without being admitted.
    op.execute(
        "UPDATE patient SET unit_id = coalesce((SELECT stay.unit_id FROM stay"
        " WHERE stay.patient_id = patient.id ORDER BY stay.admitted_at DESC LIMIT 1),"
        " (SELECT min(id) FROM unit))"
    )
    op.alter_column("patient", "unit_id", nullable=False)
    _foreign_key("patient", "unit_id", "unit", "id")
    _tie_children()
    _one_open_alert_per("unit_id, patient_id, rule")
    _the_two_walls()
    _grants()


def _tie_children() -> None:
    for table, columns in UNIQUE:
        _unique(table, columns)
    for table, columns, _, _ in BEFORE:
        _drop_foreign_key(table, columns)
    for table, columns in UNIQUE_BEFORE:
        _drop_unique(table, columns)
    for key in KEYS:
        _foreign_key(*key)
    op.create_check_constraint(
        op.f("ck_audit_entry_a_stay_has_its_unit"),
        "audit_entry",
        "stay_id IS NULL OR unit_id IS NOT NULL",
    )


def _one_open_alert_per(columns: str) -> None:
    op.execute("DROP INDEX uq_alert_open")
    op.execute(f"CREATE UNIQUE INDEX uq_alert_open ON alert ({columns}) WHERE closed_at IS NULL")


def _the_two_walls() -> None:
    op.execute(
        """
        CREATE FUNCTION unit_on_duty() RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE AS
        $$ SELECT nullif(current_setting('vigil.unit_id', true), '')::integer $$
        """
    )
    op.execute(
        """
        CREATE FUNCTION keep_to_unit(
            kept regclass, belongs text DEFAULT 'unit_id = (SELECT unit_on_duty())'
        ) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN
            EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', kept);
            EXECUTE format('CREATE POLICY of_the_unit_on_duty ON %s TO vigil_app USING (%s)',
                kept, belongs);
            EXECUTE format('CREATE POLICY of_every_unit ON %s TO vigil_watch, vigil_console'
                ' USING (true)', kept);
        END $$
        """
    )
    for table in OF_A_UNIT:
        op.execute(f"SELECT keep_to_unit('{table}')")
    # A patient who comes to another unit brings their name, allergies and risks along.
    op.execute(
        """
        SELECT keep_to_unit('patient', 'unit_id = (SELECT unit_on_duty()) OR EXISTS (SELECT FROM stay
            WHERE stay.patient_id = patient.id AND stay.unit_id = (SELECT unit_on_duty()))')
        """
    )
    op.execute(
        """
        SELECT keep_to_unit('risk_flag', 'EXISTS (SELECT FROM patient
            WHERE patient.id = risk_flag.patient_id)')
        """
    )
    # What is of no unit (somebody could not sign in) is written by everybody, and read by nobody
    # on a unit.
    op.execute("SELECT keep_to_unit('audit_entry')")
    op.execute(
        "CREATE POLICY of_no_unit ON audit_entry FOR INSERT TO vigil_app"
        " WITH CHECK (unit_id IS NULL)"
    )
    # Who the patient is whom another system knows by this number, wherever they have been: asked by
    # a unit that is about to admit them.
    op.execute(
        """
        CREATE FUNCTION patient_known_as(system text, identifier text) RETURNS SETOF patient
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
        $$ SELECT * FROM patient WHERE source = system AND source_id = identifier $$
        """
    )
    op.execute(
        """
        CREATE FUNCTION patient_code_is_taken(wanted text) RETURNS boolean
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
        $$ SELECT EXISTS (SELECT FROM patient WHERE code = wanted) $$
        """
    )
    for function in ("patient_known_as", "patient_code_is_taken"):
        op.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO vigil_app")


def _grants() -> None:
    for table in WATCH_READS:
        op.execute(f"GRANT SELECT ON {table} TO vigil_watch")
    for table in WATCH_WRITES:
        op.execute(f"GRANT INSERT ON {table} TO vigil_watch")
    for table in WATCH_MOVES:
        op.execute(f"GRANT UPDATE ON {table} TO vigil_watch")
    op.execute(
        "GRANT INSERT (actor_id, action, deed, unit_id, stay_id, subject, reason, quarter_hour)"
        " ON audit_entry TO vigil_watch"
    )
    op.execute("GRANT SELECT ON pulse, alembic_version TO vigil_watch")
    # A patient is not handed to another unit: that unit admits them.
    op.execute("REVOKE UPDATE ON patient FROM vigil_app")
    op.execute("GRANT UPDATE (family_name, given_name, born_on, allergies) ON patient TO vigil_app")


def downgrade() -> None:
    op.execute("GRANT UPDATE ON patient TO vigil_app")
    op.execute("DROP FUNCTION patient_known_as")
    op.execute("DROP FUNCTION patient_code_is_taken")
    op.execute("DROP POLICY of_no_unit ON audit_entry")
    for table in (*OF_A_UNIT, "risk_flag", "patient", "audit_entry"):
        op.execute(f"DROP POLICY of_the_unit_on_duty ON {table}")
        op.execute(f"DROP POLICY of_every_unit ON {table}")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    op.execute("DROP FUNCTION keep_to_unit")
    op.execute("DROP FUNCTION unit_on_duty")
    op.execute("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM vigil_watch")
    op.execute(
        "REVOKE INSERT (actor_id, action, deed, unit_id, stay_id, subject, reason, quarter_hour)"
        " ON audit_entry FROM vigil_watch"
    )
    _one_open_alert_per("patient_id, rule")
    op.drop_constraint(op.f("ck_audit_entry_a_stay_has_its_unit"), "audit_entry", type_="check")
    for table, columns, _, _ in KEYS:
        _drop_foreign_key(table, columns)
    for table, columns in UNIQUE_BEFORE:
        _unique(table, columns)
    for key in BEFORE:
        _foreign_key(*key)
    for table, columns in UNIQUE:
        _drop_unique(table, columns)
    _drop_foreign_key("patient", "unit_id")
    op.drop_column("patient", "unit_id")
    op.drop_column("alert_step", "stay_id")
    for table, _ in UNIT_OF:
        op.drop_column(table, "unit_id")
