"""Commands that stand above everything: they serve or build what people look at."""
