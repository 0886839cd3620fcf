"""BERT encoders: their shape, the names of their tensors, and the sentences that they read."""
