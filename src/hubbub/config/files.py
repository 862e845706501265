"""Settings files as values with their places: TOML and YAML, read without making objects and without expanding aliases.

YAML scalars stay text (`no` is the community "no", not False); the type of each setting decides what its text means.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from hubbub.errors import ConfigError

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 20

Key = tuple[str, ...]


class Value(msgspec.Struct, frozen=True):
    """One setting as somebody gave it, and where: "hubbub.toml:3", "HUBBUB_HOME", "--home"."""

    value: Any
    origin: str


def read(path: Path) -> dict[Key, Value]:
    """Every setting of a file by its key ("reddit", "client_id"); empty sections do not appear.

    Raises ConfigError naming file and line."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_BYTES} bytes, this is no settings file")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    if path.suffix.lower() in {".yaml", ".yml"}:
        return _read_yaml(path, text)
    return _read_toml(path, text)


def _read_toml(path: Path, text: str) -> dict[Key, Value]:
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        where = f":{found[1]}:{found[2]}" if found else ""
        message = re.sub(r" \(at .*\)$", "", str(error))
        raise ConfigError(f"{path}{where}: not valid TOML: {message}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: nested too deeply") from error
    lines = _toml_lines(text)
    found_values: dict[Key, Value] = {}
    _flatten(tree, (), found_values, path=path, lines=lines)
    return found_values


def _flatten(tree: Mapping[str, Any], above: Key, into: dict[Key, Value], *, path: Path, lines: dict[Key, int]) -> None:
    for name, value in tree.items():
        key = (*above, name)
        if isinstance(value, dict):
            if len(key) > MAX_DEPTH:
                raise ConfigError(f"{path}: nested too deeply at {'.'.join(key[:3])}…")
            _flatten(value, key, into, path=path, lines=lines)
        else:
            line = lines.get(key)
            into[key] = Value(value, f"{path}:{line}" if line else str(path))


_TABLE = re.compile(r"^\s*\[\s*([A-Za-z0-9_.\-\" ]+?)\s*\]")
_PAIR = re.compile(r"^\s*([A-Za-z0-9_.\-\" ]+?)\s*=")


def _toml_lines(text: str) -> dict[Key, int]:
    """Line of each key, as far as a scan of headers and pairs tells (tomllib keeps no places)."""
    lines: dict[Key, int] = {}
    table: Key = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.match(line):
            table = _dotted(header[1])
        elif pair := _PAIR.match(line):
            lines.setdefault((*table, *_dotted(pair[1])), number)
    return lines


def _dotted(text: str) -> Key:
    return tuple(part.strip().strip('"') for part in text.split("."))


def _read_yaml(path: Path, text: str) -> dict[Key, Value]:
    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            _refuse(event, depth, path)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise ConfigError(f"{path}{where}: not valid YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {str(error).splitlines()[0]}") from error
    found: dict[Key, Value] = {}
    if root is None:
        return found
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{path}:1: settings are `key: value` pairs, this file holds something else")
    _walk_yaml(root, (), found, path=path)
    return found


def _refuse(event: yaml.Event, depth: int, path: Path) -> None:
    """Raise for what a settings file has no use for, before anything is built: aliases, tags, deep nesting."""
    mark = event.start_mark
    where = str(path) if mark is None else f"{path}:{mark.line + 1}:{mark.column + 1}"
    if depth > MAX_DEPTH:
        raise ConfigError(f"{where}: nested too deeply")
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise ConfigError(f"{where}: anchors and aliases (& and *) are not read in settings; write the value out")
    tag = getattr(event, "tag", None)
    if tag is not None and not tag.startswith("tag:yaml.org,2002:str"):
        raise ConfigError(f"{where}: tags (!…) are not read in settings; write a plain value")


def _walk_yaml(node: yaml.MappingNode, above: Key, into: dict[Key, Value], *, path: Path) -> None:
    seen: dict[str, int] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise ConfigError(f"{path}:{line}: a key must be a word")
        name = str(key_node.value)
        if name in seen:
            raise ConfigError(f"{path}:{line}: {name!r} is set twice, first in line {seen[name]}")
        seen[name] = line
        key = (*above, name)
        if isinstance(value_node, yaml.MappingNode):
            _walk_yaml(value_node, key, into, path=path)
        else:
            into[key] = Value(_yaml_value(value_node), f"{path}:{line}")


def _yaml_value(node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return [_yaml_value(item) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _yaml_value(value) for key, value in node.value}
    if node.tag == "tag:yaml.org,2002:null":
        return None
    return str(node.value)
