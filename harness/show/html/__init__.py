"""A study or an article as one HTML file that needs nothing else; no TensorFlow, no MLflow."""
