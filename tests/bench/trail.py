"""How long the privacy officer waits when the audit trail holds ten million entries.

`make bench-trail` (ENTRIES=10000000): each question is asked as the web asks it, behind row-level
security, with the first page and a page far back.
"""

import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import psycopg
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from backend.accounts.staff.models import Staff
from backend.core import clock
from backend.reports.privacy import queries
from backend.reports.privacy.queries import Asked
from tests.bench.ground import Ground, ground, on_the_unit, sessions_on

ENTRIES = 10_000_000
STAFF = 200
PATIENTS = 4_000
ROUNDS = 5
BUDGET_S = 2.0

# Three years of a large house: of a thousand entries 600 are reads, 384 deeds, ten boards, five
# refusals and one export.
GROW = """
INSERT INTO audit_entry (xid, at, actor_id, action, deed, unit_id, patient_id, subject,
    quarter_hour, detail_sha256)
SELECT 1000 + i, now() - (%(entries)s - i) * (interval '3 years' / %(entries)s),
    (SELECT min(id) FROM staff WHERE login_name LIKE 'bench-%%') + i * 7919 %% %(staff)s,
    CASE WHEN i %% 1000 < 600 THEN 'audit.viewed' WHEN i %% 1000 < 984 THEN 'observation.recorded'
        WHEN i %% 1000 < 994 THEN 'census.viewed' WHEN i %% 1000 < 999 THEN 'access.refused'
        ELSE 'report.exported' END,
    i %% 1000 >= 600 AND i %% 1000 < 984, %(unit)s,
    CASE WHEN i %% 1000 < 984 OR i %% 1000 BETWEEN 994 AND 998
        THEN coalesce((%(patients)s::int[])[i / 1000 %% %(all)s],
            5000000 + i / 1000 %% %(all)s) END,
    CASE WHEN i %% 1000 BETWEEN 984 AND 993
        THEN jsonb_build_object('screen', 'board', 'stay_ids', %(stays)s::int[])
        ELSE '{}' END,
    i, '\\x00'
FROM generate_series(%(from)s::bigint, %(to)s::bigint) AS i
"""
AT_ONCE = 500_000


def grow(made: Ground, database: str, entries: int) -> None:
    """Fill the trail from behind its triggers, and build its indexes afterwards."""
    with psycopg.connect(made.url(database), autocommit=True) as admin:
        admin.execute(
            "INSERT INTO staff (login_name, name) SELECT 'bench-' || i, 'Bench ' || i"
            " FROM generate_series(0, %s) AS i",
            (STAFF,),
        )
        admin.execute("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
        indexes = admin.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'audit_entry'"
            " AND indexname NOT LIKE 'pk%'"
        ).fetchall()
        for name, _ in indexes:
            admin.execute(f"DROP INDEX {name}")
        told = {
            "entries": entries,
            "staff": STAFF,
            "unit": made.unit_id,
            "all": PATIENTS,
            "patients": [place.patient_id for place in made.places],
            "stays": [place.stay_id for place in made.places],
        }
        for start in range(1, entries + 1, AT_ONCE):
            admin.execute(GROW, told | {"from": start, "to": min(start + AT_ONCE - 1, entries)})
        for _, definition in indexes:
            admin.execute(definition)
        admin.execute("ALTER TABLE audit_entry ENABLE TRIGGER ALL")
        admin.execute("VACUUM ANALYZE audit_entry")


def questions(made: Ground, staff_id: int) -> dict[str, Callable[[Session], object]]:
    """What the pages ask."""
    unit, patient = made.unit_id, made.places[7].patient_id
    far = (clock.now() - timedelta(days=700), 1)

    def page(**asked: object) -> Callable[[Session], object]:
        return lambda session: queries.page(session, Asked(unit_id=unit, **asked), 51)  # type: ignore[arg-type]

    return {
        "who saw this patient": lambda session: queries.who_saw(session, unit, patient),
        "who saw them on a board": lambda session: queries.who_saw_on_a_board(
            session, unit, patient
        ),
        "entries of a patient": page(patient_id=patient),
        "entries of a patient, far back": page(patient_id=patient, before=far),
        "refusals of a patient": page(patient_id=patient, what="refusals"),
        "what a person did": page(actor_id=staff_id),
        "what a person took out": page(actor_id=staff_id, what="exports"),
        "everything": page(),
        "everything, far back": page(before=far),
        "all refusals": page(what="refusals"),
        "all refusals, far back": page(what="refusals", before=far),
        "all exports of a day": page(
            what="exports", since=far[0], until=far[0] + timedelta(days=1)
        ),
        "all deeds": page(what="deeds"),
        "all reads": page(what="reads"),
    }


def measured(sessions: sessionmaker[Session], ask: Callable[[Session], object]) -> list[float]:
    """Seconds; the first is the one that finds nothing in memory."""
    taken = []
    for _ in range(ROUNDS):
        with sessions() as session:
            begun = time.perf_counter()
            ask(session)
            taken.append(time.perf_counter() - begun)
    return taken


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(entries: int) -> None:
    """One line a question; ends with 1 when any takes longer than its budget."""
    slowest = 0.0
    with ground() as made:
        made.copy("trail")
        begun = time.perf_counter()
        grow(made, "trail", entries)
        _say(f"{entries:,} entries, grown in {time.perf_counter() - begun:.0f} s")
        with sessions_on(made.url("trail"), on_the_unit(made.unit_id)) as sessions:
            with sessions() as session:
                staff_id = session.scalars(select(Staff.id).where(Staff.name == "Bench 7")).one()
            for name, ask in questions(made, staff_id).items():
                taken = measured(sessions, ask)
                slowest = max(slowest, *taken)
                _say(
                    f"{name:32} first {taken[0] * 1000:8.1f} ms"
                    f"   median {statistics.median(taken) * 1000:8.1f} ms"
                )
    _say(f"slowest {slowest:.2f} s, budget {BUDGET_S:.0f} s")
    sys.exit(slowest > BUDGET_S)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES)
