"""Single fields of a (nested) frozen dataclass as text: `section.field=value`.

Entries of a list have commas between them, the parts of an entry colons: `critic.periods=2,3,5`,
`critic.views=2048:512:128:128,512:128:64:256`, `control.weights=warmth:2,depth:0.5`; an empty list is nothing:
`control.weights=`.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from creativeml.config import ConfigError

T = TypeVar("T")


def changed(config: T, assignments: Sequence[str], *, fixed: Mapping[str, str] | None = None) -> T:
    """A configuration with some fields changed.

    Args:
        config: a (nested) dataclass.
        assignments: `path=value` each, e.g. `adversarial.penalty=lp`, `critic.periods=2,3,5`, `control.weights=` for
            none, `critic.views=2048:512:128:128,512:128:64:256`. All are made together.
        fixed: paths that may not be changed -> what to do instead.

    Raises:
        ConfigError: no such field (the nearest one is named), a field given twice, a value that does not fit (what
            fits is named), or values that do not go together.
    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        path = path.strip()
        for prefix, remedy in (fixed or {}).items():
            if path == prefix:
                raise ConfigError(f"{path} cannot be set: {remedy}")
        owner, name = _owner(config, path)
        if not equals:
            raise ConfigError(f"'{assignment}' has no value; now it is {path}={as_text(getattr(owner, name))}")
        if path in values:
            raise ConfigError(f"{path} is given twice; give it once")
        values[path] = _read(typing.get_type_hints(type(owner))[name], text.strip(), path)
    return _replaced(config, "", values)


def differences(before: Any, after: Any) -> Iterator[tuple[str, str, str]]:
    """Path, old and new value, as text, of every field in which two configurations of one class differ."""
    others = dict(_leaves(after))
    for path, value in _leaves(before):
        if path in others and others[path] != value:
            yield path, as_text(value), as_text(others[path])


def as_text(value: Any) -> str:
    """A field's value in the form that `changed` reads."""
    if isinstance(value, tuple):
        return ",".join(map(_entry_as_text, value))
    return _scalar_as_text(value)


def _entry_as_text(value: Any) -> str:
    if dataclasses.is_dataclass(value):
        value = tuple(getattr(value, f.name) for f in dataclasses.fields(value))
    return ":".join(map(_scalar_as_text, value)) if isinstance(value, tuple) else _scalar_as_text(value)


def _scalar_as_text(value: Any) -> str:
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _leaves(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Path and value of every field that holds no further fields."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from _leaves(value, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, value


def _owner(config: Any, path: str) -> tuple[Any, str]:
    """The dataclass that holds the field at a path, and the field's name there."""
    owner, (*sections, name) = config, *[path.split(".")]
    for section in [*sections, name]:
        names = [f.name for f in dataclasses.fields(owner)] if dataclasses.is_dataclass(owner) else []
        if section not in names:
            raise ConfigError(f"there is no field '{path}'; {_hint(config, path)}")
        if section is not name:
            owner = getattr(owner, section)
    value = getattr(owner, name)
    if dataclasses.is_dataclass(value):
        parts = ", ".join(f"{path}.{f.name}" for f in dataclasses.fields(value))
        raise ConfigError(f"{path} is a group of fields; set one of {parts}")
    return owner, name


def _hint(config: Any, path: str) -> str:
    known = [leaf for leaf, _ in _leaves(config)]
    same_name = [leaf for leaf in known if leaf.rpartition(".")[2] == path.rpartition(".")[2]]
    near = same_name or difflib.get_close_matches(path, known, n=1)
    if near:
        return "did you mean " + " or ".join(f"'{leaf}'" for leaf in near) + "?"
    section = path.partition(".")[0]
    own = [leaf for leaf in known if leaf.startswith(section + ".")]
    return f"known: {', '.join(own or dict.fromkeys(leaf.partition('.')[0] for leaf in known))}"


def _replaced(config: Any, prefix: str, values: Mapping[str, Any]) -> Any:
    arguments: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        path = prefix + field.name
        if path in values:
            arguments[field.name] = values[path]
        elif any(other.startswith(path + ".") for other in values):
            arguments[field.name] = _replaced(getattr(config, field.name), path + ".", values)
    try:
        return dataclasses.replace(config, **arguments)
    except ValueError as error:
        told = ", ".join(f"{path}={as_text(value)}" for path, value in values.items() if path.startswith(prefix))
        raise ConfigError(f"{told}: {error}") from error


def _read(kind: Any, text: str, where: str) -> Any:
    """The value of a type that a text stands for."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        if arguments[1:] != (Ellipsis,):
            return _read_parts(kind, text, where)
        return tuple(_read_parts(arguments[0], part.strip(), where) for part in text.split(",")) if text else ()
    if origin in (typing.Union, types.UnionType):
        if type(None) in arguments and text == "none":
            return None
        return _read(next(a for a in arguments if a is not type(None)), text, where)
    if origin is typing.Literal:
        _demand(text in arguments, text, " or ".join(arguments), where)
    if kind is bool:
        _demand(text in ("true", "false"), text, "true or false", where)
        return text == "true"
    if kind in (int, float):
        wanted = "a whole number" if kind is int else "a number"
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        _demand(math.isfinite(value), text, wanted, where)
        return value
    return text


def _read_parts(kind: Any, text: str, where: str) -> Any:
    """An entry of a list: a plain value, or several with colons between."""
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        names, hints = [f.name for f in dataclasses.fields(kind)], typing.get_type_hints(kind)
        needed = sum(f.default is dataclasses.MISSING for f in dataclasses.fields(kind))
        parts = text.split(":")
        shape = ":".join(names[:needed]) + "".join(f"[:{name}]" for name in names[needed:])
        _demand(needed <= len(parts) <= len(names), text, shape, where)
        own = {n: _read(hints[n], part, f"{n} of {where}") for n, part in zip(names, parts, strict=False)}
        try:
            return kind(**own)
        except ValueError as error:
            raise ConfigError(f"{where}: {error}") from error
    if typing.get_origin(kind) is tuple:
        kinds, parts = typing.get_args(kind), text.split(":")
        _demand(len(parts) == len(kinds), text, f"{len(kinds)} values with a colon between, in every entry", where)
        return tuple(_read(k, part, where) for k, part in zip(kinds, parts, strict=True))
    return _read(kind, text, where)


def _demand(fits: bool, text: str, wanted: str, where: str) -> None:
    if not fits:
        raise ConfigError(f"{where} must be {wanted}, not '{text}'")
