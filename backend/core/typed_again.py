"""Puts back into a page what somebody typed into a form of it, and says what is wrong with it.

It reads the pages that our own templates write: every element closed, every attribute quoted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from itertools import accumulate

from markupsafe import escape

from backend.core.deed import UNREADABLE
from backend.core.web import WRITTEN_BY_US, FieldError, FormErrors, TypedWords, html

WITH_AN_END = {"form", "details", "label", "fieldset", "select", "textarea", "option"}
# What only the page itself may say, and what is never shown again.
KEPT_BACK = {"hidden", "password", "submit", "button", "reset", "file", "image"}
TICKED = {"checkbox", "radio"}

Typed = Mapping[str, Sequence[str]]


@dataclass
class Element:
    """A part of the page, from the first letter of its start tag to the last of its end tag."""

    tag: str
    attributes: dict[str, str | None]
    start: int
    inside: int
    until: int = 0
    end: int = 0
    text: str = ""
    around: tuple["Element", ...] = ()

    def enclosing(self, tag: str) -> "Element | None":
        """The nearest of this kind around it."""
        return next((one for one in reversed(self.around) if one.tag == tag), None)

    def attribute(self, name: str) -> str:
        """What it says, or nothing."""
        return self.attributes.get(name) or ""


@dataclass
class Form:
    """One form, and what can be filled in."""

    element: Element
    hidden: dict[str, str] = field(default_factory=dict)
    controls: list[Element] = field(default_factory=list)
    options: list[Element] = field(default_factory=list)
    errors: Element | None = None


def _is_for_errors(found: Element) -> bool:
    return "form-errors" in found.attribute("class").split()


class _Reader(HTMLParser):
    """Finds the forms of a page, and where each of their parts begins and ends."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.page = page
        self.lines = [0, *accumulate(len(line) for line in page.splitlines(keepends=True))]
        self.open: list[Element] = []
        self.forms: list[Form] = []
        self.body: dict[str, str | None] = {}
        self.message: Element | None = None
        self.feed(page)
        self.close()

    def _here(self) -> int:
        line, column = self.getpos()
        return self.lines[line - 1] + column

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Nothing that is closed in itself can be filled in."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        start, written = self._here(), self.get_starttag_text() or ""
        found = Element(tag, dict(attrs), start, start + len(written), around=tuple(self.open))
        found.until = found.end = found.inside
        if tag == "body":
            self.body = found.attributes
        if found.attribute("id") == "message":
            self.message = found
        if tag in WITH_AN_END or found is self.message or _is_for_errors(found):
            self.open.append(found)
        if tag == "form":
            self.forms.append(Form(found))
        elif found.enclosing("form"):
            self._part(found)

    def _part(self, found: Element) -> None:
        form = self.forms[-1]
        if found.tag == "input" and found.attribute("type") == "hidden":
            form.hidden[found.attribute("name")] = found.attribute("value")
        elif found.tag in {"input", "select", "textarea"}:
            form.controls.append(found)
        elif found.tag == "option":
            form.options.append(found)
        elif form.errors is None and _is_for_errors(found):
            form.errors = found

    def handle_endtag(self, tag: str) -> None:
        position = next((p for p in reversed(range(len(self.open))) if self.open[p].tag == tag), -1)
        if position < 0:
            return
        closed = self.open[position]
        closed.until = self._here()
        closed.end = self.page.index(">", closed.until) + 1
        closed.text = unescape(self.page[closed.inside : closed.until]).strip()
        del self.open[position:]


def again(
    page: str,
    *,
    action: str,
    typed: Typed,
    sentence: str,
    field_errors: Mapping[str, str],
) -> str | None:
    """The page with the form as it was typed; None where it is another person's than the page is.

    Where the form is gone (the stay has ended, the alert was closed meanwhile) the page says why at
    its top, with the words that were typed, so that they can be copied.
    """
    read = _Reader(page)
    if not _same_hands(read.body, typed):
        return None
    form = _the_form(read.forms, action, typed)
    if form is None:
        return _on_top(read, typed, sentence)
    if not _same_patient(form, typed):
        return None
    edits = [*_filled(form, typed), *_said(form, sentence, field_errors), *_opened(form)]
    return _edited(page, edits)


Edit = tuple[int, int, str]


def _edited(page: str, edits: Sequence[Edit]) -> str:
    for start, end, words in sorted(edits, key=lambda edit: edit[:2], reverse=True):
        page = page[:start] + words + page[end:]
    return page


def _same_hands(body: Mapping[str, str | None], typed: Typed) -> bool:
    """Nobody reads what another person typed, nor what one typed before somebody else came."""
    if "opened_by" not in typed:
        return True
    shown = [[body.get("data-person") or ""], [body.get("data-sign-in") or ""]]
    return [list(typed["opened_by"]), list(typed.get("opened_in", ()))] == shown


def _the_form(forms: Sequence[Form], action: str, typed: Typed) -> Form | None:
    """That of this address; of several, the one about the same thing, told by its hidden fields."""
    found = [form for form in forms if form.element.attribute("action") == action]
    same = [form for form in found if _about_the_same(form, typed)]
    return same[0] if same else found[0] if len(found) == 1 else None


def _same_patient(form: Form, typed: Typed) -> bool:
    """What was typed for one patient never stands in the form of another."""
    of = form.hidden.get("opened_for")
    return of is None or list(typed.get("opened_for", ())) == [of]


def _about_the_same(form: Form, typed: Typed) -> bool:
    about = {name: value for name, value in form.hidden.items() if name not in {"", "key"}}
    return all(list(typed.get(name, ())) == [value] for name, value in about.items())


def _filled(form: Form, typed: Typed) -> Iterator[Edit]:
    for control in form.controls:
        kind = control.attribute("type") or "text"
        values = [UNREADABLE.sub("", value) for value in typed.get(control.attribute("name"), ())]
        if control.tag == "select" and values:
            yield from _chosen(form, control, values)
        elif control.tag == "textarea" and values:
            # A browser leaves out the first line break of a text.
            yield control.inside, control.until, f"\n{escape(values[0])}"
        elif control.tag == "input" and kind in TICKED:
            control.attributes.pop("checked", None)
            if control.attribute("value") in values:
                control.attributes["checked"] = None
        elif control.tag == "input" and kind not in KEPT_BACK and values:
            control.attributes["value"] = values[0]


def _chosen(form: Form, select: Element, values: Sequence[str]) -> Iterator[Edit]:
    own = [one for one in form.options if one.enclosing("select") is select]
    for option in own:
        option.attributes.pop("selected", None)
        if _value(option) in values:
            option.attributes["selected"] = None
        yield option.start, option.inside, _tag(option)


def _value(option: Element) -> str:
    return option.attribute("value") if "value" in option.attributes else option.text


def _said(form: Form, sentence: str, field_errors: Mapping[str, str]) -> Iterator[Edit]:
    """What is wrong: beside the field where there is one, above the form where there is none."""
    told = set()
    named = {control.attribute("name") for control in form.controls if _takes_words(control)}
    wrong = {name.split(".")[0]: words for name, words in field_errors.items()}
    of_form = {name: words for name, words in wrong.items() if name not in named}
    for control in form.controls:
        name = control.attribute("name")
        if name in wrong and _takes_words(control):
            control.attributes["aria-invalid"] = "true"
            described = control.attribute("aria-describedby").split()
            control.attributes["aria-describedby"] = " ".join([*described, f"error-{name}"])
            if name not in told:
                told.add(name)
                place = _beside(control)
                yield place, place, html(FieldError(name=name, sentence=wrong[name]))
        yield control.start, control.inside, _tag(control)
    above = html(FormErrors(sentence=sentence, field_errors=of_form, arrives=True))
    if form.errors is not None:
        yield form.errors.start, form.errors.end, above
    else:
        yield form.element.inside, form.element.inside, above


def _takes_words(control: Element) -> bool:
    return control.attribute("type") not in {"hidden", "submit", "button", "reset", "image"}


def _beside(control: Element) -> int:
    """After the field: of boxes and buttons of one name, at the end of the group."""
    group = control.enclosing("fieldset")
    if control.attribute("type") in TICKED and group is not None:
        return group.until
    label = control.enclosing("label")
    return label.end if label is not None else control.end


def _opened(form: Form) -> Iterator[Edit]:
    """What the form is folded away in."""
    for around in form.element.around:
        if around.tag == "details":
            around.attributes["open"] = None
            yield around.start, around.inside, _tag(around)


def _tag(element: Element) -> str:
    said = (
        f" {name}" if value is None else f' {name}="{escape(value)}"'
        for name, value in element.attributes.items()
    )
    return f"<{element.tag}{''.join(said)}>"


def _on_top(read: _Reader, typed: Typed, sentence: str) -> str | None:
    if read.message is None:
        return None
    words = [
        UNREADABLE.sub("", value).strip()
        for name, values in typed.items()
        for value in values
        if not WRITTEN_BY_US.search(name) and value != "true"
    ]
    above = html(TypedWords(sentence=sentence, words=tuple(filter(None, words))))
    return _edited(read.page, [(read.message.inside, read.message.until, above)])
