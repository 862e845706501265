"""The store: the only importer of SQLAlchemy and of database drivers."""
