"""What rows of pairs refer to: relations and boxes of objects; and what is counted of them."""
