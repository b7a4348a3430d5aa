"""``kjfh lab``: proof on an own copy that kills, stops, restarts and wrong clocks lose nothing and double nothing.

``load`` keeps an office busy, ``worker`` is the process that is killed, ``conduct`` kills it, ``invariants`` says
what must be true afterwards. Nothing here is used in production.
"""
