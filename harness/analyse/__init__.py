"""From results to statistics, verdicts and attributions: plain numbers, no TensorFlow, no MLflow."""
