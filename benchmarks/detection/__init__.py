"""What the detectors are measured with: streams in which nothing is wrong, and what they make of them."""
