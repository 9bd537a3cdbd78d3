"""The intervals that can be chosen; anything else is ordered as times, written like 08:00."""

import re

EVERY_MINUTES = (15, 30, 60, 120, 240, 360, 480, 720, 1440)
TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
