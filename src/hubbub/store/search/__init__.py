"""Full-text search over posts and comments: one query language, one file a database."""
