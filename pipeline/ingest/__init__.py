"""Receiving records over HTTP: signatures, the spool on disk that makes them durable, and the server."""
