"""The only home of SQLAlchemy and SQL: rows in, rows out. What they mean is decided elsewhere."""
