"""`vigil audit`: seal the trail, verify it, and keep its head elsewhere."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from backend import tables  # noqa: F401 (deeds need every table)
from backend.accounts.staff import service as staff
from backend.audit import anchors, keeper, verification
from backend.audit import key as keys
from backend.audit import service as audit
from backend.core import clock
from backend.core.db import console_session
from backend.core.errors import Invalid

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Seal the audit trail, verify it, and keep its signed head elsewhere.",
)


@app.command()
def verify(
    since: Annotated[
        str | None,
        typer.Option("--since", help="Only what was sealed after this day (UTC), 2026-11-24."),
    ] = None,
    anchors_path: Annotated[
        Path | None,
        typer.Option("--anchors", help="A file of signed heads, one a line, to compare with."),
    ] = None,
    public_key: Annotated[
        str | None,
        typer.Option("--public-key", help="As `vigil audit key` once printed it."),
    ] = None,
) -> None:
    """Check every entry and every seal.

    Ends with 0 when all is well, 1 when something was changed, 2 when entries or batches are
    missing or were put in, 3 when the trail is not the one that was anchored, 4 when it is not
    being sealed.
    """
    heads = []
    if anchors_path is not None:
        known = (
            anchors.public_key(public_key)
            if public_key
            else anchors.private_key(keys.audit_key()).public_key()
        )
        heads = anchors.read_file(anchors_path, known)
    with console_session.begin() as session:
        verdict = verification.verify(
            session, now=clock.now(), since=_day(since), anchored=tuple(heads)
        )
    for sentence in verdict.sentences:
        typer.echo(sentence)
    compared = f", compared with {len(heads)} anchors" if heads else ""
    if verdict.status == verification.OK:
        typer.echo(f"{verdict.entries} entries in {verdict.batches} batches: all well{compared}.")
    raise typer.Exit(verdict.status)


def _day(since: str | None) -> datetime | None:
    if since is None:
        return None
    try:
        day = datetime.fromisoformat(since)
    except ValueError:
        raise Invalid("Write the day as 2026-11-24.") from None
    return day if day.tzinfo else day.replace(tzinfo=UTC)


@app.command()
def seal() -> None:
    """Seal what has been written since the last seal. The watch does so by itself."""
    waiting = keeper.seal_all(console_session)
    typer.echo(f"Sealed. The oldest entry that waits does so for {waiting:.0f} s.")


@app.command()
def anchor() -> None:
    """Send the signed head to every place that is configured, now."""
    done = keeper.anchor(console_session, now=clock.now(), at_once=True)
    for place, failure in done.items():
        typer.echo(f"{place}: {failure or 'kept'}")
    if not done:
        raise Invalid("Nothing was sent: no place is configured, or nothing is sealed yet.")
    if any(done.values()):
        raise typer.Exit(1)


@app.command()
def key() -> None:
    """Print the public key. Keep it where the anchors are: they are checked with it."""
    typer.echo(anchors.public_text(anchors.private_key(keys.audit_key())))


@app.command(name="new-key")
def new_key() -> None:
    """Print a new secret key, for the file that VIGIL_AUDIT_KEY_FILE names."""
    typer.echo(anchors.new_secret())


@app.command()
def explain(
    reason: Annotated[str, typer.Option("--reason", help="What was done, by whom, and why.")],
) -> None:
    """Write into the trail why it does not agree with its anchors, as after a restore."""
    words = " ".join(reason.split())
    if not 10 <= len(words) <= 500 or not words.isprintable():
        raise Invalid("Say in 10 to 500 characters what was done, by whom, and why.")
    with console_session.begin() as session:
        audit.note(session, staff.console(session).id, "audit.explained", reason=words)
    typer.echo("It is in the trail.")
