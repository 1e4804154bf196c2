"""Output of a run: results, logs and scores."""
