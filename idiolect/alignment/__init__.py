"""Objective level: what the person prefers decides which answer is given."""
