"""A rule that waits: for further sets before it raises, or before it is clear again."""

from collections.abc import Callable, Sequence

from backend.clinical.course import ScoredSet
from backend.clinical.protocol_parts import Rule
from backend.clinical.verdict import Finding

Kind = Callable[[Rule, Sequence[ScoredSet]], Finding]
Find = Callable[[Sequence[ScoredSet]], Finding]


def patient(rule: Rule, kind: Kind) -> Find:
    """The rule as its kind finds it, held back until enough sets say the same.

    Nothing that waits raises or clears. An emergency is never made to wait for a second set: a
    protocol that asks for it is refused.
    """

    def find(line: Sequence[ScoredSet]) -> Finding:
        finding = kind(rule, line)
        if finding.state == "met" and rule.raise_after_sets > 1:
            return _held(finding, _running(rule, kind, line, "met"), rule.raise_after_sets)
        if finding.state == "clear" and rule.clear is not None:
            milder = kind(rule.clear, line)
            if milder.state != "clear":
                words = f"{finding.sentence} It is not yet back below the limit that clears it."
                return _wait(finding, words)
        if finding.state == "clear" and rule.clear_after_sets > 1:
            return _held(finding, _running(rule, kind, line, "clear"), rule.clear_after_sets)
        return finding

    return find


def _running(rule: Rule, kind: Kind, line: Sequence[ScoredSet], state: str) -> int:
    """How many sets running say this; one that cannot tell neither counts nor breaks the run."""
    asked = rule if state == "met" or rule.clear is None else rule.clear
    running = 0
    for end in range(len(line), 0, -1):
        said = kind(asked, line[:end]).state
        if said == state:
            running += 1
        elif said in ("met", "clear"):
            break
        if running == max(rule.raise_after_sets, rule.clear_after_sets):
            break
    return running


def _held(finding: Finding, running: int, wanted: int) -> Finding:
    if running >= wanted:
        return finding
    return _wait(finding, f"{finding.sentence} {running} of {wanted} sets running say so.")


def _wait(finding: Finding, sentence: str) -> Finding:
    return Finding(state="waiting", sentence=sentence, evidence=finding.evidence)
