"""Schedules of the noise level, and descent of many trajectories while it falls."""
