"""Where other systems meet the record: mapping only, then the same services."""
