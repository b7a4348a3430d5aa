"""Proving that what is on file is what happened; sealing it; and what to do after a restore."""
