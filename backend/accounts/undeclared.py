"""Routes that do not say who may open them: with one of those Vigil does not start."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from backend.accounts.access import DOORS
from backend.core.web import anybody


def undeclared(app: FastAPI) -> list[str]:
    """Those that ask for neither anybody, nor whoever is known, nor a role with a permission."""
    return [
        f"{sorted(route.methods or ())} {route.path}"
        for route in iter_route_contexts(app.routes)
        if isinstance(route.original_route, APIRoute)
        and not any(
            call is anybody or call in DOORS or hasattr(call, "permission")
            for call in _asked_before(route.dependant)
        )
    ]


def _asked_before(dependant: Any) -> Iterator[Any]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _asked_before(inner)
