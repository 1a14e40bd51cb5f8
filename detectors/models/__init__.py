"""River models, wrapped and guarded."""
