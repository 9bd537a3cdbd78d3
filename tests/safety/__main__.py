"""Write the pages that are made of tables: `python -m tests.safety`."""

from tests.safety.log import FOLDER, PAGES

for name, made in PAGES.items():
    (FOLDER / name).write_text(made())
