"""Posts about the people, organisations, places and events of one world, without labels."""
