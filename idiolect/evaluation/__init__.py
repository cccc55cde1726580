"""What a method is worth on given people: tasks, metrics, the comparison with its controls, its table and its report."""
