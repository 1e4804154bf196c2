"""What a step takes gradients of: parts of a batch, and rows of tables."""
