"""A Django intranet: what is to happen is written down in Django's transaction, and happens after its commit.

Django's transaction and SQLAlchemy's cannot be one. So the host commits its own rows and an ``Intent``; the act follows
with the intent's id as its request id: one act, however often it is asked for. Whatever is killed in between is carried
on by ``carry_out_what_is_left``: at the start of the program, and every minute.
"""
# mypy: disable-error-code="misc"
# ruff: noqa: D106, E402  (models come after the set-up)

from __future__ import annotations

import json
import os
import uuid
from functools import cache

import django
from django.conf import settings

FILE = os.environ.get("INTRANET_FILE", "intranet.sqlite3")
DATABASE = {"ENGINE": "django.db.backends.sqlite3", "NAME": FILE, "OPTIONS": {"timeout": 30}}
settings.configure(DATABASES={"default": DATABASE}, ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"])
django.setup()

from django.core.wsgi import get_wsgi_application
from django.db import models, transaction
from django.http import HttpRequest, JsonResponse
from django.urls import path

from kjfh_workflow import Actor, Conflict, Workflow, WorkflowError
from kjfh_workflow.errors import Unavailable

PEOPLE = {"1021": Actor.of("staff-1021", "tech_clerk", "yuyao", name="王经办")}  # yours: request.user


class Task(models.Model):
    """The intranet's own list of what its people have done."""

    case = models.CharField(max_length=64)
    done_by = models.CharField(max_length=128)

    class Meta:
        app_label = "intranet"  # yours lie in an app, with migrations


class Intent(models.Model):
    """An act that was promised together with the host's own rows; its id is the request's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    promised_at = models.DateTimeField(auto_now_add=True)
    case = models.CharField(max_length=64)
    event = models.CharField(max_length=64)
    person = models.CharField(max_length=128)
    evidence = models.JSONField()
    answer = models.JSONField(null=True)  # until it is known what came of it

    class Meta:
        app_label = "intranet"


@cache
def workflow() -> Workflow:
    """One in each process, made when it is first needed: after the server has forked."""
    return Workflow(f"sqlite:///{FILE}", create=True)


def carry_out(intent: Intent) -> None:
    """Let it happen, or learn that it has happened or was refused. Safe at any time, any number of times."""
    by, once = PEOPLE[intent.person], str(intent.id)
    try:
        done = workflow().perform(intent.case, intent.event, by=by, evidence=intent.evidence, request_id=once)
        intent.answer = {"state": done.state, "version": done.version}
    except (Conflict, Unavailable):
        return  # nothing is known yet: it is carried out later
    except WorkflowError as error:
        intent.answer = {"refused": str(error)}
    intent.save()


def carry_out_what_is_left() -> None:
    """In the order in which people acted."""
    for intent in Intent.objects.filter(answer__isnull=True).order_by("promised_at"):
        carry_out(intent)


def act(request: HttpRequest, case: str, event: str) -> JsonResponse:
    """Write down that somebody acts, and let the act follow; 202 where nobody knows yet what came of it."""
    person, evidence = request.headers.get("X-Staff", ""), json.loads(request.body or b"{}")
    if person not in PEOPLE:
        return JsonResponse({}, status=401)
    with transaction.atomic():
        Task.objects.create(case=case, done_by=person)
        intent = Intent.objects.create(case=case, event=event, person=person, evidence=evidence)
        transaction.on_commit(lambda: carry_out(intent), robust=True)
    return JsonResponse(intent.answer or {}, status=200 if intent.answer else 202)


urlpatterns = [path("cases/<str:case>/<str:event>", act)]
application = get_wsgi_application()
