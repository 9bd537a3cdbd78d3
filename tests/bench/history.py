"""A long past, written by SQL in the layout of the record: old stays, and the forty of today."""

import json

import psycopg
from psycopg import sql

from backend.clinical import scale
from backend.observations.service import score_columns
from tests import build
from tests.bench.ground import BEDS, CIWA_B_TOTALS

OLD_STAY_SETS = 120
# Of all rows, on the stays of today.
TODAYS_SHARE = 0.1

OLD_STAYS = """
WITH patients AS (
    INSERT INTO patient (unit_id, code, family_name, given_name, source)
    SELECT (SELECT unit_id FROM stay WHERE discharged_at IS NULL LIMIT 1),
        'old-' || %(from)s + n, 'Pennywhistle', 'Otto', 'typed'
    FROM generate_series(1, %(stays)s) n
    RETURNING id
)
INSERT INTO stay (key, patient_id, unit_id, admitted_at, admitted_by, substances, spo2_scale,
    source, discharged_at, discharged_by, discharge_reason)
SELECT gen_random_uuid(), patients.id, today.unit_id, now() - interval '90 days',
    today.admitted_by, '{}', 1, 'typed', now() - interval '85 days', today.admitted_by, 'completed'
FROM patients, (SELECT * FROM stay WHERE discharged_at IS NULL LIMIT 1) today
"""
# Hours apart on an old stay; on one of today as dense as the number of sets makes it.
SETS = """
INSERT INTO observation (key, request_sha256, stay_id, patient_id, unit_id, outcome, source,
    observed_at,
    entered_at, late_entry, recorded_by, protocol_id, respiratory_rate_per_min, spo2_percent,
    on_oxygen, systolic_mmhg, diastolic_mmhg, pulse_per_min, temperature_c, consciousness)
SELECT lpad(to_hex(%(from)s + row_number() OVER ()), 32, '0')::uuid, '\\x00', stay.id,
    stay.patient_id, stay.unit_id, 'assessed', 'typed', at, at, false, stay.admitted_by,
    (SELECT min(id) FROM unit_protocol WHERE unit_id = stay.unit_id),
    16, 97, false, 124, 78, 72, 36.8, 'A'
FROM stay CROSS JOIN generate_series(1, %(each)s) n,
    LATERAL (SELECT stay.admitted_at + n * %(apart_s)s * interval '1 second' AS at) times
WHERE CASE WHEN %(today)s THEN stay.discharged_at IS NULL
    ELSE stay.discharged_at IS NOT NULL AND NOT EXISTS (
        SELECT FROM observation there WHERE there.stay_id = stay.id) END
"""
SCORES = """
WITH made AS (
    SELECT * FROM jsonb_to_recordset(%(made)s) AS (variant int, instrument text, definition text,
        status text, answers jsonb, unscored jsonb, points jsonb, total int, lowest int,
        highest int, band_system text, band text, severity int, alarms text[])
)
INSERT INTO score (observation_id, stay_id, patient_id, unit_id, observed_at, instrument,
    definition, status, answers, unscored, points, total, lowest, highest, band_system, band,
    severity, alarms)
SELECT o.id, o.stay_id, o.patient_id, o.unit_id, o.observed_at, made.instrument,
    made.definition, made.status,
    made.answers, made.unscored, made.points, made.total, made.lowest, made.highest,
    made.band_system, made.band, made.severity, made.alarms
FROM observation o JOIN stay ON stay.id = o.stay_id
JOIN made ON made.variant = o.id %% %(variants)s
WHERE o.id > %(after)s AND (stay.discharged_at IS NULL OR made.instrument = 'ciwa-b')
"""
ROUNDS = """
INSERT INTO round (order_id, stay_id, patient_id, unit_id, instrument, interval_minutes, due_at,
    late_at, missed_at, state, done_at, observation_id)
SELECT ordered.id, o.stay_id, o.patient_id, ordered.unit_id, ordered.instrument, 60, o.observed_at,
    o.observed_at + interval '15 minutes', o.observed_at + interval '1 hour', 'done',
    o.observed_at, o.id
FROM observation o JOIN observation_order ordered USING (stay_id)
WHERE o.id > %(after)s
"""
COUNT = "SELECT count(*), coalesce(max(id), 0) FROM observation"


def grow(url: str, rows: int) -> None:
    """Fill up to this many sets with scores; those of today have two, and their rounds."""
    with psycopg.connect(url, autocommit=True) as connection:
        # Set by set through the triggers it would take an hour; the rows are what they would be.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET synchronous_commit = off")
        connection.execute("ALTER SYSTEM SET max_wal_size = '8GB'")  # of this server of our own
        connection.execute("SELECT pg_reload_conf()")
        there, newest = _one(connection, COUNT)
        todays = int((rows - there) * TODAYS_SHARE / BEDS)
        stays = (rows - there - todays * BEDS) // OLD_STAY_SETS
        connection.execute(OLD_STAYS, {"from": there, "stays": stays})
        for today, each, apart_s in (
            (False, OLD_STAY_SETS, 3600),
            # Offset a little for each size, or two sets of one stay would share their time.
            (True, todays, 29 * 24 * 3600 // todays),
        ):
            first = {"from": there + rows * (1 + today)}
            values = first | {"each": each, "apart_s": apart_s, "today": today}
            connection.execute(SETS, values)
        made = _scores_made()
        connection.execute(
            SCORES,
            {"made": json.dumps(made), "variants": len(CIWA_B_TOTALS), "after": newest},
        )
        connection.execute(ROUNDS, {"after": newest})
        connection.execute("ANALYZE")


def size(url: str) -> int:
    """How many sets are there."""
    with psycopg.connect(url) as connection:
        return _one(connection, COUNT)[0]


def _one(connection: psycopg.Connection, statement: str) -> tuple[int, int]:
    row = connection.execute(sql.SQL(statement)).fetchone()
    assert row is not None
    return row


def _scores_made() -> list[dict[str, object]]:
    """The scores of one turn of sheets, as the service stores them."""
    news2 = scale.latest()["news2"]
    calm = scale.score(news2, scale.vital_answers(news2, build.CALM, spo2_scale=1))
    made = []
    for variant, total in enumerate(CIWA_B_TOTALS):
        ciwa_b = scale.score(scale.latest()["ciwa-b"], build.ciwa_b(total)["ciwa-b"])
        made += [{"variant": variant, **score_columns(score)} for score in (calm, ciwa_b)]
    return made
