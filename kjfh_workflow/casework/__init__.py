"""Use cases: one function, one transaction. Open, load, one decision, record, commit."""
