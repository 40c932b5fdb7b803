"""Publish responses: the fast way and asyncua's own read the same out of the same bytes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary
from hypothesis import given
from hypothesis import strategies as st

from collectors.opcua import decode
from collectors.opcua.items import OVERFLOW, Translator, item_of
from collectors.source import GapNote, Numbered
from mes.domain.plant import Tag

AT = datetime(2026, 1, 5, 8, tzinfo=UTC)
US = 1_767_600_000_000_000
SCALARS = st.one_of(
    st.booleans().map(lambda v: ua.Variant(v, ua.VariantType.Boolean)),
    st.integers(-128, 127).map(lambda v: ua.Variant(v, ua.VariantType.SByte)),
    st.integers(0, 255).map(lambda v: ua.Variant(v, ua.VariantType.Byte)),
    st.integers(-(2**15), 2**15 - 1).map(lambda v: ua.Variant(v, ua.VariantType.Int16)),
    st.integers(0, 2**16 - 1).map(lambda v: ua.Variant(v, ua.VariantType.UInt16)),
    st.integers(-(2**31), 2**31 - 1).map(lambda v: ua.Variant(v, ua.VariantType.Int32)),
    st.integers(0, 2**32 - 1).map(lambda v: ua.Variant(v, ua.VariantType.UInt32)),
    st.integers(-(2**63), 2**63 - 1).map(lambda v: ua.Variant(v, ua.VariantType.Int64)),
    st.integers(0, 2**64 - 1).map(lambda v: ua.Variant(v, ua.VariantType.UInt64)),
    st.floats(width=32, allow_nan=False).map(lambda v: ua.Variant(v, ua.VariantType.Float)),
    st.floats(allow_nan=False).map(lambda v: ua.Variant(v, ua.VariantType.Double)),
    st.text().map(lambda v: ua.Variant(v, ua.VariantType.String)),
    st.text().map(lambda v: ua.Variant(ua.LocalizedText(v, "en"), ua.VariantType.LocalizedText)),
    st.datetimes(datetime(1990, 1, 2), datetime(2100, 1, 1)).map(  # noqa: DTZ001  as asyncua has them
        lambda v: ua.Variant(v, ua.VariantType.DateTime)
    ),
    st.just(ua.Variant(None, ua.VariantType.Null)),
)
STATUSES = st.sampled_from([0, 0x40000000, 0x80340000, OVERFLOW])
VALUES = st.builds(
    lambda variant, status, source, server: ua.DataValue(
        variant,
        ua.StatusCode(status),
        SourceTimestamp=AT + timedelta(microseconds=source) if source else None,
        ServerTimestamp=AT + timedelta(microseconds=server) if server else None,
    ),
    SCALARS,
    STATUSES,
    st.integers(0, 10**9),
    st.integers(0, 10**9),
)


def response(*values: ua.DataValue, sequence: int = 7, notifications: list[Any] | None = None) -> bytes:
    """A PublishResponse as a server sends it."""
    answer = ua.PublishResponse()
    answer.ResponseHeader.Timestamp = AT
    answer.Parameters.SubscriptionId = 5
    answer.Parameters.AvailableSequenceNumbers = [6, 7]
    message = answer.Parameters.NotificationMessage
    message.SequenceNumber, message.PublishTime = sequence, AT
    items = [ua.MonitoredItemNotification(handle, value) for handle, value in enumerate(values, 1)]
    message.NotificationData = notifications or ([ua.DataChangeNotification(items, [])] if items else [])
    return bytes(struct_to_binary(answer))


@given(st.lists(VALUES, min_size=1, max_size=5))
def test_both_ways_read_the_same(values: list[ua.DataValue]) -> None:
    """Every built-in scalar, any status, with and without times."""
    data = response(*values)
    assert decode._fast(data) == decode._general(data)


def test_what_the_fast_way_does_not_read_the_general_one_does() -> None:
    """A list among scalars: the whole response is read all the same."""
    scalar, several = ua.DataValue(ua.Variant(1.5)), ua.DataValue(ua.Variant([1, 2], ua.VariantType.Int64))
    data = response(scalar, several)
    with pytest.raises(decode._GeneralError):
        decode._fast(data)
    assert [change[:2] for change in decode.decode(data).changes] == [(1, 1.5), (2, [1, 2])]


def test_a_keep_alive_has_the_number_of_the_next_message() -> None:
    """No data: a sign of life."""
    notice = decode.decode(response(sequence=9))
    assert (notice.is_keep_alive, notice.sequence, notice.changes) == (True, 9, [])
    assert (notice.subscription, notice.available) == (5, (6, 7))


def test_the_end_of_a_subscription_is_read() -> None:
    """A status change says that the server has dropped it."""
    ended = ua.StatusChangeNotification()
    ended.Status = ua.StatusCode(ua.StatusCodes.BadTimeout)
    assert decode.decode(response(notifications=[ended])).status == ua.StatusCodes.BadTimeout


def test_a_fault_is_raised() -> None:
    """A server that refuses a publish request sends a fault in its place."""
    fault = ua.ServiceFault()
    fault.ResponseHeader.ServiceResult = ua.StatusCode(ua.StatusCodes.BadNoSubscription)
    with pytest.raises(ua.UaStatusCodeError) as raised:
        decode.decode(bytes(struct_to_binary(fault)))
    assert raised.value.code == ua.StatusCodes.BadNoSubscription


@pytest.mark.parametrize("length", [0, 3, 27, 40, 60, -13])
def test_a_response_cut_short_is_an_error_not_a_value(length: int) -> None:
    """Broken bytes never become samples."""
    data = response(ua.DataValue(ua.Variant("RUNNING"), SourceTimestamp=AT))[:length]
    with pytest.raises(Exception):  # noqa: B017, PT011  asyncua raises what it stumbles over
        decode.decode(data)


def test_an_overflow_is_a_gap_from_the_value_before() -> None:
    """The server says that its queue ran over: the tag has a gap since its last value, and the value is kept."""
    tag = Tag(machine="M1", signal="good_total", source="s", node="ns=2;s=Good")
    items = {1: item_of(1, Numbered(11, tag))}
    translator, start = Translator("device"), decode.FILETIME_1970 + US * 10
    translator.take([(1, 5, 0, start, 0)], items)
    taken = translator.take([(1, 9, OVERFLOW, start + 30_000_000, 0)], items)
    assert [(h.value, h.quality) for h in taken.heard] == [(9, 0)]
    assert taken.gaps == [GapNote(US, US + 3_000_000, "overflow", "the server's queue ran over", 11)]


def test_times_no_clock_shows_are_none() -> None:
    """Absent, 1601 and 9999 are no instants of a plant."""
    assert [decode.micros_of(t) for t in (0, 1, 2_650_467_743_990_000_000)] == [None, None, None]
    assert decode.micros_of(decode.FILETIME_1970 + US * 10) == US
