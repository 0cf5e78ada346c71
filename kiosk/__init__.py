"""What people see and touch: one folder for each kind of person."""
