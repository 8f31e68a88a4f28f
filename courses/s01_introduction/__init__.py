"""Session 1: the neuron, logistic regression, a first hidden layer."""
