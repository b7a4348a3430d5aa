"""Notices: written from templates when they are queued, and kept as written."""
