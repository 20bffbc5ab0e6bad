"""One file a rule: what a step, a row order or a report is held against."""
