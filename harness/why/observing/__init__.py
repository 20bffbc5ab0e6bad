"""A script at work: run, its models found, their events kept."""
