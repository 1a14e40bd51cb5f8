"""The memory of ids: recent ones whole, older ones as hashes that are proved against the changelog on disk."""
