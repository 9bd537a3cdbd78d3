"""Whether web, database and watch are well; names what is not."""

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from backend.core.db import new_session
from backend.core.errors import UserError
from backend.core.web import anybody

router = APIRouter()

# Seconds of silence after which the watch counts as dead, here and on every screen.
WATCH_SILENT_S = 30


@router.get("/healthz", dependencies=[Depends(anybody)])
def healthz() -> JSONResponse:
    """200 only when all three are well. Says nothing else, so that anybody may ask."""
    found = {"web": "ok", "database": "ok", "watch": "ok"}
    try:
        with new_session() as session:
            age = session.execute(text("SELECT watch_age_s FROM pulse")).scalar()
    except (SQLAlchemyError, UserError, OSError):
        found["database"] = "does not answer"
        found["watch"] = "unknown"
    else:
        if age is None:
            found["watch"] = "has never run"
        elif age > WATCH_SILENT_S:
            found["watch"] = f"silent for {int(age)} s"
    well = all(state == "ok" for state in found.values())
    return JSONResponse(found, 200 if well else 503, headers={"Cache-Control": "no-store"})
