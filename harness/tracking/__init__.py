"""Results in and out of an MLflow store; the only importer of MLflow."""
