"""What a technician issues: the site book, its authorities, devices and the broker."""
