"""Units of work in, results out: in this process, in others, or on other machines. Knows no store and no configuration."""
