"""Reads tables of databases through SQLAlchemy, which is loaded when a feed of type sql is opened."""
