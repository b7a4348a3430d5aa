"""The acceptance language: dated steps in TOML, and what must be true after each."""
