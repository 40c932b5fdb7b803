"""All the SQL there is; functions take a connection and never commit."""
