"""Imports every file of this folder, so that :data:`detectors.contract.DETECTORS` is complete."""

import detectors
from config.components import import_siblings

import_siblings("detectors", list(detectors.__path__))
