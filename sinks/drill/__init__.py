"""Drills: each receiver is tried with its primary broken, by its real tiers, to see who would still be told."""
