"""The JSON API as a whole, and the document that describes it."""

from functools import cache
from typing import Any

from fastapi import APIRouter, Depends
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

from backend.accounts.access import ByToken
from backend.core.strict_json import StrictJsonRoute
from backend.interop.api import leaving
from backend.interop.api.alerts import routes as alerts
from backend.interop.api.events import routes as events
from backend.interop.api.observations import routes as observations
from backend.interop.api.reports import routes as reports
from backend.interop.api.safety import routes as safety
from backend.interop.api.stays import routes as stays
from backend.interop.api.ward import routes as ward

PREFIX = "/api/v1"
VERSION = "1.0"
DESCRIPTION = """\
For machines with a token (`vigil token new`), sent as `Authorization: Bearer …`. A token is for one
unit; what belongs to another unit reads 404. Every deed takes the same path as on screen: the same
scores, rules, alerts and audit.

Times carry their offset. Units stand in the names. What is null was not measured or not asked; it
is never zero and never normal. Every deed carries an `Idempotency-Key`, a UUID made by the client:
after a time-out, send the same again. A refusal is `application/problem+json` with a sentence in
`title`, and in `errors` a sentence for each place that is wrong; nothing that was sent is echoed.
"""
PROBLEM = {
    "type": "object",
    "required": ["status", "title"],
    "properties": {
        "status": {"type": "integer"},
        "title": {"type": "string", "description": "A sentence that a person can act on."},
        "errors": {
            "type": "object",
            "description": "What is wrong, by the place where it stood.",
            "additionalProperties": {"type": "string"},
        },
        "reference": {"type": "string", "description": "To find a fault of ours in our log."},
    },
    "examples": [
        {
            "status": 422,
            "title": "Check the vital signs.",
            "errors": {"pulse_per_min": "Pulse 230 /min is unusual. Is it right?"},
        }
    ],
}
ALWAYS = {
    "401": "No token, or one that is not known or was revoked.",
    "403": "The machine's role does not allow this.",
    "404": "Not here, or of another unit; the two look the same.",
    "429": "Too much in an hour; `Retry-After` says how long to wait.",
    "422": "What was asked or sent cannot be right. Nothing was saved.",
    "503": "The database does not answer. Nothing was saved; try again.",
}
FOR_DEEDS = {
    "400": "Not JSON, or not one meaning: NaN, a name twice, half a character.",
    "409": "It is no longer so, or the key was used for something else.",
    "413": "More than anybody writes down at once.",
}

router = APIRouter(
    prefix=PREFIX, route_class=StrictJsonRoute, dependencies=[Depends(leaving.noticed)]
)
for part in (ward, stays, observations, events, safety, alerts, reports):
    router.include_router(part.router)


@cache
def document() -> dict[str, Any]:
    """OpenAPI 3.1 of what is served here, refusals included."""
    found = get_openapi(
        title="Vigil", version=VERSION, description=DESCRIPTION, routes=router.routes
    )
    schemas = found["components"]["schemas"]
    schemas["Problem"] = PROBLEM
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    found["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "From `vigil token new`."}
    }
    found["security"] = [{"token": []}]
    for path in found["paths"].values():
        for method, operation in path.items():
            refusals = ALWAYS | (FOR_DEEDS if method == "post" else {})
            operation["responses"] |= {
                status: _refusal(words) for status, words in refusals.items()
            }
    return found


def _refusal(words: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": words, "content": {"application/problem+json": {"schema": schema}}}


@router.get("/openapi.json", include_in_schema=False)
def openapi(actor: ByToken) -> JSONResponse:  # noqa: ARG001 (whoever may ask anything at all)
    """What this API takes and answers."""
    return JSONResponse(document())
