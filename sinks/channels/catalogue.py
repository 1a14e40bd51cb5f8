"""Imports every file of this folder, so that :data:`sinks.contract.CHANNELS` is complete."""

import sinks.channels
from config.components import import_siblings

import_siblings("sinks.channels", list(sinks.channels.__path__))
