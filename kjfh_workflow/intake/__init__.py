"""Application folders as operators hand them in: reading them, and the empty spreadsheets to fill in."""
