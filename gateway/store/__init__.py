"""SQL only. Every function takes a connection and nothing here decides."""
