"""What has happened, for other programs: in order, from any number on, at least once. What happens, others decide."""
