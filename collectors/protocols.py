"""Which folder speaks for which kind of source. A further protocol is one folder and one line here."""

from __future__ import annotations

from collectors.source import Assignment, Outlet, Source
from mes.settings import Settings


def new_source(assignment: Assignment, outlet: Outlet, settings: Settings) -> Source:
    """The source of this assignment; its protocol's library is imported when the first such source is made."""
    if assignment.source.kind == "opcua":
        from collectors.opcua.source import OpcUaSource

        return OpcUaSource(assignment, outlet, settings.home / "pki")
    if assignment.source.kind == "sparkplug":
        from collectors.sparkplug.source import SparkplugSource

        return SparkplugSource(assignment, outlet)
    from collectors.mqtt.source import MqttSource

    return MqttSource(assignment, outlet)
