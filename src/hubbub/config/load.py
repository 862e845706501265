"""Lays flags over environment over profile over files over defaults, and remembers where each value came from."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from dotenv import dotenv_values
from pydantic import SecretStr, ValidationError

from hubbub.config.files import Key, Value, read
from hubbub.config.schema import SECTIONS, Settings
from hubbub.errors import ConfigError

PREFIX = "HUBBUB_"
PROJECT_FILES = ("hubbub.toml", "hubbub.yaml", "hubbub.yml")
USER_FILES = ("config.toml", "config.yaml", "config.yml")
PROFILES = ("development", "staging", "production", "testing")
"""Names that may be chosen without a section of their own in a file."""


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one invocation and where each value that is no default came from."""

    settings: Settings
    origins: Mapping[str, str]
    """"reddit.client_id" -> "HUBBUB_REDDIT__CLIENT_ID"."""
    profile: str | None

    def source_values(self, name: str) -> tuple[dict[str, str], str | None]:
        """A source's own settings as text, secrets unmasked, and its `base_url` apart."""
        section = getattr(self.settings, name, None)
        pairs = dict(section) if section is not None else {}
        values = {key: _plain(value) for key, value in pairs.items() if value is not None}
        base_url = values.pop("base_url", None)
        return values, base_url

    def secrets(self) -> list[str]:
        """The values that nobody may see."""
        values = [value for name in SECTIONS for value in dict(getattr(self.settings, name)).values()]
        return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where to look: all of it handed in, so that a test needs no real environment."""

    environ: Mapping[str, str]
    folder: Path
    """The working folder: holds `.env` and `hubbub.toml`."""
    user_folder: Path | None = None
    """The user's configuration folder: holds `config.toml`."""
    file: Path | None = None
    """`--config`: then no other file is read."""
    profile: str | None = None
    flags: Mapping[str, str] = {}
    """What was typed: "store.url" -> value."""
    sources: tuple[str, ...] = ()
    """Names of installed sources; each may have a section."""


def load(places: Places) -> Loaded:
    """All settings; raises ConfigError that names file and line (or variable, or flag) and the nearest known key."""
    dotenv = _dotenv(places.folder / ".env")
    environment = {**_from_environment(dotenv, note=" (.env)"), **_from_environment(places.environ, note="")}
    profile = places.profile or places.environ.get("HUBBUB_PROFILE") or dotenv.get("HUBBUB_PROFILE")
    files: dict[Key, Value] = {}
    for path in _files(places):
        files.update(read(path))
    flags = {tuple(name.split(".")): Value(value, f"--{name.split('.')[0]}") for name, value in places.flags.items()}
    merged = {**_outside_profiles(files), **_of_profile(files, profile), **environment, **flags}
    known = {name: tuple(section.model_fields) for name, section in SECTIONS.items()}
    profiles = [(key[2:], value) for key, value in files.items() if key[0] == "profiles" and len(key) > 2]
    for key, value in (*merged.items(), *profiles):
        _check_known(key, value, known=known, sources=places.sources)
    return Loaded(
        settings=_validate(merged),
        origins={".".join(key): value.origin for key, value in merged.items()},
        profile=profile,
    )


def _files(places: Places) -> Iterable[Path]:
    """The files to read, the weaker first."""
    chosen = places.file or (Path(named) if (named := places.environ.get("HUBBUB_CONFIG")) else None)
    if chosen is not None:
        return [chosen]
    found = []
    for folder, names in ((places.user_folder, USER_FILES), (places.folder, PROJECT_FILES)):
        found += [folder / name for name in names if folder is not None and (folder / name).is_file()][:1]
    return found


def _dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        pairs = dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    return {name: value for name, value in pairs.items() if value is not None}


def _from_environment(environ: Mapping[str, str], *, note: str) -> dict[Key, Value]:
    """HUBBUB_HOME, HUBBUB_STORE and HUBBUB_SECTION__KEY; `…__KEY_FILE` names a file that holds the value."""
    found: dict[Key, Value] = {}
    for name in sorted(environ):
        value = environ[name]
        if name == "HUBBUB_HOME":
            found[("home",)] = Value(value, name + note)
        elif name == "HUBBUB_STORE":
            found[("store", "url")] = Value(value, name + note)
        elif name.startswith(PREFIX) and "__" in name:
            key = tuple(name[len(PREFIX) :].lower().split("__"))
            section = SECTIONS.get(key[0])
            base = key[-1].removesuffix("_file")
            if section and base != key[-1] and base in section.model_fields and key[-1] not in section.model_fields:
                key, value = (*key[:-1], base), _secret_file(name, value)
            found[key] = Value(value, name + note)
    return found


def _secret_file(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}: the file it names cannot be read: {error}") from error


def _outside_profiles(files: Mapping[Key, Value]) -> dict[Key, Value]:
    return {key: value for key, value in files.items() if key[0] != "profiles"}


def _of_profile(files: Mapping[Key, Value], profile: str | None) -> dict[Key, Value]:
    named = sorted({key[1] for key in files if key[0] == "profiles" and len(key) > 1})
    if profile is None:
        return {}
    if profile not in named and profile not in PROFILES:
        known = [*named, *PROFILES]
        raise ConfigError(f"there is no profile {profile!r}{_nearest(profile, known)}; known: {', '.join(known)}")
    return {key[2:]: value for key, value in files.items() if key[:2] == ("profiles", profile) and len(key) > 2}


def _check_known(key: Key, value: Value, *, known: Mapping[str, tuple[str, ...]], sources: tuple[str, ...]) -> None:
    top = key[0]
    if top == "home" and len(key) == 1:
        return
    if top not in known:
        if top in sources:
            return
        names = [*known, "home", "profiles", *sources]
        raise ConfigError(f"{value.origin}: unknown setting {top!r}{_nearest(top, names)}")
    if len(key) == 1 and value.value is not None:
        raise ConfigError(f"{value.origin}: {top!r} is a section with keys of its own: {', '.join(known[top])}")
    if len(key) > 1 and (key[1] not in known[top] or len(key) > 2):
        raise ConfigError(
            f"{value.origin}: unknown setting {'.'.join(key)!r}{_nearest(key[1], known[top], within=top)}"
        )


def _nearest(word: str, names: Iterable[str], *, within: str = "") -> str:
    close = difflib.get_close_matches(word, list(names), n=1, cutoff=0.5)
    prefix = f"{within}." if within else ""
    return f", did you mean {prefix + close[0]!r}?" if close else ""


def _validate(merged: Mapping[Key, Value]) -> Settings:
    tree: dict[str, Any] = {}
    for key, value in merged.items():
        if value.value is None:
            continue
        branch = tree
        for name in key[:-1]:
            branch = branch.setdefault(name, {})
        branch[key[-1]] = value.value
    try:
        return Settings(**tree)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        loc = tuple(str(part) for part in first["loc"])
        origin = next((value.origin for key, value in merged.items() if key == loc[: len(key)]), "settings")
        raise ConfigError(f"{origin}: {'.'.join(loc)}: {first['msg'].lower()}") from None


def _plain(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value)
