"""Output of a run: results, logs, scores and sweeps."""
