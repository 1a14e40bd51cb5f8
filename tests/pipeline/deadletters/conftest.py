from tests.support.logging_fixtures import logging_as_it_was

__all__ = ["logging_as_it_was"]
