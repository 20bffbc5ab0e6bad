"""Why two loops differ: each step is recomputed as ``fit()`` would take it, and what deviates is named."""
