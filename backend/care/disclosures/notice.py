"""What 42 CFR part 2 wants to stand on everything that leaves."""

from dataclasses import dataclass

# 42 CFR 2.32(a)(2) gives the second sentence word for word.
NOTICE = (
    "Contains substance use disorder (SUD) records."
    " 42 CFR part 2 prohibits unauthorized use or disclosure of these records."
)
# On every answer to a machine, so that whatever passes it on can see it without reading it.
HEADER = "Vigil-Notice"


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """The notice, and on what ground this leaves: 2.32 wants the scope of a consent told too."""

    notice: str
    grounds: str


CODED = Stamp(notice=NOTICE, grounds="No patient is named in it.")
