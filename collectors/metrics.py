"""Figures for Prometheus, at `http://127.0.0.1:<MES_COLLECT_METRICS_PORT>/metrics` when that is set.

They are taken from the vitals when asked for, so that counting costs nothing extra.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from collectors.post import Post

STATES = ("connecting", "running", "degraded", "lost", "refused", "stopped")
Shared = Callable[[], dict[str, float]]


class SourceFigures(Collector):
    """What the collector's sources and its writer say of themselves."""

    def __init__(self, posts: Callable[[], Iterable[Post]], shared: Shared) -> None:
        self._posts = posts
        self._shared = shared

    def collect(self) -> Iterator[Metric]:
        """One scrape."""
        state = GaugeMetricFamily("takt_source_state", "1 for the state a source is in", labels=("source", "state"))
        age = GaugeMetricFamily("takt_source_silent_seconds", "Plant time since it was heard", labels=("source",))
        skew = GaugeMetricFamily("takt_source_skew_seconds", "Its clock behind ours", labels=("source",))
        lag = GaugeMetricFamily("takt_source_lag_seconds", "How old its last value was", labels=("source",))
        rate = GaugeMetricFamily("takt_source_values_per_second", "Values heard, lately", labels=("source",))
        bad = GaugeMetricFamily("takt_source_bad_tags", "Tags it does not give", labels=("source",))
        events = CounterMetricFamily("takt_source_events", "What happened at a source", labels=("source", "what"))
        for post in self._posts():
            vitals, name = post.vitals, post.code
            for known in STATES:
                state.add_metric([name, known], float(vitals.state == known))
            if vitals.heard_at is not None:
                age.add_metric([name], (post.now() - vitals.heard_at) / 1e6)
            skew.add_metric([name], vitals.skew_s)
            lag.add_metric([name], vitals.lag_s)
            rate.add_metric([name], vitals.per_s)
            bad.add_metric([name], len(vitals.bad_tags))
            for what, times in list(vitals.counts.items()):
                events.add_metric([name, what], times)
        yield from (state, age, skew, lag, rate, bad, events)
        for name, value in self._shared().items():
            yield GaugeMetricFamily(f"takt_collector_{name}", name.replace("_", " "), value=value)


@contextmanager
def served(port: int, posts: Callable[[], Iterable[Post]], shared: Shared) -> Iterator[None]:
    """Serve the figures on this machine; port 0 serves nothing."""
    if not port:
        yield
        return
    registry = CollectorRegistry()
    registry.register(SourceFigures(posts, shared))
    server, thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
