"""Any training script, unchanged: run, observed, and judged step by step against ``fit()``."""
