"""Frozen dataclasses to JSON and back, strictly: a key that the class does not know is an error."""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from creativeml.errors import CreativeMLError, quoted
from creativeml.files import atomic_write_json

T = TypeVar("T")
LARGEST_JSON = 16 << 20
"""Bytes; read, they take up to thirty times as much."""


class ConfigError(CreativeMLError):
    """A configuration with an unknown key, a missing key, or a value of the wrong type."""


def to_dict(config: Any) -> dict[str, Any]:
    """Plain JSON values of a (nested) dataclass."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def from_dict(cls: type[T], values: Mapping[str, Any], *, where: str = "config") -> T:
    """Build the dataclass `cls` from plain values.

    Args:
        cls: a dataclass type; nested dataclasses, tuples, mappings, unions and literals are understood.
        values: keys are field names.
        where: how errors name the place, e.g. the file read.

    Raises:
        ConfigError: unknown or missing key, or a value that does not fit its field's type.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: expected an object with the fields of {cls.__name__}, got {quoted(values)}")
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    for key in values:
        if key not in fields:
            near = difflib.get_close_matches(str(key)[:64], fields, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(fields)}"
            raise ConfigError(f"{where}: {cls.__name__} has no {quoted(key)}{hint}")
    hints = typing.get_type_hints(cls)
    arguments = {k: _convert(hints[k], v, f"{where}.{k}") for k, v in values.items()}
    try:
        return cls(**arguments)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ConfigError(f"{where}: {str(error)[:200]}") from error


def _convert(kind: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return from_dict(kind, value, where=where)
    if origin in (typing.Union, types.UnionType):
        return _convert_union(arguments, value, where)
    if origin is typing.Literal:
        return _check(value in arguments, value, f"one of {', '.join(map(str, arguments))}", where)
    if origin is tuple:
        _check(isinstance(value, (list, tuple)), value, "a list", where)
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_convert(arguments[0], v, f"{where}[{i}]") for i, v in enumerate(value))
        _check(len(value) == len(arguments), value, f"a list of {len(arguments)}", where)
        return tuple(_convert(a, v, f"{where}[{i}]") for i, (a, v) in enumerate(zip(arguments, value, strict=True)))
    if origin is list:
        _check(isinstance(value, list), value, "a list", where)
        return [_convert(arguments[0], v, f"{where}[{i}]") for i, v in enumerate(value)]
    if origin is Mapping:
        _check(isinstance(value, Mapping), value, "an object", where)
        return {
            _convert(arguments[0], k, where): _convert(arguments[1], v, f"{where}.{str(k)[:60]}")
            for k, v in value.items()
        }
    if kind is float:
        _check(isinstance(value, (int, float)) and not isinstance(value, bool), value, "a number", where)
        try:
            return float(value)
        except OverflowError as error:
            raise ConfigError(f"{where}: expected a number that a float can hold") from error
    if kind is int:
        return _check(isinstance(value, int) and not isinstance(value, bool), value, "a whole number", where)
    if isinstance(kind, type):
        return _check(isinstance(value, kind), value, f"a {kind.__name__}", where)
    return value


def _convert_union(options: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in options:
        return None
    error: ConfigError | None = None
    for option in options:
        if option is type(None):
            continue
        try:
            return _convert(option, value, where)
        except ConfigError as caught:
            error = caught
    raise error or ConfigError(f"{where}: {quoted(value)} does not fit")


def _check(fits: bool, value: Any, wanted: str, where: str) -> Any:
    if not fits:
        raise ConfigError(f"{where}: expected {wanted}, got {quoted(value)}")
    return value


def check_range(name: str, value: float, least: float, most: float = math.inf) -> None:
    """Refuse a field's value outside a range, for `__post_init__` of a configuration.

    Raises:
        ValueError: with the name, the range and the value.
    """
    if not least <= value <= most:
        wanted = f"at least {least}" if most == math.inf else f"from {least} to {most}"
        raise ValueError(f"{name} must be {wanted}, not {value}")


def check_probability(name: str, value: float) -> None:
    """Refuse a field's value outside [0, 1): a dropout, say, of all.

    Raises:
        ValueError: with the name and the value.
    """
    if not 0.0 <= value < 1.0:
        raise ValueError(f"{name} must be at least 0 and less than 1, not {value}")


def save_json(config: Any, path: str | Path) -> None:
    """Write a dataclass as indented JSON, atomically."""
    atomic_write_json(path, to_dict(config))


def load_json(cls: type[T], path: str | Path) -> T:
    """Read a dataclass written by `save_json`.

    Raises:
        ConfigError: the file is missing, is not JSON, or does not fit `cls`.
    """
    return from_dict(cls, read_json(path), where=str(path))


def read_json(path: str | Path) -> Any:
    """Content of a JSON file, with an error that names the file."""
    try:
        if Path(path).stat().st_size > LARGEST_JSON:
            raise ConfigError(
                f"{path}: larger than {LARGEST_JSON >> 20} MiB, which none of our files is; it is refused"
            )
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file") from error
    # Brackets in brackets end in a RecursionError, numbers of thousands of digits in a ValueError.
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not readable as JSON ({str(error)[:120]})") from error
