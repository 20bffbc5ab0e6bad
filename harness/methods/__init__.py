"""Ways to train a model, all with one signature (`harness.methods.contract.Method`)."""
