"""`quietbell demo`: a whole throw-away site on one machine, made and run by the product's own commands."""
