"""What each kind of unit pays in bias for its gradient."""
