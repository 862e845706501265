"""Everything that may be set, its type and its default. A name here is a key in the file and `HUBBUB_SECTION__KEY`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt, SecretStr

MIB = 1024**2


class Section(BaseModel):
    """A group of settings; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StoreSection(Section):
    """Where records are kept."""

    url: str | None = Field(
        default=None,
        description="sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE; by default hubbub.db in the home",
    )
    read_url: str | None = Field(default=None, description="PostgreSQL: a replica that answers reads")
    schema_name: str = Field(default="hubbub", description="PostgreSQL: the schema that holds the tables")
    max_lag_s: PositiveFloat = Field(
        default=30.0, description="PostgreSQL: reads go to the primary while the replica is further behind"
    )
    pool_size: PositiveInt = Field(default=5, description="PostgreSQL: connections kept for reads")
    busy_timeout_s: PositiveFloat = Field(default=15.0, description="how long a write waits for another process")
    statement_timeout_s: PositiveFloat = Field(
        default=600.0, description="PostgreSQL: a statement that takes longer is ended"
    )
    patience_s: NonNegativeFloat = Field(
        default=60.0, description="PostgreSQL: how long a lost connection is tried again"
    )
    pgbouncer: bool = Field(
        default=False, description="PostgreSQL behind PgBouncer in transaction mode: no prepared statements"
    )
    partitions: PositiveInt = Field(
        default=8, description="PostgreSQL: hash partitions of each source, fixed when a source first comes"
    )
    slow_query_ms: PositiveFloat | None = Field(
        default=None, description="log statements that take longer, at level warning"
    )
    slow_query_plan: bool = Field(default=False, description="log the plan of a slow statement, too")


class CacheSection(Section):
    """Where answers that cost work are kept for a while."""

    url: SecretStr | None = Field(
        default=None,
        description="redis://[USER:PASSWORD@]HOST:PORT/DATABASE of a Redis or Valkey; by default in the process",
    )
    ttl_s: PositiveFloat = Field(default=300.0, description="how long an answer is kept")


class AnswersSection(Section):
    """Answers of platforms that are given again without asking: for development, off by default."""

    keep: SecretStr | None = Field(
        default=None,
        description="`memory`, `file` (the folder answers/ of the home), another folder, or redis://HOST:PORT/DATABASE",
    )
    ttl_s: PositiveFloat = Field(default=3_600.0, description="how long an answer is given without asking")
    ttl_by_route: dict[str, PositiveFloat] = Field(
        default={}, description="another time for kinds of request: about, new, comments, info"
    )
    max_bytes: PositiveInt = Field(default=256 * MIB, description="kept at most; what was used longest ago goes first")


class BudgetSection(Section):
    """What a platform allows one credential, and who uses it."""

    share: SecretStr | None = Field(
        default=None,
        description="redis://HOST:PORT/DATABASE or postgresql://USER:PASSWORD@HOST/DATABASE, where all processes with"
        " one credential share its budget; by default each process counts for itself",
    )
    reserve: float = Field(default=0.05, ge=0.0, le=0.9, description="share of every window that is left for others")


class LogSection(Section):
    """What is written to stderr besides results and errors."""

    level: Literal["debug", "info", "warning", "error"] | None = Field(
        default=None, description="by default warning; -v is info, -vv debug, -q error"
    )
    format: Literal["text", "json"] = Field(default="text", description="one line of text or one JSON object an event")


class MediaSection(Section):
    """Downloads of pictures and videos."""

    allow_private_addresses: bool = Field(
        default=False, description="fetch from loopback and private networks too (a simulator on this machine)"
    )
    max_bytes: PositiveInt = Field(default=64 * MIB, description="largest file that is downloaded")
    concurrency: PositiveInt = Field(default=16, description="downloads under way at once")


class ProxiesSection(Section):
    """Proxies are listed with `hubbub proxies`; they are ways out and never multiply a budget."""

    strict: bool = Field(
        default=False, description="refuse to begin when any assigned proxy fails, instead of leaving it out"
    )


class RedditSection(Section):
    """The user's own Reddit credentials, and where Reddit is."""

    client_id: str | None = Field(default=None, description="of the application Reddit approved for you")
    client_secret: SecretStr | None = Field(default=None, description="an installed application has none")
    username: str | None = Field(default=None, description="for script applications, and named in the User-Agent")
    password: SecretStr | None = Field(default=None, description="script applications only")
    refresh_token: SecretStr | None = Field(default=None, description="of a user who authorised the application")
    device_id: str | None = Field(default=None, description="installed applications: 20 to 30 characters of your own")
    scope: str | None = Field(default=None, description="ask for these scopes only, for example `read history`")
    user_agent: str | None = Field(default=None, description="by default names hubbub, its version and the username")
    base_url: str | None = Field(default=None, description="both Reddit addresses at once: a simulator")


class ArcticSection(Section):
    """Arctic Shift's web API; it asks for no account."""

    user_agent: str | None = Field(default=None, description="by default names hubbub and its version")
    base_url: str | None = Field(default=None, description="another address of it: a simulator, a server of your own")


class ProductHuntSection(Section):
    """The user's own Product Hunt token, or the credentials of an application without a user."""

    token: SecretStr | None = Field(default=None, description="developer token of your own application")
    client_id: str | None = Field(default=None, description="of the application, where there is no developer token")
    client_secret: SecretStr | None = Field(default=None, description="of the application")
    user_agent: str | None = Field(default=None, description="by default names hubbub and its version")
    base_url: str | None = Field(default=None, description="another address of it: a simulator")


class Settings(BaseModel):
    """All settings of one invocation; load.py lays flags, environment, profile, files and defaults over each other."""

    model_config = ConfigDict(extra="allow", frozen=True)

    home: str = Field(default="./hubbub-data", description="folder of hubbub.db, blobs/, exports/ and logs/")
    store: StoreSection = StoreSection()
    cache: CacheSection = CacheSection()
    budget: BudgetSection = BudgetSection()
    answers: AnswersSection = AnswersSection()
    log: LogSection = LogSection()
    media: MediaSection = MediaSection()
    proxies: ProxiesSection = ProxiesSection()
    reddit: RedditSection = RedditSection()
    arctic: ArcticSection = ArcticSection()
    producthunt: ProductHuntSection = ProductHuntSection()


SECTIONS: dict[str, type[Section]] = {
    "store": StoreSection,
    "cache": CacheSection,
    "budget": BudgetSection,
    "answers": AnswersSection,
    "log": LogSection,
    "media": MediaSection,
    "proxies": ProxiesSection,
    "reddit": RedditSection,
    "arctic": ArcticSection,
    "producthunt": ProductHuntSection,
}
"""The sections and what each may hold."""
