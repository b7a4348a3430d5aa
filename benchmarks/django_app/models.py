"""An application for recognition and the incubator it opens, with timers and an outbox."""
# mypy: disable-error-code="misc,untyped-decorator"
# ruff: noqa: ARG002  (the decorators of the log read `by` and `description`)

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import models
from django_fsm import GET_STATE, ConcurrentTransitionMixin, FSMField, FSMModelMixin, transition
from django_fsm_log.decorators import fsm_log_by, fsm_log_description

DEPARTMENTS = {"finance", "tech_lead"}


def is_complete(application: Application) -> bool:
    """The facts name an operator and tenants."""
    return bool(application.facts.get("operator") and application.facts.get("tenants"))


def no_open_application(application: Application) -> bool:
    """One open application per operator."""
    others = Application.objects.filter(uscc=application.uscc).exclude(pk=application.pk)
    return not others.exclude(state__in=["recognized", "rejected"]).exists()


def meets_criteria(application: Application) -> bool:
    """Three of the criteria, as conditions are written by hand."""
    premises, fund = application.facts["premises"], application.facts["fund"]
    return (
        premises["area_m2"] >= 5000
        and len(application.facts["tenants"]) >= 10
        and fund["own_seed_yuan"] + fund["partner_yuan"] >= 1_000_000
    )


class Application(ConcurrentTransitionMixin, FSMModelMixin, models.Model):
    """One application."""

    state = FSMField(default="new", protected=True)
    uscc = models.CharField(max_length=18, db_index=True)
    name = models.CharField(max_length=200)
    facts = models.JSONField(default=dict)
    missing = models.JSONField(default=list)
    endorsed = models.JSONField(default=list)
    opened_on = models.DateField()
    changed_at = models.DateTimeField(auto_now=True)

    @fsm_log_by
    @fsm_log_description
    @transition(field=state, source="new", target="applied", conditions=[is_complete, no_open_application])
    def submit(self, by: User | None = None, description: str | None = None) -> None:
        """提交申请."""

    @fsm_log_by
    @fsm_log_description
    @transition(field=state, source="applied", target="preliminary_review")
    def accept(self, by: User | None = None, description: str | None = None) -> None:
        """受理."""

    @fsm_log_by
    @fsm_log_description
    @transition(field=state, source=["applied", "preliminary_review"], target="correction")
    def return_for_correction(self, missing: list[str], by: User | None = None, description: str | None = None) -> None:
        """一次性告知补正."""
        self.missing = missing

    @fsm_log_by
    @fsm_log_description
    @transition(field=state, source="correction", target="preliminary_review", conditions=[is_complete])
    def resubmit(self, area_m2: int, by: User | None = None, description: str | None = None) -> None:
        """提交补正材料."""
        self.facts["premises"]["area_m2"] = area_m2

    @fsm_log_by
    @fsm_log_description
    @transition(field=state, source="preliminary_review", target="joint_finance_review", conditions=[meets_criteria])
    def pass_preliminary(self, by: User | None = None, description: str | None = None) -> None:
        """初审通过."""

    @fsm_log_by
    @fsm_log_description
    @transition(
        field=state,
        source="joint_finance_review",
        target=GET_STATE(
            lambda self, **_: "recognized" if {*self.endorsed} >= DEPARTMENTS else "joint_finance_review",
            states=["joint_finance_review", "recognized"],
        ),
    )
    def endorse(self, department: str, by: User | None = None, description: str | None = None) -> None:
        """联合审核同意."""
        self.endorsed = [*self.endorsed, department]


class Incubator(ConcurrentTransitionMixin, FSMModelMixin, models.Model):
    """A title that an application has won."""

    state = FSMField(default="recognized", protected=True)
    application = models.ForeignKey(Application, on_delete=models.PROTECT)
    uscc = models.CharField(max_length=18, db_index=True)
    name = models.CharField(max_length=200)
    ground = models.TextField(blank=True)
    recognised_on = models.DateField()

    @fsm_log_by
    @fsm_log_description
    @transition(field=state, source="recognized", target="revocation_proposed")
    def propose_revocation(self, ground: str, by: User | None = None, description: str | None = None) -> None:
        """拟取消资格."""
        self.ground = ground


class Timer(models.Model):
    """A deadline of a case."""

    case = models.CharField(max_length=64, db_index=True)
    name = models.CharField(max_length=64)
    due = models.DateField()
    outcome = models.CharField(max_length=16, default="armed")


class Outbox(models.Model):
    """A notice waiting to be sent."""

    case = models.CharField(max_length=64, db_index=True)
    notice = models.CharField(max_length=64)
    role = models.CharField(max_length=32)
    subject = models.TextField()
    body = models.TextField()
    queued_at = models.DateTimeField(auto_now_add=True)


def save(case: Any, event: str, due: Any) -> None:
    """What every view does at the end: keep the case, set its deadline, tell the operator."""
    case.save()
    key = f"{type(case).__name__}:{case.pk}"
    Timer.objects.create(case=key, name=event, due=due)
    Outbox.objects.create(
        case=key,
        notice=event,
        role="applicant",
        subject=f"{case.name}：{event}",
        body=f"{case.name}（{case.uscc}）：你单位的事项已办理“{event}”，现为“{case.state}”，办理期限至{due}。",
    )
