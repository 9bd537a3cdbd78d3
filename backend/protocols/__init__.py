"""What a unit has decided: its thresholds, rules, intervals and ladders, in versions."""
