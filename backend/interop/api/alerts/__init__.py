"""Alerts, and the promise to see to one."""
