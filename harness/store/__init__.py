"""Results in and out of an MLflow store; the only importer of MLflow."""

import os

# Read by MLflow when it is imported: nothing of a study leaves the machine, and no log of its set-up.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
# Behind a server it would print addresses where a command's answer goes.
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# A server that is away is asked again by us, while training goes on; MLflow's own patience is minutes a call.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
