"""Evidence that comes as a file: taken in piece by piece, scanned, kept and handed out again."""
