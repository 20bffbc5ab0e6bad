"""From training to the store by way of local disk: what keeps finished folds until MLflow has them."""
