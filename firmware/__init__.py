"""What a Quietbell device does when nobody looks: no screen, no web."""
