"""What the page about old records may send."""

from backend.care.purge.models import Verdict
from backend.core.deed import DeedForm


class AskForm(DeedForm):
    """Everything that may go now is to go."""


class AnswerForm(DeedForm):
    """What a second person says to it, or the first who takes it back."""

    verdict: Verdict
