"""What is computed at each x: curves without noise, and moments of φ and its gradients, exactly and by Monte Carlo."""
