"""What the page of tags may send."""

from backend.core.deed import DeedForm


class TagsForm(DeedForm):
    """Make the tags that are missing."""


class ReplaceForm(DeedForm):
    """This tag is gone: make another for its bed."""
