"""Parquet mirrors of dumps, read row by row; the only part of the pipeline that needs Arrow (extra `parquet`)."""
