"""`vigil alerts`: why an alert was raised, and whether the same question gives the same answer."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from backend import tables  # noqa: F401 (deeds need every table)
from backend.accounts.staff import service as staff
from backend.accounts.units.models import Unit
from backend.audit import service as audit
from backend.core import clock
from backend.core.db import console_session
from backend.observations import explained
from backend.observations.explained import Explained, Told

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Say why an alert was raised, and ask again.",
)


@app.callback()
def alerts() -> None:
    """Say why an alert was raised, and ask again."""


@app.command()
def explain(alert_id: Annotated[int, typer.Argument(metavar="ID", min=1)]) -> None:
    """What raised an alert, by which version; ends with 1 where asking again says otherwise.

    No name is printed. Who looked is on the audit trail.
    """
    with console_session.begin() as session:
        found = explained.explain(session, alert_id)
        alert = found.alert
        zone = ZoneInfo(session.get_one(Unit, alert.unit_id).time_zone)
        audit.viewed(
            session,
            staff.console(session).id,
            stay_id=alert.stay_id,
            unit_id=alert.unit_id,
            now=clock.now(),
        )
        lines = list(in_words(found, zone))
    for line in lines:
        typer.echo(line)
    if any(one.differs for one in found.told):
        raise typer.Exit(1)


def in_words(found: Explained, zone: ZoneInfo) -> Iterator[str]:
    """The alert, and below it each time that its rule spoke."""
    alert = found.alert
    yield f"Alert {alert.id}: {alert.title}. Rule {alert.rule}, {alert.level.value}."
    for one in found.told:
        yield ""
        yield from _told(one, zone)
    yield ""
    yield f"Source: {alert.rule_source}"


def _told(one: Told, zone: ZoneInfo) -> Iterator[str]:
    yield f"{_time(one.at, zone)}  {one.kind.value}, {one.level}: {one.sentence}"
    for value in one.evidence:
        yield f"  input    {_value(value, zone)}"
    for value in one.before:
        yield f"  before   {_value(value, zone)}"
    if one.slope:
        yield f"  slope    {one.slope}"
    yield (
        f"  version  rule {one.rule_version}, protocol “{one.protocol_name}” {one.protocol_version}"
    )
    yield f"  again    {one.differs or 'the same'}"


def _value(value: Mapping[str, Any], zone: ZoneInfo) -> str:
    words = f"{value['label']} {value['value']} {value['unit']}".strip()
    return f"{words}  at {_time(datetime.fromisoformat(value['observed_at']), zone)}"


def _time(at: datetime, zone: ZoneInfo) -> str:
    """With the offset, so that the hour which comes twice is told apart."""
    return at.astimezone(zone).isoformat(sep=" ", timespec="seconds")
