"""What benchmarks of delivery run: a receiver that notes when something arrives, and a notifier of its own process."""
