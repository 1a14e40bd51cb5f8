"""What the case detectors that follow a life have in common: facts, a fold over them, episodes, and the shard."""
