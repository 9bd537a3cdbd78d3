"""From loaded rows to what one bed says on the board: words and levels. Asks nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from backend.alerts import queries as alerts
from backend.alerts.models import Alert, AlertState, Level
from backend.board.knowledge import Note, calm, unknown
from backend.board.queries import Course, Due, Lying
from backend.board.spark import Spark, spark
from backend.board.statements import NEWS2
from backend.clinical import scale
from backend.core import local_time
from backend.observations import words
from backend.observations.models import Outcome, ScoreStatus
from backend.observations.words import Moved
from backend.stays import queries as stays

# Worst first: the order of the board.
LEVELS = ("emergency", "urgent", "overdue", "unknown", "advisory", "stable")
GROUPS = (
    ("Go now", ("emergency", "urgent")),
    ("Next", ("overdue", "unknown", "advisory")),
    ("As planned", ("stable",)),
)
NO_BED = "–"
TAGS_SHOWN = 3
MOVED_SHOWN = 2
# Families of rules that look at vital signs: then NEWS2 is the figure to be read from afar.
ABOUT_VITALS = ("news2", "item-alarm/news2", "item-alarm/acvpu")
MINUTE = timedelta(minutes=1)
# What falls due this soon after the first is done in one go.
TOGETHER = timedelta(minutes=30)


@dataclass(frozen=True, kw_only=True)
class ScoreLine:
    """One instrument on a card."""

    name: str
    figure: str
    known: bool
    old: bool
    band: str
    note: str
    arrow: str
    change_words: str
    moved: tuple[Moved, ...]
    spark: Spark | None


@dataclass(frozen=True, kw_only=True)
class AlertLine:
    """The worst open alert of a bed."""

    alert_id: int
    level: str
    title: str
    sentence: str
    age_words: str
    who: str
    others: int
    taken: bool


@dataclass(frozen=True, kw_only=True)
class Card:
    """One bed, or one patient without a bed."""

    stay_id: int
    level: str
    rank: int  # its place in LEVELS
    plate: str
    place: str  # "Bed 7", or "No bed"
    title: str  # the name, or the code where names are not to be shown
    code: str
    facts: str
    tags: tuple[str, ...]
    scores: tuple[ScoreLine, ...]
    news2: str
    news2_known: bool
    consciousness: str
    consciousness_known: bool
    due_since: str | None
    due_words: str
    due_what: str
    overdue: bool
    overdue_minutes: int
    last_words: str
    last_since: str | None  # when that was, so that its age goes on by itself
    last_age: str
    about: str  # "vitals" where the worst alert is about them, else "scales"
    alert: AlertLine | None
    alert_levels: tuple[str, ...]
    note: Note | None
    away: bool
    may_record: bool = True
    may_open_alert: bool = True
    shows_moved: bool = False


def card(
    lying: Lying,
    *,
    names: Mapping[int, str],
    asleep_at_most: int,
    zone: ZoneInfo,
    now: datetime,
) -> Card:
    """Everything one place on the board says, formatted once."""
    since = lying.rounds[0].since if lying.rounds else None
    if lying.away is not None:
        since = lying.away.expected_at
    overdue = since is not None and now - since >= MINUTE
    bundles = alerts.bundles(lying.alerts)
    not_known = unknown(lying, asleep_at_most=asleep_at_most, zone=zone)
    worst = bundles[0].leading if bundles else None
    level = _level(worst, overdue=overdue, not_known=not_known is not None)
    news2 = lying.courses[NEWS2].point if NEWS2 in lying.courses else None
    consciousness = lying.last.consciousness if lying.last else None
    return Card(
        stay_id=lying.stay.id,
        level=level,
        rank=LEVELS.index(level),
        plate=lying.bed.label if lying.bed else NO_BED,
        place=f"Bed {lying.bed.label}" if lying.bed else "No bed",
        title=f"{lying.patient.family_name}, {lying.patient.given_name}",
        code=lying.patient.code,
        facts=_facts(lying, zone, now),
        tags=lying.risks[:TAGS_SHOWN],
        scores=tuple(
            _score_line(key, course, lying, zone, now)
            for key, course in sorted(lying.courses.items())
            if key != NEWS2
        ),
        news2=_figure(news2.total, news2.lowest) if news2 else "?",
        news2_known=news2 is not None and news2.total is not None,
        consciousness=consciousness or "?",
        consciousness_known=consciousness is not None,
        due_since=local_time.machine(since) if since else None,
        due_words=_due_words(since, now),
        due_what="return" if lying.away else _due_what(lying.rounds),
        overdue=overdue,
        overdue_minutes=int((now - since) / MINUTE) if since and overdue else 0,
        last_words=_last_words(lying, zone, now),
        last_since=local_time.machine(lying.last.observed_at) if lying.last else None,
        last_age=local_time.span(now - lying.last.observed_at) if lying.last else "",
        about="vitals" if worst and worst.family.startswith(ABOUT_VITALS) else "scales",
        alert=_alert_line(worst, len(bundles) - 1, names, zone, now) if worst else None,
        alert_levels=tuple(bundle.leading.level.value for bundle in bundles),
        note=not_known or calm(lying, zone, now),
        away=lying.away is not None,
    )


def _level(worst: Alert | None, *, overdue: bool, not_known: bool) -> str:
    if worst and worst.level in (Level.EMERGENCY, Level.URGENT):
        return worst.level.value
    if overdue:
        return "overdue"
    if not_known:
        return "unknown"
    return worst.level.value if worst else "stable"


def _facts(lying: Lying, zone: ZoneInfo, now: datetime) -> str:
    age = stays.age_years(lying.patient, zone, now)
    parts = [
        f"{age} y" if age is not None else "age not known",
        f"day {stays.day_of_stay(lying.stay, zone, now)}",
        ", ".join(lying.stay.substances) or "substances not recorded",
    ]
    return " · ".join(parts)


def _figure(total: int | None, lowest: int | None) -> str:
    if total is not None:
        return str(total)
    return f"≥{lowest}" if lowest else "?"


def _score_line(key: str, course: Course, lying: Lying, zone: ZoneInfo, now: datetime) -> ScoreLine:
    point, last = course.point, lying.last
    if point is None:
        figure, band, note = NO_BED, "unknown", "no set yet"
    elif point.status is not ScoreStatus.OK:
        figure, band, note = _figure(None, point.lowest), "incomplete", "no total"
    else:
        figure = words.figure(point.definition, point.total, point.value)
        band, note = point.band or "", ""
    skipped = point is not None and last is not None and last.outcome is not Outcome.ASSESSED
    if point and last and skipped and last.observed_at > point.observed_at:
        at = local_time.clock_time(point.observed_at, zone)
        note = f"{at}, then {OUTCOME_WORDS[last.outcome]}"
    else:
        skipped = False
    change = _change(course)
    return ScoreLine(
        name=scale.latest()[key].name,
        figure=figure,
        known=point is not None and point.status is ScoreStatus.OK,
        old=skipped,
        band=band,
        note=note,
        arrow="" if not change else f"▲ {change}" if change > 0 else f"▼ {-change}",
        change_words=_change_words(change),
        moved=() if change is None or skipped else words.moved_lately(course.parts)[:MOVED_SHOWN],
        spark=spark(course, now),
    )


OUTCOME_WORDS = {
    Outcome.ASLEEP: "asleep",
    Outcome.REFUSED: "refused",
    Outcome.OFF_UNIT: "off unit",
    Outcome.UNABLE: "could not be assessed",
    Outcome.STAFF_UNAVAILABLE: "nobody was free",
}


def _change(course: Course) -> int | None:
    """Since the total before; None when one of the two is not known."""
    totals = [total for _, total in course.earlier[:2]]
    if len(totals) < 2 or totals[0] is None or totals[1] is None:
        return None
    return totals[0] - totals[1]


def _change_words(change: int | None) -> str:
    if change is None:
        return ""
    return f"up {change}" if change > 0 else f"down {-change}" if change < 0 else "no change"


def _due_words(since: datetime | None, now: datetime) -> str:
    if since is None:
        return "nothing ordered"
    left = since - now
    if left <= -MINUTE:
        return f"{local_time.span(-left)} overdue"
    return "now" if left < MINUTE else f"in {local_time.span(left)}"


def _due_what(rounds: tuple[Due, ...]) -> str:
    """Everything that falls due with the first of them."""
    soon = rounds[0].since + TOGETHER if rounds else None
    keys = dict.fromkeys(row.instrument for row in rounds if soon and row.since <= soon)
    return ", ".join("vitals" if key == NEWS2 else scale.latest()[key].name for key in keys)


def _last_words(lying: Lying, zone: ZoneInfo, now: datetime) -> str:
    if lying.last is None:
        return "no set yet"
    at = local_time.clock_time(lying.last.observed_at, zone)
    local, today = lying.last.observed_at.astimezone(zone), now.astimezone(zone)
    if local.date() != today.date():
        recent = now - lying.last.observed_at < timedelta(days=6)
        at = f"{local:%a} {at}" if recent else local_time.day(lying.last.observed_at, zone)
    return f"{OUTCOME_WORDS.get(lying.last.outcome, 'last')} {at}"


def _alert_line(
    worst: Alert, others: int, names: Mapping[int, str], zone: ZoneInfo, now: datetime
) -> AlertLine:
    who, taken = "nobody has it", False
    if worst.state is AlertState.ACKNOWLEDGED and worst.recheck_at is not None:
        name = names.get(worst.acknowledged_by or 0, "somebody")
        who = f"{name} has it, recheck {local_time.clock_time(worst.recheck_at, zone)}"
        taken = True
    elif worst.state is AlertState.LAPSED:
        who = "the promised recheck was not kept"
    elif worst.seen_by is not None:
        who = f"seen by {names.get(worst.seen_by, 'somebody')}, nobody has it"
    return AlertLine(
        alert_id=worst.id,
        level=worst.level.value,
        title=worst.title,
        sentence=worst.sentence,
        age_words=local_time.span(now - worst.raised_at),
        who=who,
        others=others,
        taken=taken,
    )


def in_order(cards: list[Card]) -> list[tuple[str, tuple[str, ...], list[Card]]]:
    """Worst first, in groups: title, levels and cards. Whatever the order, nobody is left out."""
    ranked = sorted(cards, key=lambda shown: (shown.rank, -shown.overdue_minutes))
    groups = [
        (title, levels, [shown for shown in ranked if shown.level in levels])
        for title, levels in GROUPS
    ]
    return [group for group in groups if group[2]]
