"""What is done to features between their files and the model."""
