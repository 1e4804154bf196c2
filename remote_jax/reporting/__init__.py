"""What a run tells: results, logs, scores and sweeps."""
