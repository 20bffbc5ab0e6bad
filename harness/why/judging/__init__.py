"""What was kept, judged: steps, rows, updates, and the same by ``fit()``."""
