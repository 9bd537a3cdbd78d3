"""What time does to an alert: a promise that is not kept lapses, what nobody has climbs."""
