"""JSON to frozen dataclasses and back: the dataclass is the schema.

Reading finds every fault of a file, each with its JSON pointer: a wrong or missing value is noted and answered with a
harmless stand-in, so that reading goes on; the caller raises once, at the end. Unknown fields are refused, a field
without default is required, decimals stay exact, instants carry their offset.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from mes.errors import Fault, InputError

T = TypeVar("T")
Number = int | float
NUMBER = {"number": True}  # metadata of a Decimal written as a JSON number; {"json": name} gives another name
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read(kind: type[T], data: bytes) -> T:
    """The `kind` in a JSON file; raises InputError naming every fault by its JSON pointer."""
    faults: list[Fault] = []
    try:
        found: T = build(kind, load(data), "", faults)
    except InputError as error:
        fresh = tuple(f for f in error.faults if not any(_same_place(f.pointer, e.pointer) for e in faults))
        raise InputError(error.detail, faults=tuple(faults) + fresh) from None
    if faults:
        raise InputError("The file is not valid", faults=tuple(faults))
    return found


def _same_place(pointer: str, faulty: str) -> bool:
    """Would a fault at `pointer` merely follow from the stand-in put at `faulty`?"""
    return pointer == faulty or pointer.startswith(f"{faulty}/") or faulty.startswith(f"{pointer}/")


def load(data: bytes) -> Any:
    """The JSON value in `data`, numbers with a point as Decimal; raises InputError for what is no JSON."""
    try:
        return json.loads(data.decode("utf-8"), parse_float=Decimal, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise _unreadable("not_utf8", f"not UTF-8 text at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise _unreadable("not_json", f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise _unreadable("not_json", f"not JSON: {error}") from error


def _unreadable(code: str, detail: str) -> InputError:
    return InputError("The file is not valid", faults=(Fault("", code, detail),))


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not a number")


# ---- reading


def build(kind: Any, value: Any, pointer: str, faults: list[Fault]) -> Any:
    """`value` as a `kind`; what does not fit goes to `faults` and is answered with a stand-in."""
    if kind in _LEAVES:
        return _leaf(kind, value, pointer, faults)
    if dataclasses.is_dataclass(kind):
        return _object(kind, value, pointer, faults)
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        inner = next(part for part in parts if part is not types.NoneType)
        return None if value is None else build(inner, value, pointer, faults)
    if origin is dict:
        return _mapping(parts[1], value, pointer, faults)
    return _sequence(parts, value, pointer, faults)


def _leaf(kind: Any, value: Any, pointer: str, faults: list[Fault]) -> Any:
    convert, expected, stand_in = _LEAVES[kind]
    try:
        return convert(value)
    except (ValueError, TypeError, ArithmeticError):
        faults.append(Fault(pointer, "wrong_type", f"must be {expected}, not {shown(value)}"))
        return stand_in


def _object(kind: Any, value: Any, pointer: str, faults: list[Fault]) -> Any:
    short = getattr(kind, "WRITTEN_AS", None)
    if short and isinstance(value, str):
        value = {short: value}
    schema = _schema(kind)
    if not isinstance(value, dict):
        faults.append(Fault(pointer, "wrong_type", f"must be an object with {', '.join(schema)}, not {shown(value)}"))
        return kind(**{f.name: _stand_in(part, f) for f, part in schema.values()})
    for name in value:
        if name not in schema:
            detail = f"unknown field; known are {', '.join(schema)}"
            faults.append(Fault(f"{pointer}/{escape(name)}", "unknown_field", detail))
    at = {name: f"{pointer}/{escape(name)}" for name in schema}
    return kind(**{f.name: _field(f, part, value.get(name), at[name], faults) for name, (f, part) in schema.items()})


def _field(field: dataclasses.Field[Any], kind: Any, value: Any, pointer: str, faults: list[Fault]) -> Any:
    if value is not None:
        return build(kind, value, pointer, faults)
    if _optional(field):
        return _default(field)
    if types.NoneType in typing.get_args(kind):
        return None
    faults.append(Fault(pointer, "missing", "is required"))
    return _stand_in(kind, field)


def _mapping(kind: Any, value: Any, pointer: str, faults: list[Fault]) -> dict[str, Any]:
    if not isinstance(value, dict):
        faults.append(Fault(pointer, "wrong_type", f"must be an object, not {shown(value)}"))
        return {}
    return {name: build(kind, element, f"{pointer}/{escape(name)}", faults) for name, element in value.items()}


def _sequence(parts: tuple[Any, ...], value: Any, pointer: str, faults: list[Fault]) -> tuple[Any, ...]:
    any_length = parts[-1] is Ellipsis
    if not isinstance(value, list) or (not any_length and len(value) != len(parts)):
        shape = "a list" if any_length else f"a list of {len(parts)}"
        faults.append(Fault(pointer, "wrong_type", f"must be {shape}, not {shown(value)}"))
        return () if any_length else tuple(_LEAVES[part][2] for part in parts)
    kinds = [parts[0]] * len(value) if any_length else parts
    return tuple(
        build(kind, element, f"{pointer}/{i}", faults)
        for i, (kind, element) in enumerate(zip(kinds, value, strict=True))
    )


@functools.cache
def _schema(kind: Any) -> dict[str, tuple[dataclasses.Field[Any], Any]]:
    """JSON name -> (field, its type) of a dataclass."""
    hints = typing.get_type_hints(kind)
    return {f.metadata.get("json") or f.name: (f, hints[f.name]) for f in dataclasses.fields(kind)}


def _optional(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _stand_in(kind: Any, field: dataclasses.Field[Any]) -> Any:
    if _optional(field):
        return _default(field)
    return _LEAVES[kind][2] if kind in _LEAVES else build(kind, None, "", [])


def escape(name: str) -> str:
    """A name as one step of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def shown(value: Any) -> str:
    """A value as it may stand in a sentence."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value != int(value):
        raise ValueError
    return int(value)


def _number(value: Any) -> Number:
    number = _exact(value) if not isinstance(value, str) else Decimal("NaN")
    return int(number) if number == int(number) else float(number)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _exact(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise TypeError
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError
    return number


def _instant(value: Any) -> datetime:
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError
    return at.astimezone(UTC)


_LEAVES: dict[Any, tuple[Callable[[Any], Any], str, Any]] = {
    str: (_text, "a text", "?"),
    int: (_whole, "a whole number", 1),
    float: (_number, "a number", 1),
    Number: (_number, "a number", 1),
    Decimal: (_exact, "a decimal number", Decimal(1)),
    bool: (_flag, "true or false", False),
    datetime: (_instant, "an instant like 2026-01-05T08:00:00Z", EPOCH),
    date: (date.fromisoformat, "a day like 2026-01-05", EPOCH.date()),
}


# ---- writing


def dump(value: Any) -> bytes:
    """A dataclass as a UTF-8 JSON file, one row a line."""
    rows = [f" {json.dumps(key)}: {_block(element)}" for key, element in plain(value).items()]
    return ("{\n" + ",\n".join(rows) + "\n}\n").encode()


def _block(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n  " + ",\n  ".join(json.dumps(element, ensure_ascii=False) for element in value) + "\n ]"
    return json.dumps(value, ensure_ascii=False)


def plain(value: Any) -> Any:  # noqa: PLR0911 - one return for each kind of value
    """A dataclass, instant, day, decimal or tuple as JSON values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.metadata.get("json") or f.name: _plain(f, getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, tuple | list):
        return [plain(element) for element in value]
    if isinstance(value, dict):
        return {key: plain(element) for key, element in value.items()}
    return value


def _plain(field: dataclasses.Field[Any], value: Any) -> Any:
    return _number(value) if field.metadata.get("number") and isinstance(value, Decimal) else plain(value)
