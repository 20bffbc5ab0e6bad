"""What a script takes as its loss, told from what was seen."""
