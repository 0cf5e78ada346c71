"""What a learner sees on the kiosk."""
