"""Our own API: everything that the console can do, as JSON."""
