"""One program a contestant. Each runs in its own process, most of them in an environment of their own."""
