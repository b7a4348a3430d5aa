"""What a collector (Prometheus) is told: what became of requests and acts here, and what waits in the database.

Names, routes, events and codes only: nothing about any one case or person.
Where several processes serve, ``PROMETHEUS_MULTIPROC_DIR`` names a folder that they share, and any of them answers
for all. What waits is left out while the database does not say it; the counters are told nevertheless.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from kjfh_workflow.store.figures import Figures

_SHARED = "PROMETHEUS_MULTIPROC_DIR"
_log = logging.getLogger(__name__)
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The counters of one service."""

    def __init__(self) -> None:
        self._registry = own = CollectorRegistry()
        self._requests = Counter("kjfh_requests", "Requests answered.", ("method", "route", "status"), registry=own)
        self._seconds = Histogram(
            "kjfh_request_seconds",
            "How long answers took.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._acts = Counter("kjfh_acts", "Acts performed over HTTP.", ("event",), registry=own)
        self._refusals = Counter("kjfh_refusals", "Reasons for which acts were refused.", ("code",), registry=own)
        #: Whether the database answered when it was last asked for its own sake.
        self._up = True

    def watch(self, method: str, route: str, status: int, seconds: float, codes: list[str], event: str) -> None:
        """Count one request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)
        for code in codes:
            self._refusals.labels(code).inc()
        if event:
            self._acts.labels(event).inc()

    def database_is(self, up: bool) -> None:
        """Whether it has answered; said once when it goes and once when it comes back."""
        if up and not self._up:
            _log.info("the database answers again")
        elif self._up and not up:
            _log.warning("the database does not answer")
        self._up = up

    def page(self, figures: Figures | None) -> bytes:
        """Everything, in the text format of Prometheus.

        Args:
            figures: what waits in the database; None if it does not answer.
        """
        registry = self._registry
        if os.environ.get(_SHARED):
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        waiting = CollectorRegistry()
        waiting.register(_Waiting(figures))
        return generate_latest(registry) + generate_latest(waiting)


class _Waiting(Collector):
    """What waits in the database."""

    def __init__(self, figures: Figures | None) -> None:
        self._figures = figures

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges."""
        found = self._figures
        yield GaugeMetricFamily("kjfh_database_up", "Whether the database answers: 1, or 0.", float(found is not None))
        if found is None:
            return
        for name, help_, value in (
            ("kjfh_alarms_due", "Deadlines whose time has come and that have not been enforced yet.", found.alarms_due),
            ("kjfh_alarms_failing", "Deadlines that could not be enforced.", found.alarms_failing),
            ("kjfh_outbox_unrouted", "Notices for which no channel has been chosen.", found.outbox_unrouted),
            ("kjfh_outbox_queued", "Letters to be sent.", found.outbox_queued),
            ("kjfh_outbox_unaddressed", "Letters that wait for an address.", found.outbox_unaddressed),
            ("kjfh_outbox_dead", "Letters that have been given up: a person must look.", found.outbox_dead),
            ("kjfh_feed_unpublished", "Acts without a number in the feed.", found.unpublished),
            ("kjfh_feed_withheld", "Events that followers have not taken.", found.withheld),
            ("kjfh_feed_given_up", "Events that have been given up: a person must look.", found.given_up),
        ):
            yield GaugeMetricFamily(name, help_, value)
        for name, help_, since in (
            ("kjfh_alarms_late_seconds", "How late the oldest of the due deadlines is.", found.alarms_due_since),
            ("kjfh_outbox_late_seconds", "How late the oldest of the due letters is.", found.outbox_due_since),
        ):
            yield GaugeMetricFamily(name, help_, (found.at - since).total_seconds() if since else 0.0)
