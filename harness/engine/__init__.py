"""Units of work in, results out: here in this process. Knows no store and no configuration."""
