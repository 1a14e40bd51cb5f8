"""Text to sentiment by a model that learns online: hashed n-grams, a linear model, versions of it, and its skill."""
