"""Whether two methods train alike to the bit, and how far they end apart if not."""
