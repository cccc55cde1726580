"""What is drawn from a person's records: facts, segments, profiles and outlines."""
