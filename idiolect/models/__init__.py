"""Models: one protocol, and what stands behind it."""
