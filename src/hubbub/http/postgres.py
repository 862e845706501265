"""How addresses of a PostgreSQL are read; whoever connects loads the driver, which is an extra."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import msgspec
import psycopg


class PostgresAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where something in PostgreSQL is."""

    conninfo: str
    """As libpq reads it."""
    schema: str | None
    """The schema that the address names."""
    place: str
    """Host, port and database, without user and password."""


def read_address(url: str) -> PostgresAddress:
    """Understand `postgresql://…[?schema=NAME&…]`; other parameters go to the driver.

    Raises ValueError, whose words may hold a part of the password, for what is no address."""
    try:
        parts = urlsplit(url)
        if "," not in parts.netloc:  # several hosts are libpq's own way of naming a cluster
            _ = parts.port  # raises ValueError for a port that is none
        parameters = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        rest = urlencode([pair for pair in parameters if pair[0] != "schema"], quote_via=quote)
        conninfo = urlunsplit(("postgresql", parts.netloc, parts.path, rest, ""))
        known = psycopg.conninfo.conninfo_to_dict(conninfo)
    except psycopg.Error as err:
        raise ValueError(str(err)) from err
    host, port = known.get("host", "localhost"), known.get("port")
    where = f"{host}:{port}" if port and "," not in str(port) else host
    schemas = [value for name, value in parameters if name == "schema"]
    return PostgresAddress(
        conninfo=conninfo,
        schema=schemas[-1] if schemas else None,
        place=f"postgresql://{where}/{known.get('dbname', '')}",
    )
