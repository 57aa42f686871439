"""Studies of finished synthetic environments: who learns in them, and what they look like."""
