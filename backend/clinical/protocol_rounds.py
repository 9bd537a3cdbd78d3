"""What a unit decides about its rounds: merged ones, refusals, sleep, risk windows, templates.

All of it may be absent: an older version of a unit's protocol does not know it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from backend.clinical.reading import LEVELS, Source, Table
from backend.clinical.scale import latest

LONGEST_MINUTES = 24 * 60
SHORTEST_MINUTES = 5
# More, and a check would fall due twice as often as it is ordered.
MOST_JITTER_PERCENT = 50


@dataclass(frozen=True, kw_only=True)
class RiskWindow:
    """For so long after the last use nothing is observed less often than it was."""

    hours: int
    source: Source


@dataclass(frozen=True, kw_only=True)
class Wake:
    """Below these somebody asleep is woken for a full set."""

    respiratory_rate_per_min: int
    spo2_percent: int
    source: Source


@dataclass(frozen=True, kw_only=True)
class Jitter:
    """How much sooner than ordered a safety check may fall due: a share, and minutes at most."""

    percent: int
    at_most_minutes: int
    source: Source


@dataclass(frozen=True, kw_only=True)
class Patterns:
    """From where on checks look alike enough that somebody is asked how they were made."""

    same_gaps: int
    same_gap_within_s: int
    batch_checks: int
    batch_within_s: int
    same_words: int
    source: Source


@dataclass(frozen=True, kw_only=True)
class Leave:
    """When somebody who is away is overdue, and what is looked at when they are back."""

    overdue_return_minutes: int
    level: str
    return_check_minutes: int
    return_check: tuple[str, ...]
    source: Source


@dataclass(frozen=True, kw_only=True)
class TemplateOrder:
    """One order of a template; after `until_hours` it goes on every `then_minutes`."""

    instrument: str
    interval_minutes: int
    until_hours: int | None
    then_minutes: int | None


@dataclass(frozen=True, kw_only=True)
class Template:
    """Orders that a unit usually makes together at an admission."""

    id: str
    title: str
    orders: tuple[TemplateOrder, ...]
    source: Source


@dataclass(frozen=True, kw_only=True)
class RoundRules:
    """Everything above. None or empty: the unit has not decided it."""

    merged: tuple[str, ...] = ()
    warn_gap_minutes: int | None = None
    refusals_go_up_after: int | None = None
    refusals_level: str = "urgent"
    reoffers_at_most: int | None = None
    refusal_source: Source | None = None
    wake: Wake | None = None
    leave: Leave | None = None
    risk_windows: Mapping[str, RiskWindow] = field(default_factory=dict)
    templates: tuple[Template, ...] = ()
    jitter: Jitter | None = None
    patterns: Patterns | None = None


def read(document: Table) -> RoundRules:
    """The section of the rounds; every reason why it cannot be used is in the document's."""
    table = document.maybe_table("rounds")
    if table is None:
        return RoundRules()
    merged = table.maybe_table("merged")
    gap = table.maybe_table("gap")
    refusal = table.maybe_table("refusal")
    rules = RoundRules(
        merged=_merged(merged) if merged else (),
        warn_gap_minutes=gap.whole("warn_minutes", low=1) if gap else None,
        refusals_go_up_after=refusal.whole("go_up_after", low=1) if refusal else None,
        refusals_level=refusal.choice("level", LEVELS) if refusal else "urgent",
        reoffers_at_most=refusal.whole("reoffers_at_most", low=1) if refusal else None,
        refusal_source=refusal.source() if refusal else None,
        wake=_wake(table.maybe_table("wake")),
        leave=_leave(table.maybe_table("leave")),
        risk_windows=_risk_windows(table),
        templates=tuple(_template(one) for one in table.tables("templates")),
        jitter=_jitter(table.maybe_table("jitter")),
        patterns=_patterns(table.maybe_table("patterns")),
    )
    if gap:
        gap.source()
        gap.finish()
    if refusal:
        refusal.finish()
    table.finish()
    return rules


def _merged(table: Table) -> tuple[str, ...]:
    found = table.texts("instruments")
    for key in found:
        _check_instrument(table, key)
    table.source()
    table.finish()
    return found


def _wake(table: Table | None) -> Wake | None:
    if table is None:
        return None
    wake = Wake(
        respiratory_rate_per_min=table.whole("respiratory_rate_per_min", low=1),
        spo2_percent=table.whole("spo2_percent", low=1),
        source=table.source(),
    )
    table.finish()
    return wake


def _jitter(table: Table | None) -> Jitter | None:
    if table is None:
        return None
    jitter = Jitter(
        percent=table.whole("percent", low=0),
        at_most_minutes=table.whole("at_most_minutes", low=0),
        source=table.source(),
    )
    if jitter.percent > MOST_JITTER_PERCENT:
        table.refuse(f"`percent` must not be above {MOST_JITTER_PERCENT}")
    table.finish()
    return jitter


def _patterns(table: Table | None) -> Patterns | None:
    if table is None:
        return None
    patterns = Patterns(
        same_gaps=table.whole("same_gaps", low=2),
        same_gap_within_s=table.whole("same_gap_within_s", low=0),
        batch_checks=table.whole("batch_checks", low=2),
        batch_within_s=table.whole("batch_within_s", low=1),
        same_words=table.whole("same_words", low=2),
        source=table.source(),
    )
    table.finish()
    return patterns


def _leave(table: Table | None) -> Leave | None:
    if table is None:
        return None
    leave = Leave(
        overdue_return_minutes=table.whole("overdue_return_minutes", low=1),
        level=table.choice("level", LEVELS),
        return_check_minutes=_minutes(table, "return_check_minutes") or 0,
        return_check=table.texts("return_check"),
        source=table.source(),
    )
    for key in leave.return_check:
        _check_instrument(table, key)
    table.finish()
    return leave


def _risk_windows(table: Table) -> Mapping[str, RiskWindow]:
    found = {}
    if table.maybe_table("risk_windows") is not None:
        for substance, window in table.named_tables("risk_windows").items():
            found[substance.casefold()] = RiskWindow(
                hours=window.whole("hours", low=1), source=window.source()
            )
            window.finish()
    return MappingProxyType(found)


def _template(table: Table) -> Template:
    template = Template(
        id=table.text("id"),
        title=table.text("title"),
        orders=tuple(
            _template_order(order) for order in table.tables("orders", named_by="instrument")
        ),
        source=table.source(),
    )
    if not template.orders:
        table.refuse("a template needs at least one order")
    table.finish()
    return template


def _template_order(table: Table) -> TemplateOrder:
    order = TemplateOrder(
        instrument=table.text("instrument"),
        interval_minutes=_minutes(table, "interval_minutes") or 0,
        until_hours=table.maybe_whole("until_hours", low=1),
        then_minutes=_minutes(table, "then_minutes", optional=True),
    )
    _check_instrument(table, order.instrument)
    if order.then_minutes is not None and order.until_hours is None:
        table.refuse("`then_minutes` needs `until_hours`")
    table.finish()
    return order


def _check_instrument(table: Table, key: str) -> None:
    if key not in latest():
        table.refuse(f"`{key}` is not an instrument")


def _minutes(table: Table, key: str, *, optional: bool = False) -> int | None:
    minutes = table.maybe_whole(key) if optional else table.whole(key)
    if minutes is not None and not SHORTEST_MINUTES <= minutes <= LONGEST_MINUTES:
        table.refuse(f"`{key}` must lie between {SHORTEST_MINUTES} and {LONGEST_MINUTES}")
    return minutes
