"""The same job by Makegood, other stream processors and a bare loop, on the same events, verified to agree."""
