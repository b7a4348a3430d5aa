"""The ways a notice leaves the house, and the configuration that chooses them.

Nothing here knows the database: what has to be sent, when, and what became of it is kept by the outbox.
"""
