"""Peer: django-fsm-2 with django-fsm-log, one ``atomic`` block for each transition, as in their READMEs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from sqlalchemy import make_url

from benchmarks.life import DAYS, GROUND, MISSING, OVERRIDE, Act, Applicant
from benchmarks.targets import Target

_TERM = timedelta(days=30)


class DjangoPeer:
    """The contestant; one for each process, for Django is configured once."""

    name = "django-fsm-2 + log"

    def __init__(self, target: Target) -> None:
        settings.configure(
            DATABASES={"default": _database(target)},
            INSTALLED_APPS=[
                "django.contrib.contenttypes",
                "django.contrib.auth",
                "django_fsm",
                "django_fsm_log",
                "benchmarks.django_app",
            ],
            USE_TZ=True,
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        )
        django.setup()
        call_command("migrate", run_syncdb=True, verbosity=0)
        from django.contrib.auth.models import User  # noqa: PLC0415  (models only after the set-up)

        names = ("operator", "clerk", "finance", "lead")
        self.users = {name: User.objects.create(username=name) for name in names}

    def acts(self, applicant: Applicant) -> Sequence[Act]:
        """As ``Contestant.acts``."""
        return _Life(self, applicant).acts()

    def close(self) -> None:
        """As ``Contestant.close``."""
        connection.close()


class _Life:
    """One application on its way, each act a view as in the README: get, check, transition, save."""

    def __init__(self, peer: DjangoPeer, applicant: Applicant) -> None:
        from django_fsm import can_proceed  # noqa: PLC0415

        from benchmarks.django_app import models  # noqa: PLC0415

        self._models, self._can_proceed = models, can_proceed
        self._users = peer.users
        self._applicant = applicant
        self._application: Any = None
        self._incubator: Any = None
        self._facts = applicant.facts

    def acts(self) -> Sequence[Act]:
        area = OVERRIDE["premises.area_m2"]
        return [
            self._submit,
            lambda: self._view(1, "accept", "clerk"),
            lambda: self._view(2, "return_for_correction", "clerk", missing=MISSING),
            lambda: self._view(3, "resubmit", "operator", area_m2=area),
            lambda: self._view(4, "pass_preliminary", "clerk"),
            lambda: self._view(5, "endorse", "finance", department="finance"),
            lambda: self._view(6, "endorse", "lead", department="tech_lead"),
            self._propose_revocation,
        ]

    def _submit(self) -> None:
        with transaction.atomic():
            who = self._applicant
            # The log refers to the application, so there must be one before its first transition.
            case = self._models.Application.objects.create(
                uscc=who.uscc, name=who.name, facts=self._facts, opened_on=DAYS[0]
            )
            self._checked(case.submit)
            case.submit(by=self._users["operator"], description="submit")
            self._models.save(case, "submit", DAYS[0] + _TERM)
        self._application = case.pk

    def _view(self, number: int, event: str, user: str, **given: Any) -> None:
        with transaction.atomic():
            case = self._models.Application.objects.get(pk=self._application)
            act = getattr(case, event)
            self._checked(act)
            act(by=self._users[user], description=event, **given)
            self._models.save(case, event, DAYS[number] + _TERM)
            if case.state == "recognized":
                opened = self._models.Incubator.objects.create(
                    application=case, uscc=case.uscc, name=case.name, recognised_on=DAYS[number]
                )
                self._incubator = opened.pk

    def _propose_revocation(self) -> None:
        with transaction.atomic():
            case = self._models.Incubator.objects.get(pk=self._incubator)
            self._checked(case.propose_revocation)
            case.propose_revocation(ground=GROUND, by=self._users["clerk"], description="propose_revocation")
            self._models.save(case, "propose_revocation", DAYS[7] + _TERM)

    def _checked(self, act: Any) -> None:
        if not self._can_proceed(act):
            raise PermissionError(act)


def _database(target: Target) -> dict[str, Any]:
    if target.server:
        url = make_url(target.url("django"))
        host = str(url.query["host"])
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.database,
            "USER": url.username,
            "HOST": host,
        }
    pragmas = ("journal_mode=WAL", f"synchronous={target.synchronous}", "foreign_keys=ON")
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(target.folder / "django.db"),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "init_command": ";".join(f"PRAGMA {pragma}" for pragma in pragmas),
        },
    }
