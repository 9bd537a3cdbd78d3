"""A small invented unit, played through the same services as a real one."""
