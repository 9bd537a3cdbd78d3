"""Who the patient is: identity, allergies, risks."""
