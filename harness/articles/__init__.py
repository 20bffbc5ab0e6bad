"""The five reproduced articles: their committed results, claims and figures; no TensorFlow, no MLflow."""
