"""Pictures: functions that take computed results and axes, draw, and return artists."""
