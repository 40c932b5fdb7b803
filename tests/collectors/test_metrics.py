"""What a collector shows to Prometheus."""

from __future__ import annotations

import time

import httpx
import paho.mqtt.client as paho
from prometheus_client.parser import text_string_to_metric_families

from mes.host.processes import free_port
from tests.collectors.conftest import Plant, Start, counts, eventually, say


def test_figures_of_sources_and_writer(plant: Plant, collect: Start, mqtt_url: str, device: paho.Client) -> None:
    """State, silence, counters of each source, and how the writer stands, in Prometheus' own form."""
    port = free_port()
    plant.apply(counts(mqtt_url, "metrics"))
    collect(collect_metrics_port=port)
    assert eventually(lambda: plant.state("b1") == "running")
    now = time.time()
    say(device, "metrics", {"good": 1, "t": 1.5, "ts": now})
    assert eventually(lambda: plant.values("M1/good_total") == [1])
    say(device, "metrics", {"good": 1, "t": 1.5, "ts": now})
    say(device, "metrics", {"good": 2, "ts": now + 1})
    assert eventually(lambda: plant.values("M1/good_total") == [1, 2])
    assert eventually(lambda: plant.health("b1")["counts"].get("repeated") == 2)
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    samples = {
        (s.name, *s.labels.values()): s.value for family in text_string_to_metric_families(text) for s in family.samples
    }
    assert samples["takt_source_state", "b1", "running"] == 1
    assert samples["takt_source_events_total", "b1", "messages"] == 3
    assert samples["takt_source_events_total", "b1", "repeated"] == 2
    assert samples["takt_source_silent_seconds", "b1"] >= 0
    assert samples["takt_source_lag_seconds", "b1"] >= 0
    assert samples["takt_source_values_per_second", "b1"] >= 0
    assert samples["takt_collector_rows_stored",] == 3
    assert samples["takt_collector_spool_rows",] == 0
