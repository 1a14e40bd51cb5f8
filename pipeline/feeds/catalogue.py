"""Imports every file of this folder, so that :data:`pipeline.feeds.contract.FEEDS` is complete."""

import pipeline.feeds
from config.components import import_siblings

import_siblings("pipeline.feeds", list(pipeline.feeds.__path__))
