"""Whether web, database and watch are well; names what is not."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from backend.core.db import new_session
from backend.core.errors import UserError
from backend.core.settings import settings

router = APIRouter()

# Seconds of silence after which the watch counts as dead, here and on every screen.
WATCH_SILENT_S = 30
# An entry that waits longer for its seal, or a head that was kept nowhere for so long, is named.
UNSEALED_S = 60
UNANCHORED_S = 15 * 60


def audit_words(seal_lag_s: float | None, anchor_age_s: float | None) -> str:
    """How the audit trail stands, in a few words."""
    if (seal_lag_s or 0) > UNSEALED_S:
        return f"not sealed for {int(seal_lag_s or 0)} s"
    if not settings().anchors_audit:
        return "ok"
    if anchor_age_s is None:
        return "never anchored"
    if anchor_age_s > UNANCHORED_S:
        return f"not anchored for {int(anchor_age_s)} s"
    return "ok"


@router.get("/healthz")
def healthz() -> JSONResponse:
    """200 only when web, database and watch are well. Says nothing else: anybody may ask.

    How the audit trail stands is named beside them. A ward whose trail waits for its seal still
    needs its screens, so that alone does not make this 503.
    """
    found = {"web": "ok", "database": "ok", "watch": "ok", "audit": "ok"}
    try:
        with new_session() as session:
            age = session.execute(text("SELECT watch_age_s FROM pulse")).scalar()
            kept = session.execute(text("SELECT seal_lag_s, anchor_age_s FROM audit_health")).one()
    except (SQLAlchemyError, UserError, OSError):
        found["database"] = "does not answer"
        found["watch"] = found["audit"] = "unknown"
    else:
        if age is None:
            found["watch"] = "has never run"
        elif age > WATCH_SILENT_S:
            found["watch"] = f"silent for {int(age)} s"
        found["audit"] = audit_words(kept.seal_lag_s, kept.anchor_age_s)
    well = all(found[part] == "ok" for part in ("web", "database", "watch"))
    return JSONResponse(found, 200 if well else 503, headers={"Cache-Control": "no-store"})
