"""Facts about matter: pins, parts, wiring."""
