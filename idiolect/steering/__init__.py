"""Inference-time control: the person moves activations or probabilities while the answer is written."""
