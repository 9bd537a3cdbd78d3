"""The figures of a busy shift equal those that plain SQL makes of the raw rows."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.clinical.shift import Shift
from backend.core import db
from backend.reports.shift import service
from backend.reports.shift.report import Detail, Kind, Report
from tests import people
from tests.reports import night

# Of a chain of corrections, the set that stands.
STANDS = """
WITH RECURSIVE chain AS (
    SELECT id AS first, id AS last FROM observation WHERE supersedes_id IS NULL
    UNION ALL
    SELECT chain.first, newer.id FROM chain
    JOIN observation newer ON newer.supersedes_id = chain.last
), standing AS (
    SELECT first, max(last) AS last FROM chain GROUP BY first
)
"""


@pytest.fixture(scope="module")
def lived(database: str) -> Iterator[tuple[Session, Shift, Report]]:  # noqa: ARG001
    """A shift full of deeds, lived once for all tests and undone, and its report made after it."""
    with db.console_session.kw["bind"].connect() as connection, connection.begin() as transaction:
        with Session(
            connection, join_transaction_mode="create_savepoint", expire_on_commit=False
        ) as session:
            ward = people.the_ward(session)
            shift = night.shift_of(ward, "2026-03-10T20:00")
            night.busy(session, ward, shift)
            report = service.prepare(
                session,
                ward.unit,
                shift,
                detail=Detail.CODED,
                prepared_by="Chen",
                now=shift.ends_at + night.AFTER,
            )
            yield session, shift, report
        transaction.rollback()


Lived = tuple[Session, Shift, Report]


def figures(report: Report, key: str) -> dict[tuple[str, ...], dict[str, Any]]:
    """A table by its labels, then by its columns."""
    table = next(table for table in report.tables if table.key == key)
    found = {}
    for row in table.rows:
        cells = list(zip(table.columns, row, strict=True))
        labels = tuple(str(value) for column, value in cells if column.kind is not Kind.FIGURE)
        found[labels] = {c.title: value for c, value in cells if c.kind is Kind.FIGURE}
    return found


def ask(lived: Lived, sql: str) -> list[Any]:
    session, shift, _ = lived
    params = {"start": shift.starts_at, "end": shift.ends_at}
    return list(session.execute(text(STANDS + sql), params))


def one(lived: Lived, sql: str) -> Any:
    return ask(lived, sql)[0][0]


def test_the_night_is_worth_a_report(lived: Lived) -> None:
    found = figures(lived[2], "observations")
    happened = [label for (label,), row in found.items() if row["all"]]
    assert {"due", "on time", "late", "partly done", "missed", "refused"} <= set(happened)
    assert figures(lived[2], "alerts")["acknowledged",]["all"] > 2
    assert figures(lived[2], "sets")["taken back",]["count"] > 0
    assert figures(lived[2], "sets")["put right or taken back since the shift ended",]["count"] > 0


def test_census(lived: Lived) -> None:
    found = {label: row["count"] for (label,), row in figures(lived[2], "census").items()}
    start = one(
        lived,
        "SELECT count(*) FROM stay WHERE admitted_at < :start"
        " AND coalesce(discharged_at, 'infinity') >= :start",
    )
    end = one(
        lived,
        "SELECT count(*) FROM stay WHERE admitted_at < :end"
        " AND coalesce(discharged_at, 'infinity') >= :end",
    )
    assert (found["at the start"], found["at the end"]) == (start, end)
    assert (found["admitted"], found["discharged"]) == (1, 1)
    assert found["discharged: left against advice"] == 1
    assert found["moved to another bed"] == 1
    assert found["at the start"] + found["admitted"] - found["discharged"] == found["at the end"]


def test_rounds_by_what_became_of_them(lived: Lived) -> None:
    """Each due round by the set that stands for it, from the tables alone."""
    rows = ask(
        lived,
        """
        , judged AS (
            SELECT round.instrument, CASE
                WHEN round.state = 'cancelled' THEN
                    CASE WHEN step.at > round.due_at THEN 'called off' END
                WHEN round.observation_id IS NULL THEN 'missed'
                WHEN now.outcome = 'entered_in_error'
                    OR (now.outcome = 'assessed' AND score.id IS NULL)
                    THEN CASE WHEN EXISTS (
                        SELECT FROM round again WHERE again.order_id = round.order_id
                            AND again.due_at = round.due_at AND again.id > round.id
                            AND again.state <> 'cancelled')
                        THEN NULL ELSE 'taken back' END
                WHEN now.outcome <> 'assessed' THEN replace(now.outcome, '_', ' ')
                WHEN score.total IS NULL THEN 'partly done'
                WHEN now.observed_at > round.late_at THEN 'late' ELSE 'on time' END AS fate
            FROM round
            LEFT JOIN round_step step ON step.round_id = round.id AND step.state = 'cancelled'
            -- a round may have been ticked off by the set itself, or first by its correction
            LEFT JOIN chain ON chain.last = round.observation_id
            LEFT JOIN standing ON standing.first = chain.first
            LEFT JOIN observation now ON now.id = standing.last
            LEFT JOIN score ON score.observation_id = now.id AND score.instrument = round.instrument
            WHERE round.due_at >= :start AND round.due_at < :end
        )
        SELECT fate, count(*), count(*) FILTER (WHERE instrument = 'ciwa-b') FROM judged
        WHERE fate IS NOT NULL GROUP BY fate
        """,
    )
    table = figures(lived[2], "observations")
    expected = {fate: (every, ciwa_b) for fate, every, ciwa_b in rows}
    for label in ("on time", "late", "partly done", "missed", "asleep", "refused", "off unit",
                  "unable to assess", "staff unavailable", "taken back", "called off"):  # fmt: skip
        found = table[label,]
        assert (found["all"], found["CIWA-B"]) == expected.get(label, (0, 0)), label
    assert table["due",]["all"] == sum(every for every, _ in expected.values())
    assert table["still open",]["all"] == 0


def test_lateness_of_what_was_done(lived: Lived) -> None:
    median, ninetieth = ask(
        lived,
        """
        SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY late),
            percentile_disc(0.9) WITHIN GROUP (ORDER BY late)
        FROM (
            SELECT greatest(0, extract(epoch FROM now.observed_at - round.due_at)::float / 60)
                AS late
            FROM round
            JOIN standing ON standing.first = round.observation_id
            JOIN observation now ON now.id = standing.last AND now.outcome = 'assessed'
            JOIN score ON score.observation_id = now.id AND score.instrument = round.instrument
                AND score.total IS NOT NULL
            WHERE round.due_at >= :start AND round.due_at < :end
        ) AS done
        """,
    )[0]
    table = figures(lived[2], "observations")
    assert table["lateness of those done, median, min",]["all"] == pytest.approx(median, abs=0.1)
    assert table["lateness, 90th centile, min",]["all"] == pytest.approx(ninetieth, abs=0.1)
    assert ninetieth > 0


def test_longest_gap_of_each_patient(lived: Lived) -> None:
    rows = ask(
        lived,
        """
        , here AS (
            SELECT stay.*, least(:end, coalesce(discharged_at, :end)) AS gone FROM stay
            WHERE admitted_at < :end AND coalesce(discharged_at, 'infinity') >= :start
        ), assessed AS (
            SELECT stay_id, observed_at FROM observation o WHERE outcome = 'assessed'
            AND NOT EXISTS (SELECT FROM observation n WHERE n.supersedes_id = o.id)
        ), marks AS (
            SELECT id, coalesce((SELECT max(observed_at) FROM assessed
                WHERE stay_id = here.id AND observed_at < :start), admitted_at) AS at FROM here
            UNION ALL SELECT id, observed_at FROM here JOIN assessed ON stay_id = id
                WHERE observed_at >= :start AND observed_at < :end
            UNION ALL SELECT id, gone FROM here
        ), gaps AS (
            SELECT id, at - lag(at) OVER (PARTITION BY id ORDER BY at) AS gap FROM marks
        )
        SELECT patient.code, extract(epoch FROM max(gap))::float / 60 FROM gaps
        JOIN stay USING (id) JOIN patient ON patient.id = stay.patient_id GROUP BY patient.code
        """,
    )
    found = {code: row["longest gap"] for (_, code), row in figures(lived[2], "patients").items()}
    assert found == {code: pytest.approx(minutes, abs=0.1) for code, minutes in rows}


def test_alerts_and_how_fast_they_were_answered(lived: Lived) -> None:
    row = ask(
        lived,
        """
        , raised AS (
            SELECT alert.*,
                (SELECT min(at) FROM alert_step s WHERE s.alert_id = alert.id
                    AND kind IN ('seen', 'acknowledged')) - raised_at AS seen,
                (SELECT min(at) FROM alert_step s WHERE s.alert_id = alert.id
                    AND kind = 'acknowledged') - raised_at AS taken,
                EXISTS (SELECT FROM alert_step s WHERE s.alert_id = alert.id
                    AND kind = 'lapsed') AS lapsed
            FROM alert WHERE raised_at >= :start AND raised_at < :end
        )
        SELECT count(*), count(seen), count(taken), count(*) FILTER (WHERE lapsed),
            count(closed_at), count(closed_by),
            percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM seen)::float / 60),
            percentile_disc(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM taken)::float / 60)
        FROM raised
        """,
    )[0]
    table = {label: found["all"] for (label,), found in figures(lived[2], "alerts").items()}
    assert tuple(row)[:6] == (
        table["raised"],
        table["seen"],
        table["acknowledged"],
        table["lapsed"],
        table["closed"],
        table["of these by a person"],
    )
    assert table["to seen, median, min"] == pytest.approx(row[6], abs=0.1)
    assert table["to acknowledged, 90th centile, min"] == pytest.approx(row[7], abs=0.1)
    assert table["open at the end"] == one(
        lived,
        "SELECT count(*) FROM alert WHERE raised_at < :end"
        " AND coalesce(closed_at, 'infinity') >= :end",
    )


def test_alerts_by_rule_add_up(lived: Lived) -> None:
    rows = ask(
        lived,
        "SELECT max(title), count(*) FROM alert WHERE raised_at >= :start AND raised_at < :end"
        " GROUP BY rule",
    )
    found = {label: row["raised"] for (label,), row in figures(lived[2], "rules").items()}
    assert {label: n for label, n in found.items() if n} == {title: n for title, n in rows}  # noqa: C416
    assert sum(found.values()) == figures(lived[2], "alerts")["raised",]["all"]


def test_last_scores_and_changes(lived: Lived) -> None:
    rows = ask(
        lived,
        """
        , good AS (
            SELECT score.* FROM score JOIN observation o ON o.id = score.observation_id
            WHERE o.outcome <> 'entered_in_error'
            AND NOT EXISTS (SELECT FROM observation n WHERE n.supersedes_id = o.id)
        ), during AS (SELECT * FROM good WHERE observed_at >= :start AND observed_at < :end),
        last AS (SELECT DISTINCT ON (stay_id, instrument) * FROM during
            ORDER BY stay_id, instrument, observed_at DESC, observation_id DESC)
        SELECT patient.code, last.instrument, last.total, last.lowest, last.band,
            (SELECT count(*) FROM during d
                WHERE (d.stay_id, d.instrument) = (last.stay_id, last.instrument)),
            (SELECT max(total) FROM during d
                WHERE (d.stay_id, d.instrument) = (last.stay_id, last.instrument)),
            (SELECT total FROM good g
                WHERE (g.stay_id, g.instrument) = (last.stay_id, last.instrument)
                AND g.observed_at < :start AND g.total IS NOT NULL
                ORDER BY observed_at DESC LIMIT 1)
        FROM last JOIN patient ON patient.id = last.patient_id
        """,
    )
    names = {"ciwa-b": "CIWA-B", "news2": "NEWS2", "cows": "COWS"}
    found = {(code, name): row for (_, code, name), row in figures(lived[2], "scores").items()}
    assert len(found) == len(rows) > 4
    for code, instrument, total, lowest, band, sets, highest, before in rows:
        row = found[code, names[instrument]]
        told = total if total is not None else f"incomplete, at least {lowest}"
        assert (row["last total"], row["band"]) == (told, band or "not known")
        assert (row["sets"], row["highest"], row["before"]) == (sets, highest, before)
        if total is None or before is None:
            assert row["change"] is None
        else:
            words = {1: f"up {total - before}", 0: "same", -1: f"down {before - total}"}
            assert row["change"] == words[(total > before) - (total < before)]


def test_who_recorded_and_what_was_late(lived: Lived) -> None:
    rows = ask(
        lived,
        """
        SELECT staff.name, count(*) FILTER (WHERE supersedes_id IS NULL),
            count(*) FILTER (WHERE supersedes_id IS NOT NULL)
        FROM observation JOIN staff ON staff.id = recorded_by
        WHERE observed_at >= :start AND observed_at < :end GROUP BY staff.name
        """,
    )
    found = {
        label: (row["sets"], row["corrections"])
        for (label,), row in figures(lived[2], "staff").items()
    }
    assert found == {name: (sets, corrections) for name, sets, corrections in rows}
    late = one(
        lived,
        "SELECT count(*) FROM observation o WHERE late_entry AND outcome <> 'entered_in_error'"
        " AND observed_at >= :start AND observed_at < :end"
        " AND NOT EXISTS (SELECT FROM observation n WHERE n.supersedes_id = o.id)",
    )
    assert figures(lived[2], "sets")["of these late entries",]["count"] == late
    assert len(figures(lived[2], "late-entries")) == late > 0


def test_the_charts_hold_what_the_tables_hold(lived: Lived) -> None:
    by_key = {chart.key: chart for chart in lived[2].charts}
    due = figures(lived[2], "observations")["due",]["all"]
    assert sum(bar.total for bar in by_key["observations"].bars) == due
    raised = figures(lived[2], "alerts")["raised",]
    sums = [sum(counts) for counts in zip(*(b.counts for b in by_key["alerts"].bars), strict=True)]
    assert sums == [raised["emergency"], raised["urgent"], raised["advisory"]]
