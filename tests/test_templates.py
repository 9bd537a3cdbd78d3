"""A page and its template agree, every template is used, and none does what the policy forbids."""

import dataclasses
import re

import pytest
from jinja2 import meta, nodes

from backend.core.web import TEMPLATES, Page, env, loader
from backend.main import app, tables

__all__ = ["app", "tables"]  # importing them makes every page known

NAMES = sorted(str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.html"))
HTMX = {"hx-get", "hx-post", "hx-target", "hx-swap", "hx-trigger", "hx-status", "hx-indicator"}
HTMX |= {"hx-disable", "hx-morph-skip"}
FORBIDDEN = {
    "an inline style": re.compile(r"\sstyle\s*=|<style\b", re.IGNORECASE),
    "an inline handler": re.compile(r"\son[a-z]+\s*=", re.IGNORECASE),
    "an inline script": re.compile(r"<script\b(?![^>]*\ssrc=)", re.IGNORECASE),
    "a script in an address": re.compile(r"\b(?:javascript|js):", re.IGNORECASE),
    "a trigger filter": re.compile(r"hx-trigger=\"[^\"{]*\["),
    "something from elsewhere": re.compile(r"(?:src|href|action)=\"(?:https?:)?//"),
}


def _source(name: str) -> str:
    return loader.get_source(env, name)[0]


def reads(name: str) -> set[str]:
    """The variables a template reads, with those of the files it includes or extends."""
    tree = env.parse(_source(name))
    own = {node.name for node in tree.find_all(nodes.Name) if node.ctx != "load"}
    found = meta.find_undeclared_variables(tree)
    for other in meta.find_referenced_templates(tree):
        assert other, f"{name} includes a template whose name is not a literal"
        found |= reads(other) - own
    return found - set(env.globals)


def references(name: str) -> set[str]:
    """The templates that this one pulls in, at whatever depth."""
    direct = {other for other in meta.find_referenced_templates(env.parse(_source(name))) if other}
    return direct.union(*(references(other) for other in direct))


@pytest.mark.parametrize("page", Page.known, ids=[page.__qualname__ for page in Page.known])
def test_a_page_matches_its_template(page: type[Page]) -> None:
    assert reads(page.template) == {field.name for field in dataclasses.fields(page)}


def test_every_template_is_used() -> None:
    rendered = {page.template for page in Page.known}
    assert set(NAMES) == rendered.union(*(references(name) for name in rendered))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("what", list(FORBIDDEN))
def test_no_template_does_what_the_content_policy_forbids(name: str, what: str) -> None:
    assert not FORBIDDEN[what].search(_source(name)), f"{name} holds {what}"


@pytest.mark.parametrize("name", NAMES)
def test_only_agreed_htmx_attributes(name: str) -> None:
    used = {
        found.split(":")[0] for found in re.findall(r"\s(hx-[a-z-]+(?::[\w:-]+)?)", _source(name))
    }
    assert used <= HTMX


@pytest.mark.parametrize("name", [name for name in NAMES if "/_" in name])
def test_a_fragment_that_refreshes_itself_has_an_id(name: str) -> None:
    for tag in re.findall(r"<[a-z]+\b[^>]*?hx-trigger=\"[^\"]*from:body[^>]*>", _source(name)):
        assert re.search(r"\sid=\"", tag), f"{name}: {tag}"


@pytest.mark.parametrize("name", NAMES)
def test_a_title_never_holds_a_variable_but_a_status(name: str) -> None:
    titles = re.findall(r"{% block title %}(.*?){% endblock %}|<title>(.*?)</title>", _source(name))
    for first, second in titles:
        held = set(re.findall(r"{{\s*(.*?)\s*}}", first or second))
        assert held <= {"status"}, f"{name}: a title bar shows no patient"
