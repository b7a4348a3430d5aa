"""The routes: one module for each subject."""

from __future__ import annotations

from kjfh_workflow.web.routes import (
    acts,
    admin,
    books,
    calendar,
    cases,
    docket,
    events,
    files,
    intake,
    ledger,
    notices,
    outbox,
    packs,
    rounds,
    service,
    tenants,
)

#: In the order of the document.
ROUTERS = (
    acts.router,
    admin.router,
    books.router,
    calendar.router,
    cases.router,
    docket.router,
    events.router,
    files.router,
    intake.router,
    ledger.router,
    notices.router,
    outbox.router,
    packs.router,
    rounds.router,
    service.router,
    tenants.router,
)
