"""`vigil replay`: play records from elsewhere as if they happened now."""

import signal
import threading
from datetime import datetime
from typing import Annotated

import typer

from backend.cli.importing import File, MappingFile, TimeZone, UnitCode, prepare_database, progress
from backend.core import clock, log
from backend.core.db import console_session
from backend.interop.csv_import import mapping as mappings
from backend.interop.csv_import.replaying import Played
from backend.interop.csv_import.replaying import replay as play

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def replay(
    file: File,
    mapping: MappingFile,
    unit: UnitCode,
    *,
    speed: Annotated[
        float, typer.Option("--speed", help="How many minutes of the file pass in one of ours.")
    ] = 1.0,
    beds: Annotated[
        int | None,
        typer.Option("--beds", min=1, max=200, help="Patients at once; beds are added if needed."),
    ] = None,
    time_zone: TimeZone = "UTC",
) -> None:
    """Admit the file's patients now and record their sets in turn; Ctrl-C ends their stays."""
    log.configure("warning")
    read_mapping = mappings.read(mapping)
    prepare_database()
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())

    def wait(until: datetime) -> bool:
        return not stop.wait(max(0.0, (until - clock.now()).total_seconds()))

    with progress() as tell:
        played = play(
            console_session,
            file,
            read_mapping,
            unit,
            speed=speed,
            wait=wait,
            progress=tell,
            beds=beds,
            time_zone=time_zone,
        )
    typer.echo(in_words(played, stopped=stop.is_set()))


def in_words(played: Played, *, stopped: bool) -> str:
    """What was played, for a person."""
    end = "Stopped." if stopped else "The file has been played to its end."
    lines = [f"{end} {played.patients:,} patients, {played.stored:,} sets; their stays have ended."]
    lines += [f"  {sets:>8,}  sets refused: {why}" for why, sets in played.refused.items()]
    lines += [
        f"  {rows:>8,}  rows left out: {reason}" for reason, rows in played.rejected.most_common()
    ]
    return "\n".join(lines)
