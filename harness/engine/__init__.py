"""Units of work in, results out: here, in other processes, on other machines. Knows no store and no configuration."""
