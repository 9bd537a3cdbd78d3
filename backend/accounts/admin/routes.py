"""The index of what is administered: each person sees what they may do."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from backend.accounts.access import Actor, Allowed
from backend.accounts.permissions import Permission
from backend.accounts.shell import shell
from backend.core import clock
from backend.core.web import Screen, render

router = APIRouter()

# Name, address, who may, and what one does there.
PLACES = (
    (
        "People",
        "/admin/staff",
        Permission.MANAGE_STAFF,
        "Invite, give another role, end sign-ins, let go.",
    ),
    (
        "Help with signing in",
        "/admin/sign-in-help",
        Permission.HELP_SIGN_IN,
        "Somebody must wait after wrong passwords, or lost their telephone.",
    ),
    (
        "Workstations",
        "/admin/workstations",
        Permission.MANAGE_WORKSTATIONS,
        "Machines that the ward shares: enrol, revoke, and how soon they lock.",
    ),
    (
        "Old records",
        "/privacy/retention",
        Permission.AGREE_TO_PURGE,
        "What is past its time, and agreeing to let it go.",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """One entry of the index."""

    label: str
    path: str
    words: str


@dataclass(frozen=True, kw_only=True)
class AdminScreen(Screen, template="accounts/admin.html"):
    """What this person may administer."""

    places: tuple[Place, ...]


@router.get("/admin")
def admin(actor: Annotated[Actor, Depends(Allowed(Permission.HELP_SIGN_IN))]) -> Response:
    return render(
        AdminScreen(
            shell=shell(actor, here="admin", now=clock.now()),
            places=tuple(
                Place(label=label, path=path, words=words)
                for label, path, permission, words in PLACES
                if actor.may(permission)
            ),
        )
    )
