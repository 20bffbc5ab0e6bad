"""Folds trained by a method: model, loss, state, and what every epoch measures; no Hydra, no MLflow."""
