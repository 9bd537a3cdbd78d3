"""Refusals that a person can act on; anything else that goes wrong is a bug and answers 500.

UserError
├── Invalid        422  what was sent cannot be right
├── SignedOut      401  nobody is signed in
├── NotAllowed     403  this person may not do this
├── HalfSignedIn   403  the password was right, the second factor is still to come
├── StepUpNeeded   403  this person may, after proving once more who they are
├── NotFound       404  not here, or not in this person's unit
├── Conflict       409  it was true when the form was opened and is no longer
│   ├── OtherHands 409  the page belongs to another sign-in than the one at the keys
│   └── OtherPatient 409  the form was opened for another patient than the address names
├── TooLarge       413  more was sent than anybody writes down at once
├── Locked         423  the screen is locked: nothing of a patient until it is unlocked
├── TooMany        429  slow down
└── Unavailable    503  the database cannot be reached: nothing was saved
"""


class UserError(Exception):
    """A sentence for the person who asked. Never holds a value they typed."""

    status = 400

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Invalid(UserError):
    """What was sent cannot be right. `fields` names each input and what is wrong with it."""

    status = 422

    def __init__(self, sentence: str, fields: dict[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.fields = fields or {}


class SignedOut(UserError):
    """Nobody is signed in, or the sign-in has ended."""

    status = 401


class NotAllowed(UserError):
    """This person may not do this."""

    status = 403


class HalfSignedIn(UserError):
    """The password was right; pages lead to where the second factor is asked for, or enrolled."""

    status = 403

    def __init__(self, leads_to: str) -> None:
        super().__init__("Your sign-in still needs its second step. Open Vigil's first page.")
        self.leads_to = leads_to


class StepUpNeeded(UserError):
    """This person may, after proving once more who they are. Pages lead to /step-up."""

    status = 403

    def __init__(self) -> None:
        super().__init__(
            "Confirm first that it is you. Nothing was done yet; what you typed is kept."
        )


class NotFound(UserError):
    """Not here, or in a unit where this person does not work; the two look the same."""

    status = 404


class Conflict(UserError):
    """It was true when the form was opened and is no longer."""

    status = 409


class OtherHands(Conflict):
    """The form or the page belongs to another sign-in than the one at the keys."""

    def __init__(self, opened_by: int | None = None, *, own: bool = False) -> None:
        whose = "an earlier sign-in of yours" if own else "somebody else"
        super().__init__(
            f"This form belongs to {whose}, so nothing was saved. Open it again to do it yourself."
        )
        self.opened_by = opened_by
        self.own = own


class OtherPatient(Conflict):
    """The form was opened for another patient than the one it is sent to."""

    def __init__(self) -> None:
        super().__init__(
            "This form was opened for another patient, or before an update. Nothing was saved:"
            " open it again here."
        )


class Locked(UserError):
    """The screen is locked. What was typed waits for its owner."""

    status = 423

    def __init__(self) -> None:
        super().__init__("This screen is locked. Unlock it first; nothing was done.")


class TooLarge(UserError):
    """More was sent than anybody writes down at once."""

    status = 413


class TooMany(UserError):
    """Too many tries; the sentence says how long to wait."""

    status = 429


class Unavailable(UserError):
    """The database cannot be reached, so nothing was saved."""

    status = 503
