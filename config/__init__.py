"""Settings: models, loader, defaults and examples. Imports nothing of this project."""
