"""Going through a command's jobs: train, record, tell, conclude."""
