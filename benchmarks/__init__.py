"""Speed as ratios that anyone can measure: ``python -m benchmarks`` prints the table and writes results.md."""
