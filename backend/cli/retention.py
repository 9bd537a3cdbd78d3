"""`vigil retention`: how long things are kept, legal holds, and what is past its time."""

from typing import Annotated
from uuid import uuid4

import typer
from sqlalchemy.orm import Session

from backend import tables  # noqa: F401 (deeds need every table)
from backend.accounts.staff import service as staff
from backend.care.disclosures import queries as disclosures
from backend.care.retention import queries, service
from backend.care.retention.models import Kept
from backend.cli.staff import UnitCode, the_unit
from backend.core import clock
from backend.core.db import console_session
from backend.core.errors import NotFound
from backend.stays.models import Stay

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="How long things are kept. What may go is deleted by two people, under Privacy.",
)


@app.command()
def report(unit: UnitCode) -> None:
    """What is past its time, by kind, and what a hold keeps of it. Changes nothing."""
    now = clock.now()
    with console_session() as session:
        home = the_unit(session, unit)
        for one in queries.past_their_time(session, home, now):
            if one.rule is None or one.before is None:
                typer.echo(f"{one.kept.value}: no rule, so it is kept for ever")
                continue
            typer.echo(
                f"{one.kept.value}: {one.rows} from before {one.before:%Y-%m-%d}, of which"
                f" {one.held} under a hold ({one.rule.years} years: {one.rule.source})"
            )
        for hold in queries.holds(session, home.id):
            what = f"stay {hold.stay_id}" if hold.stay_id else "the whole unit"
            typer.echo(f"hold {hold.id} on {what} since {hold.set_at:%Y-%m-%d}: {hold.reason}")


@app.command()
def rule(
    unit: UnitCode,
    kept: Annotated[Kept, typer.Option("--what", help="What the rule is about.")],
    years: Annotated[int, typer.Option("--years", help="How long after its end.")],
    source: Annotated[str, typer.Option("--source", help="The law or contract that says so.")],
) -> None:
    """How long this unit keeps something. The newest rule counts."""
    with console_session.begin() as session:
        home = the_unit(session, unit)
        service.set_rule(
            session,
            staff.console(session).id,
            unit_id=home.id,
            kept=kept,
            years=years,
            source=source,
        )
    typer.echo(f"{home.name} keeps the {kept.value} for {years} years.")


@app.command()
def hold(
    unit: UnitCode,
    reason: Annotated[str, typer.Option("--reason", help="Why nothing may go.")],
    code: Annotated[
        str, typer.Option("--code", help="Of this patient only; left out: of the whole unit.")
    ] = "",
) -> None:
    """Nothing may go until it is lifted."""
    with console_session.begin() as session:
        home = the_unit(session, unit)
        made = service.hold(
            session,
            staff.console(session).id,
            key=uuid4(),
            unit_id=home.id,
            reason=reason,
            stay=_stay(session, code, home.id) if code else None,
        )
    typer.echo(f"Hold {made.id} stands.")


def _stay(session: Session, code: str, unit_id: int) -> Stay:
    stay_id = disclosures.stay_by_code(session, code, unit_id)
    if stay_id is None:
        raise NotFound("There is no patient with this code on this unit.")
    return session.get_one(Stay, stay_id)


@app.command()
def lift(
    unit: UnitCode,
    hold_id: Annotated[int, typer.Argument(help="The number that `report` shows.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it is lifted.")],
) -> None:
    """End a hold."""
    with console_session.begin() as session:
        home = the_unit(session, unit)
        service.lift(
            session,
            staff.console(session).id,
            unit_id=home.id,
            hold_id=hold_id,
            reason=reason,
        )
    typer.echo(f"Hold {hold_id} is lifted.")
