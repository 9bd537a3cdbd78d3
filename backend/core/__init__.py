"""What every domain stands on: settings, database, clock, errors, web, live words, log."""
