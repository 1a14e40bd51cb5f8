"""How long tests wait for what must come: for hangs only. No test may pass or fail by how fast a machine is."""

PATIENCE_S = 180.0
