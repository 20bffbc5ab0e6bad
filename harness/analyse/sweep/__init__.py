"""A sweep read as a whole: which axis matters, which configurations cannot be told from the best."""
