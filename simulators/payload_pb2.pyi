"""Types of the generated `payload_pb2`."""

from typing import Any, Self

class Payload:
    class Metric:
        name: str
        alias: int
        timestamp: int
        datatype: int
        is_historical: bool
        is_transient: bool
        is_null: bool
        int_value: int
        long_value: int
        float_value: float
        double_value: float
        boolean_value: bool
        string_value: str
        bytes_value: bytes
        def HasField(self, name: str) -> bool: ...

    timestamp: int
    seq: int
    metrics: Any
    def __init__(self, *, timestamp: int = ..., seq: int = ...) -> None: ...
    @classmethod
    def FromString(cls, data: bytes) -> Self: ...
    def SerializeToString(self) -> bytes: ...
    def HasField(self, name: str) -> bool: ...
