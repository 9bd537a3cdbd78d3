"""How screens say what is ordered for the night."""

from backend.rounds.nights.models import NightKind, NightOrder


def told(row: NightOrder) -> str:
    """`Do not wake 22:00 to 06:00`."""
    if row.kind is NightKind.SPO2:
        return "SpO2 with each sleep check"
    return f"Do not wake {row.from_time:%H:%M} to {row.to_time:%H:%M}"
