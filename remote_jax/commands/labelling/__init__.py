"""Commands about labels of posts."""
