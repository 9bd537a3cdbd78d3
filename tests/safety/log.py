"""The hazard log and the ASVS table, as rows and as the pages that are made of them."""

import tomllib
from collections.abc import Iterable, Sequence
from typing import Any

from backend.core.web import ROOT

FOLDER = ROOT / "docs" / "safety"
# Severity downwards from 5, likelihood across from 1 (security practice of one NHS template).
MATRIX = {
    5: (3, 4, 5, 5, 5),
    4: (2, 3, 4, 5, 5),
    3: (2, 2, 3, 4, 5),
    2: (1, 2, 3, 3, 4),
    1: (1, 1, 2, 2, 3),
}
SEVERITY = {5: "catastrophic", 4: "major", 3: "considerable", 2: "significant", 1: "minor"}
LIKELIHOOD = {1: "very low", 2: "low", 3: "medium", 4: "high", 5: "very high"}
MADE = "<!-- Made of {source} by `python -m tests.safety`; change that and not this. -->"


def hazards() -> list[dict[str, Any]]:
    """Each with its risk."""
    rows = tomllib.loads((FOLDER / "hazards.toml").read_text())["hazard"]
    return [row | {"risk": risk(row["severity"], row["likelihood"])} for row in rows]


def points() -> list[dict[str, Any]]:
    """What ASVS asks and what proves it."""
    found: list[dict[str, Any]] = tomllib.loads((FOLDER / "asvs.toml").read_text())["point"]
    return found


def risk(severity: int, likelihood: int) -> int:
    """5 is unacceptable, 4 needs a control, 3 is undesirable."""
    return MATRIX[severity][likelihood - 1]


def hazard_page() -> str:
    """docs/safety/hazard-log.md."""
    rows = [
        (
            row["id"],
            row["hazard"],
            row["cause"],
            row["harm"],
            f"{SEVERITY[row['severity']]} × {LIKELIHOOD[row['likelihood']]} = **{row['risk']}**",
            f"{row['control']} ({row['type']})",
            row["residual"] or "none known",
            row.get("not_built") or _tests(row["tests"]),
        )
        for row in hazards()
    ]
    head = ("", "Hazard", "Cause", "Harm", "Risk (draft)", "Control (kind)", "Left over", "Tests")
    return (
        f"{MADE.format(source='hazards.toml')}\n# Hazard log\n\n"
        "Drafted by the authors of the software, for a clinical safety officer to confirm or\n"
        "change; **nobody has signed it**. The scores are before the control, by the matrix of\n"
        "the [plan](risk-management-plan.md). Owner of every row until then: the maintainers;\n"
        "status: draft. Tests run with every change, those in `faults` before a release.\n\n"
        f"{_table(head, rows)}"
    )


def asvs_page() -> str:
    """docs/safety/asvs.md."""
    rows = [
        (
            str(row["number"]),
            row["asvs"],
            row["rule"],
            _tests(row.get("tests", ())),
            f"{row['open']} ({row['dated']}, {row['owner']})" if "open" in row else "",
        )
        for row in points()
    ]
    whole = sum("open" not in row for row in points())
    return (
        f"{MADE.format(source='asvs.toml')}\n# What OWASP ASVS 5.0 asks, and what proves it\n\n"
        f"A draft for whoever reviews Vigil. Of {len(rows)} points {whole} stand and have\n"
        "tests; the others say what is missing, since when it is known and whose it is.\n"
        "(L3) marks what goes beyond level 2.\n\n"
        + _table(("", "ASVS", "Rule", "Tests", "Open"), rows)
    )


def _tests(ids: Iterable[str]) -> str:
    return "<br>".join(f"`{one.removeprefix('tests/')}`" for one in ids)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


PAGES = {"hazard-log.md": hazard_page, "asvs.md": asvs_page}
