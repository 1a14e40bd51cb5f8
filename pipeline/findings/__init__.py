"""What window detectors found, kept for a while, and explained."""
