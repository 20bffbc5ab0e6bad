"""A study as one self-contained HTML file; no TensorFlow, no MLflow."""
