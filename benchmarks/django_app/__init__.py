"""A Django application as somebody would write it from the READMEs of django-fsm-2 and django-fsm-log."""
