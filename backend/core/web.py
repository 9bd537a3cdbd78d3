"""From a page object to HTML, from a refusal to a sentence: the only way out to a browser."""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from fastapi import Path as UrlPath
from fastapi import Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

ROOT = Path(__file__).parent.parent.parent
TEMPLATES = ROOT / "templates"
# What the browser gets of what npm brought: these files and no others.
VENDOR = {"htmx.min.js": "htmx.org/dist/htmx.min.js", "idb.js": "idb/build/index.js"}
# What an `integer` column holds: to ask one for more is an error, not an empty answer.
LARGEST_ID = 2**31 - 1
# What a page says that asks by itself, and for which sign-in it was made; what a machine says.
REFRESH, SHOWN_TO, AUTHORIZATION = "Vigil-Refresh", "Vigil-Sign-In", "Authorization"
# Hidden inputs, which nobody would want to copy.
WRITTEN_BY_US = re.compile(r"^(key|opened_\w+|sent_at|\w+_id)$")


Route = TypeVar("Route", bound=Callable[..., Any])


def stands_on(page: str) -> Callable[[Route], Route]:
    """Where the form of a route stands, if not at the same address: refused, it comes back there.

    `{stay_id}` is of the form's own address, or else an input of the form.
    """

    def marked(route: Route) -> Route:
        route.stands_on = page  # type: ignore[attr-defined]
        return route

    return marked


def anybody() -> None:
    """A route that needs no sign-in says so by asking for this."""


Id = Annotated[int, UrlPath(ge=1, le=LARGEST_ID)]

loader = FileSystemLoader(TEMPLATES)
env = Environment(
    loader=loader,
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, kw_only=True)
class Page:
    """What one template needs: a field for each variable it reads."""

    template: ClassVar[str]
    known: ClassVar[list[type["Page"]]] = []

    def __init_subclass__(cls, template: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if template:
            cls.template = template
            Page.known.append(cls)


@dataclass(frozen=True, kw_only=True)
class NavLink:
    """One entry of the top bar."""

    label: str
    path: str
    here: bool


@dataclass(frozen=True, kw_only=True)
class GlassBar:
    """What stands on every page while somebody reads a record they otherwise could not."""

    words: str
    path: str
    until_at: str
    left: str


@dataclass(frozen=True, kw_only=True)
class Shell:
    """What surrounds every page: who, where, when."""

    unit_name: str
    date_words: str
    shift_words: str
    time_words: str
    time_zone: str
    staff_name: str
    role_words: str
    # The other units they may choose to work on: (id, name).
    other_units: tuple[tuple[int, str], ...]
    nav: tuple[NavLink, ...]
    sees_alerts: bool
    staff_id: int
    sign_in_id: int | None
    locks_after_s: int
    demo: bool
    now: datetime
    glass: GlassBar | None = None
    # The number of the machine's enrolment, and 0 where nobody has enrolled it.
    device: int = 0


@dataclass(frozen=True, kw_only=True)
class Screen(Page):
    """A whole page, inside the shell."""

    shell: Shell | None


@dataclass(frozen=True, kw_only=True)
class ErrorScreen(Screen, template="error.html"):
    """A refusal or a fault, as a whole page."""

    status: int
    sentence: str
    reference: str | None = None
    # What a plain form held, for its writer to copy.
    typed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FormErrors(Page, template="components/_form_errors.html"):
    """A refusal, as the sentences above a form. `arrives`: with the page, which opens there."""

    sentence: str
    field_errors: dict[str, str]
    arrives: bool = False


@dataclass(frozen=True, kw_only=True)
class FieldError(Page, template="components/_field_error.html"):
    """What is wrong with one field, beside it."""

    name: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class TypedWords(Page, template="components/_typed_words.html"):
    """A refusal whose form is gone, with what was typed into it."""

    sentence: str
    words: tuple[str, ...]


def html(page: Page) -> str:
    """The page as text. It holds loaded rows only: rendering never asks the database."""
    context = {f.name: getattr(page, f.name) for f in fields(page)}
    return env.get_template(page.template).render(context)


def render(page: Page, status: int = 200) -> HTMLResponse:
    """The page as an answer."""
    return HTMLResponse(html(page), status)


def local_path(to: str) -> str:
    """Only a path of our own: never `//elsewhere` or a scheme."""
    plain = to.startswith("/") and not to.startswith(("//", "/\\")) and to.isprintable()
    return to if plain else "/"


def wants_fragment(request: Request) -> bool:
    """Whether htmx asked, which swaps a fragment in."""
    return "HX-Request" in request.headers


def answer(request: Request, page: Page, *, otherwise: str) -> Response:
    """After a deed: the fragment for htmx, a redirect for a plain form."""
    if wants_fragment(request):
        return render(page)
    return RedirectResponse(otherwise, 303)


def go(request: Request, path: str) -> Response:
    """After a deed that ends on another page."""
    if wants_fragment(request):
        return Response(headers={"HX-Redirect": path})
    return RedirectResponse(path, 303)


async def typed_for_a_patient(request: Request) -> tuple[str, ...]:
    """What a person wrote into a plain form about a patient. With scripts it still stands there."""
    if wants_fragment(request) or request.method != "POST":
        return ()
    sent = (await request.form()).multi_items()
    if all(name != "opened_for" for name, _ in sent):
        return ()
    return tuple(
        value
        for name, value in sent
        if isinstance(value, str) and value.strip() and not WRITTEN_BY_US.search(name)
    )


def refusal(
    request: Request,
    status: int,
    sentence: str,
    field_errors: dict[str, str] | None = None,
    reference: str | None = None,
    *,
    typed: tuple[str, ...] = (),
) -> Response:
    """The same refusal for a machine, a form and a whole page.

    Echoes nothing of what was sent but `typed`, to the person who wrote it.
    """
    if request.url.path.startswith("/api/"):
        body: dict[str, Any] = {"status": status, "title": sentence}
        if field_errors:
            body["errors"] = field_errors
        if reference:
            body["reference"] = reference
        return JSONResponse(body, status, media_type="application/problem+json")
    if wants_fragment(request):
        return render(FormErrors(sentence=sentence, field_errors=field_errors or {}), status)
    words = " ".join([sentence, *(field_errors or {}).values()])
    return render(
        ErrorScreen(shell=None, status=status, sentence=words, reference=reference, typed=typed),
        status,
    )
