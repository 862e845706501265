"""What every command works with: the settings in force, the home and the store."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import msgspec
import rich_click as click

from hubbub.cli.typed import Typed, typed
from hubbub.config.load import Loaded, Places, load
from hubbub.errors import ConfigError, StorageError
from hubbub.http.access import BudgetOptions, KeptOptions
from hubbub.observe import logs
from hubbub.observe.masking import Mask, password_in
from hubbub.plugins import registry
from hubbub.plugins.contracts import SourceSettings
from hubbub.store.backend import StoreOptions
from hubbub.store.engine import Store, backend_of, is_postgres, open_store
from hubbub.store.versions import version_of

STORE_NAME = "hubbub.db"
_ADDRESS = re.compile(r"https?://[^/\s?#@]+(/[^\s?#]*)?\Z")


class Session:
    """One invocation: what was typed, laid over the environment and the settings files."""

    def __init__(self, ctx: click.Context) -> None:
        self.typed: Typed = typed(ctx)

    @cached_property
    def loaded(self) -> Loaded:
        """The settings in force, their secrets masked from now on; raises ConfigError."""
        flags = {"home": self.typed.home, "store.url": self.typed.store}
        config = Path(self.typed.config) if self.typed.config else None
        found = load(
            Places(
                environ=os.environ,
                folder=Path.cwd(),
                user_folder=Path(click.get_app_dir("hubbub")),
                file=config,
                profile=self.typed.profile,
                flags={name: value for name, value in flags.items() if value},
                sources=tuple(registry.names("sources")),
            )
        )
        addresses = (found.settings.store.url, found.settings.store.read_url, self.typed.store, self.typed.read_store)
        self.typed.mask = Mask([*found.secrets(), *(each for each in addresses if each and password_in(each))])
        return found

    @property
    def as_json(self) -> bool:
        """True when stdout takes one JSON document."""
        return self.typed.as_json

    @cached_property
    def home(self) -> Path:
        """The home as an absolute path; it may not exist yet."""
        return Path(self.loaded.settings.home).expanduser().absolute()

    @cached_property
    def store_url(self) -> str:
        """Where the store is; a plain path counts as SQLite."""
        url = self.loaded.settings.store.url
        if url is None:
            return f"sqlite:///{self.home / STORE_NAME}"
        return self.address(url)

    def address(self, url: str) -> str:
        """A store's address in full. Raises ConfigError for a kind of database that is not supported."""
        if is_postgres(url):
            return url
        if url.startswith("sqlite:///"):
            return f"sqlite:///{Path(url.removeprefix('sqlite:///')).expanduser().absolute()}"
        if "://" not in url:
            return f"sqlite:///{Path(url).expanduser().absolute()}"
        raise ConfigError(
            f"store.url: {url.partition('://')[0]!r} is no kind of database hubbub opens; use sqlite or postgresql"
        )

    @cached_property
    def store_options(self) -> StoreOptions:
        """How the store is opened."""
        given = self.loaded.settings.store
        return StoreOptions(
            busy_timeout_s=given.busy_timeout_s,
            schema=given.schema_name,
            read_url=self.typed.read_store or given.read_url,
            max_lag_s=given.max_lag_s,
            pool_size=given.pool_size,
            statement_timeout_s=given.statement_timeout_s,
            patience_s=given.patience_s,
            spill=self.home / "spill",
            prepared=not given.pgbouncer,
            partitions=given.partitions,
            slow_query_ms=given.slow_query_ms,
            slow_query_plan=given.slow_query_plan,
        )

    @property
    def store_file(self) -> Path | None:
        """The SQLite file of the store; None where it is in PostgreSQL."""
        return None if is_postgres(self.store_url) else Path(self.store_url.removeprefix("sqlite:///"))

    @property
    def store_place(self) -> str:
        """What to call the store: its file, or its address without the password."""
        return backend_of(self.store_url, options=self.store_options).where

    @property
    def has_store(self) -> bool:
        """True when something has been stored here before."""
        if self.store_file is not None:
            return self.store_file.is_file()
        return version_of(self.store_url, options=self.store_options) is not None

    @property
    def blobs(self) -> Path:
        """Folder of pictures and videos."""
        return self.home / "blobs"

    def open_store(self, *, create: bool = False, read_only: bool = False, primary: bool = False) -> Store:
        """The store; with `create` its home too, with `primary` read from no replica.

        Raises StorageError when there is none or the home cannot be made."""
        if create:
            for folder in (self.home, *([self.store_file.parent] if self.store_file else [])):
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise StorageError(
                        f"{folder} cannot be made: {error.strerror or error}",
                        advice="choose a folder you may write to with --home DIR",
                    ) from error
        elif not self.has_store:
            raise StorageError(
                f"there is no store at {self.store_place} yet",
                advice="`hubbub demo`, `hubbub sync` or `hubbub import` makes one; --home DIR looks elsewhere",
            )
        options = self.store_options
        if primary:
            options = msgspec.structs.replace(options, read_url=None)
        opened = open_store(self.store_url, create=create, read_only=read_only, options=options)
        if options.slow_query_ms is not None:
            self.configure_logs()
            opened.tell(logs.LogObserver())
        return opened

    def configure_logs(self) -> None:
        """Send logs to stderr as the settings say, with every secret masked."""
        settings = self.loaded.settings
        level = settings.log.level or "warning"
        if self.typed.quiet:
            level = "error"
        elif self.typed.verbose:
            level = "debug" if self.typed.verbose > 1 else "info"
        logs.configure(level=level, form=settings.log.format, mask=self.typed.mask)

    @property
    def kept_options(self) -> KeptOptions:
        """Where answers of platforms are kept, if anywhere."""
        given = self.loaded.settings.answers
        where = None if given.keep is None else given.keep.get_secret_value()
        if where == "file":
            where = str(self.home / "answers")
        return KeptOptions(where=where, ttl_s=given.ttl_s, by_route=given.ttl_by_route, max_bytes=given.max_bytes)

    def source_settings(self, names: Sequence[str], *, base_url: str | None = None) -> dict[str, SourceSettings]:
        """What each source is told; `base_url` beats the settings."""
        told = {}
        given = self.loaded.settings.budget
        share = None if given.share is None else given.share.get_secret_value()
        budget = BudgetOptions(share=share, reserve=given.reserve)
        kept = self.kept_options
        for name in names:
            values, configured = self.loaded.source_values(name)
            address = base_url or configured
            if address is not None and not _ADDRESS.match(address):
                said = address.rpartition("@")[2]  # what stands before may be a password
                raise ConfigError(f"{name}.base_url: {said!r} is no address; write http://HOST:PORT or https://HOST")
            told[name] = SourceSettings(
                values=values, base_url=address.rstrip("/") if address else None, budget=budget, kept=kept
            )
        return told
