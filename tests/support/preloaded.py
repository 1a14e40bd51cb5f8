"""What processes that tests fork have loaded: all that a flow, a replay and a notifier use. It starts no threads."""

import pipeline.cli
import pipeline.commands.shell
import pipeline.replay
import pipeline.run
import pipeline.server
from detectors.models.river_safe import drift_models
from pipeline.assembly import settings_model
from pipeline.feeds.kafka_values import reader
from tests.support import killed_notifier, listening

settings_model()
__all__ = ["drift_models", "killed_notifier", "listening", "pipeline", "reader"]
