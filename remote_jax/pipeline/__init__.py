"""From posts to a completed graph, station by station."""
