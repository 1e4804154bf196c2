"""Extracting at scale: folders of posts in, shards of what was found in them out."""
