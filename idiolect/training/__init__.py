"""Training: one loss or loop per file. Many people learn in one pass, each with parameters and optimizer state of their own."""
