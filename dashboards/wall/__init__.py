"""The wall: one screen for a room, read from metres away, that looks after itself and says when it is not live."""

from dashboards.wall.routes import install

__all__ = ["install"]
