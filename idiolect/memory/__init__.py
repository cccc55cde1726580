"""Memory: what the person said, corrected and changed is kept, found again and told before the question."""
