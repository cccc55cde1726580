"""Input level: the person stands in the text before the question."""
