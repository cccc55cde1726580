"""Model level: the person stands in weights or vectors of their own."""
