"""Ways to train a model, all with one signature (`harness.train.methods.contract.Method`)."""
