"""PostgreSQL: addresses, connections, the schema as it is there, and what its failures mean."""
