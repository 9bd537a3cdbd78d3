"""What a form offers: plans for an alert that is taken, reasons for one that is over."""

from enum import StrEnum


class Plan(StrEnum):
    """What whoever takes an alert is going to do."""

    REASSESS = "Reassess in person"
    CALL = "Call the physician"
    ORDER = "Carry out the order"
    TRANSFER = "Prepare a transfer"


class Reason(StrEnum):
    """Why an alert is over."""

    SETTLED = "Treated and settled"
    EXPECTED = "Known and expected for this patient"
    ORDERED = "Orders changed by a physician"
    MISMEASURED = "Measured or written down wrongly"
    OTHER = "Another reason"
