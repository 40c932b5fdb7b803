"""What the Sparkplug 3.0 specification demands of a host application, by the ids of its assertions (tck-id-...).

Those about sequences, births and deaths of edge nodes are in `test_births`; these are about our own STATE, as it goes
over the wire to the broker.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from collectors.sparkplug.payload_pb2 import Payload
from tests.collectors.conftest import Plant, Start, eventually, plant_document
from tests.collectors.edge import bd_seq, payload
from tests.collectors.recording_broker import CONNECT, DISCONNECT, PUBLISH, SUBSCRIBE, Packet, RecordingBroker

STATE = "spBv1.0/STATE/host1"


@pytest.fixture
def broker() -> Iterator[RecordingBroker]:
    broker = RecordingBroker()
    yield broker
    broker.close()


def document(broker: RecordingBroker, **more: Any) -> dict[str, Any]:
    url = f"mqtt://127.0.0.1:{broker.port}{more.pop('query', '')}"
    tag = {"machine": "M1", "signal": "good_total", "group": "G", "edge": "E", "device": "D", "metric": "good"}
    source = {"code": "spb", "kind": "sparkplug", "url": url, "host_id": "host1", **more}
    return plant_document(source, [tag])


def word(packet: Packet) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(packet.payload.decode("utf-8"))
    return found


def births(broker: RecordingBroker) -> list[Packet]:
    return [packet for packet in broker.sent(PUBLISH) if packet.topic == STATE and word(packet)["online"]]


def is_now(stamp_ms: int) -> bool:
    return isinstance(stamp_ms, int) and abs(stamp_ms / 1000 - time.time()) < 60


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_a_primary_host_is_born_lives_and_dies_by_the_book(
    plant: Plant, collect: Start, broker: RecordingBroker, version: str
) -> None:
    """Will, subscription, birth and death of a primary host.

    host-topic-phid-death-{required,topic,qos,retain,payload,payload-timestamp-connect},
    payloads-state-will-message{,-payload,-qos,-retain},
    operational-behavior-host-application-connect-will{,-topic,-payload,-qos,-retained},
    message-flow-phid-sparkplug-clean-session-{311,50}, message-flow-phid-sparkplug-subscription,
    host-topic-phid-birth-{sub-required,required,message,topic,qos,retain,payload,payload-timestamp},
    payloads-state-subscribe, payloads-state-birth{,-payload}, principles-birth-certificates-order,
    operational-behavior-host-application-connect-birth{,-topic,-payload,-qos,-retained},
    message-flow-phid-sparkplug-state-publish{,-payload,-payload-timestamp},
    operational-behavior-host-application-{termination,disconnect-intentional},
    operational-behavior-host-application-death-{topic,payload,qos,retained},
    host-topic-phid-death-payload-timestamp-disconnect-clean, conformance-primary-host, intro-sparkplug-host-state,
    components-ph-state.
    """
    plant.apply(document(broker, role="primary", query=f"?version={version}"))
    collector = collect()
    assert eventually(lambda: births(broker))
    (connect,) = broker.sent(CONNECT)
    assert (connect.topic, connect.qos, connect.retain) == (STATE, 1, True)
    assert set(word(connect)) == {"online", "timestamp"}
    assert word(connect)["online"] is False
    assert is_now(word(connect)["timestamp"])
    assert (connect.clean, connect.expiry_s) == (True, 0)
    kinds = [packet.kind for packet in broker.packets]
    assert kinds[: kinds.index(PUBLISH)] == [CONNECT, SUBSCRIBE]
    assert {STATE, "spBv1.0/G/#"} <= set(broker.sent(SUBSCRIBE)[0].topics)
    birth = broker.sent(PUBLISH)[0]
    assert (birth.topic, birth.qos, birth.retain) == (STATE, 1, True)
    assert word(birth) == {"online": True, "timestamp": word(connect)["timestamp"]}
    assert eventually(lambda: plant.state("spb") == "running")
    collector.stop()
    assert eventually(lambda: broker.sent(DISCONNECT))
    death = broker.sent(PUBLISH)[-1]
    assert (death.topic, death.qos, death.retain) == (STATE, 1, True)
    assert word(death)["online"] is False
    assert word(death)["timestamp"] >= word(birth)["timestamp"]
    assert is_now(word(death)["timestamp"])


def test_a_new_connection_has_a_new_timestamp(plant: Plant, collect: Start, broker: RecordingBroker) -> None:
    """Each CONNECT has its own, birth and will alike, and STATE is the first that is said on each.

    operational-behavior-host-application-multi-server-timestamp,
    operational-behavior-primary-application-state-with-multiple-servers-state{,-subs}.
    """
    plant.apply(document(broker, role="primary"))
    collect()
    assert eventually(lambda: births(broker))
    broker.cut()
    assert eventually(lambda: len(births(broker)) == 2)
    wills = [word(packet)["timestamp"] for packet in broker.sent(CONNECT)]
    assert wills == [word(packet)["timestamp"] for packet in births(broker)]
    assert wills[0] < wills[1]
    connects = [n for n, packet in enumerate(broker.packets) if packet.kind == CONNECT]
    said_first = [next(p for p in broker.packets[n:] if p.kind == PUBLISH).topic for n in connects]
    assert said_first == [STATE, STATE]


def test_a_stolen_state_is_taken_back_at_once(plant: Plant, collect: Start, broker: RecordingBroker) -> None:
    """An offline STATE of our own id: online again, with the timestamp of our own CONNECT; others' are not ours.

    message-flow-hid-sparkplug-state-message-delivered.
    """
    plant.apply(document(broker, role="primary"))
    collect()
    assert eventually(lambda: plant.state("spb") == "running")
    broker.say("spBv1.0/STATE/other", b'{"online":false,"timestamp":1}')
    broker.say(STATE, b'{"online":true,"timestamp":1}')
    broker.say(STATE, json.dumps({"online": False, "timestamp": 99}).encode())
    assert eventually(lambda: len(births(broker)) == 2)
    first, again = births(broker)
    assert (again.payload, again.qos, again.retain) == (first.payload, 1, True)


def test_a_passive_host_says_nothing_of_itself(plant: Plant, collect: Start, broker: RecordingBroker) -> None:
    """Without `role = "primary"` there is neither will nor STATE: edge nodes wait for nobody because of us."""
    plant.apply(document(broker))
    collector = collect()
    assert eventually(lambda: plant.state("spb") == "running")
    collector.stop()
    assert eventually(lambda: broker.sent(DISCONNECT))
    assert broker.sent(CONNECT)[0].topic == ""
    assert [packet for packet in broker.sent(PUBLISH) if packet.topic.startswith("spBv1.0/STATE/")] == []


def test_a_rebirth_is_asked_for_by_name(plant: Plant, collect: Start, broker: RecordingBroker) -> None:
    """`Node Control/Rebirth` true, Boolean, by its name and not by an alias, with the time of now.

    operational-behavior-data-commands-ncmd-{verb,metric-name,metric-value,rebirth-name,rebirth-value,rebirth-verb},
    topics-ncmd-{mqtt,payload,timestamp,topic}, payloads-ncmd-{qos,retain,seq,timestamp}, payloads-name-cmd-requirement,
    payloads-timestamp-in-UTC.
    """
    plant.apply(document(broker))
    collect()
    assert eventually(lambda: [p for p in broker.sent(PUBLISH) if p.topic == "spBv1.0/G/NCMD/E"])
    command = broker.sent(PUBLISH)[0]
    assert (command.qos, command.retain) == (0, False)
    body = Payload.FromString(command.payload)
    assert is_now(body.timestamp)
    assert not body.HasField("seq")
    (metric,) = body.metrics
    assert (metric.name, metric.datatype, metric.boolean_value, metric.HasField("alias")) == (
        "Node Control/Rebirth",
        11,
        True,
        False,
    )


def test_a_lost_message_of_a_live_node_leads_to_one_rebirth(
    plant: Plant, collect: Start, broker: RecordingBroker
) -> None:
    """operational-behavior-host-reordering-{param,start,rebirth}: by the source's own window, in a running host."""
    plant.apply(document(broker, reorder_timeout_s=0.2))
    collect()

    def asked() -> int:
        return len([p for p in broker.sent(PUBLISH) if p.topic == "spBv1.0/G/NCMD/E"])

    assert eventually(asked)
    now = int(time.time() * 1000)
    broker.say("spBv1.0/G/NBIRTH/E", payload(0, bd_seq(0), at_ms=now))
    broker.say("spBv1.0/G/DBIRTH/E/D", payload(1, {"name": "good", "alias": 1, "value": 0}, at_ms=now))
    broker.say("spBv1.0/G/DDATA/E/D", payload(3, {"alias": 1, "value": 2}, at_ms=now + 1))
    assert eventually(lambda: asked() == 2)
    assert eventually(lambda: plant.values("M1/good_total") == [0, 2])
