"""Arrow, or the word which extra brings it."""

from __future__ import annotations

from hubbub.errors import ConfigError

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
    from pyarrow import ipc
except ModuleNotFoundError as missing:
    if missing.name != "pyarrow":
        raise
    raise ConfigError("Parquet files need the extra 'parquet'", advice="pip install 'hubbub[parquet]'") from missing

__all__ = ["ipc", "pa", "pc", "pq"]
