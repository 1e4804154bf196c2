"""What a model made of chosen predictions, worked out from the checkpoint of a run."""
