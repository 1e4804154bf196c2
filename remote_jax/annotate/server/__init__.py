"""The local page on which posts are labelled, and what it asks of its server."""
