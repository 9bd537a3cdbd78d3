"""`vigil watch`: the background worker."""

from typing import Annotated

import typer

from backend.core import log

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def watch(
    beside: Annotated[int | None, typer.Option("--beside", hidden=True)] = None,
) -> None:
    """Turn time into facts: due, late, missed, lapsed, climbed. Any number may run."""
    log.configure()
    from backend import watch as watching  # noqa: PLC0415 (after the log is set up)

    watching.run(beside=beside)
