"""Imports every table, so that foreign keys resolve whatever was started."""

from backend.accounts.devices import models as devices
from backend.accounts.factors import models as factors
from backend.accounts.links import models as links
from backend.accounts.oidc import models as oidc
from backend.accounts.passkeys import models as passkeys
from backend.accounts.pins import models as pins
from backend.accounts.resets import models as resets
from backend.accounts.sign_in import models as sign_in
from backend.accounts.staff import models as staff
from backend.accounts.units import models as units
from backend.accounts.workstations import models as workstations
from backend.alerts import models as alerts
from backend.audit import models as audit
from backend.care.consents import models as consents
from backend.care.counselling import models as counselling
from backend.care.disclosures import models as disclosures
from backend.care.glass import models as glass
from backend.care.purge import models as purge
from backend.care.retention import models as retention
from backend.core import models as core
from backend.core.db import Base
from backend.observations import models as observations
from backend.observations.definitions import models as definitions
from backend.observations.events import models as events
from backend.patients import models as patients
from backend.protocols import models as protocols
from backend.rounds import models as rounds
from backend.rounds.assignments import models as assignments
from backend.rounds.door_tags import models as door_tags
from backend.rounds.nights import models as nights
from backend.rounds.safety import models as safety
from backend.stays import models as stays
from backend.stays.leave import models as leave

__all__ = [
    "alerts",
    "assignments",
    "audit",
    "consents",
    "core",
    "counselling",
    "definitions",
    "devices",
    "disclosures",
    "door_tags",
    "events",
    "factors",
    "glass",
    "leave",
    "links",
    "nights",
    "observations",
    "oidc",
    "passkeys",
    "patients",
    "pins",
    "protocols",
    "purge",
    "resets",
    "retention",
    "rounds",
    "safety",
    "sign_in",
    "staff",
    "stays",
    "units",
    "workstations",
]

metadata = Base.metadata
