"""How fast the program is, against the floor of its databases and against two peers. See ``README.md``."""
