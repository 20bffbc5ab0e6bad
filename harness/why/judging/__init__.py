"""What was kept, judged: losses, rows, updates, and the same by ``fit()``."""
