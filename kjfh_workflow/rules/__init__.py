"""Facts and policy in, an answer out. Pure: no rows, no clock, no files."""
