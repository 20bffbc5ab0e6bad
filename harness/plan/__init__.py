"""What is decided before a method runs: folds, row orders, seeds, and the hashes of a job."""
